internal import GuestMemory

/// Reads a vector of address spaces.
struct AddressSpaceList {
    /// The most address spaces that are read.
    static let maximumElements: UInt64 = 1 << 16

    /// An address space as the kernel lists it.
    struct Element: Hashable, Sendable {
        /// Identifier.
        var identifier: UInt64
        /// Physical address of the top page table.
        var root: UInt64
    }

    let layout: AddressSpaceLayout
    let reader: PageReader

    /// The elements of the vector at `address`, and what is wrong with it.
    func read(at address: UInt64) async throws(MemoryError) -> ([Element], problem: String?) {
        let vector = UnsafeMutableRawPointer.allocate(byteCount: layout.vector.size, alignment: 16)
        defer { vector.deallocate() }
        try await reader.copy(address, layout.vector.size, to: vector)
        let start = UnsafeRawPointer(vector).number(layout.vector.pointer)
        let length = UnsafeRawPointer(vector).number(layout.vector.length)
        guard length <= AddressSpaceList.maximumElements else {
            return ([], "the list of address spaces would have \(length) elements")
        }
        let element = UnsafeMutableRawPointer.allocate(byteCount: layout.vector.stride, alignment: 16)
        defer { element.deallocate() }
        var elements: [Element] = []
        for index in 0..<length {
            let place = start &+ index &* UInt64(layout.vector.stride)
            do {
                try await reader.copy(place, layout.vector.stride, to: element)
            } catch {
                guard error.isOfTheGuest else { throw error }
                return (
                    elements, "an address space would be described at 0x\(String(place, radix: 16)): \(error.message)"
                )
            }
            let bytes = UnsafeRawPointer(element)
            elements.append(Element(identifier: bytes.number(layout.identifier), root: bytes.number(layout.root)))
        }
        return (elements, nil)
    }
}
