/// `QStartNoAckMode`: packets are no longer acknowledged.
struct StartNoAckMode: StubRequest {
    let purpose = "to do without acknowledgements"
    var payload: [UInt8] { Array("QStartNoAckMode".utf8) }

    /// Whether the stub agreed.
    func decode(_ answer: StubAnswer) -> Bool { answer.isOK }
}
