/// One kind of request to a stub: its bytes, and what the answer says.
///
/// No request writes to the target's memory or registers, and none is of the kind that ends QEMU (`k`, `vKill`, `bc`, `bs`,
/// `D` of an unknown process) or resumes its guest unasked (`C05`, `F`).
protocol StubRequest: Sendable {
    /// What the answer says.
    associatedtype Reply: Sendable

    /// The packet's payload, before escaping.
    var payload: [UInt8] { get }
    /// What is asked, as the object of "the stub refused".
    var purpose: String { get }

    /// Reads the answer.
    ///
    /// - Throws: ``GDBError`` with `.refusedByStub` or `.malformed`.
    func decode(_ answer: StubAnswer) throws(GDBError) -> Reply
}
