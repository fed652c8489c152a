internal import GuestMemory

/// Compares the guest's code with an image's.
enum KernelCode {
    /// How the comparison ended.
    enum Match: Hashable, Sendable {
        /// All samples are equal.
        case equal(samples: Int)
        /// A sample differs; some may be equal.
        case different(equal: Int, of: Int, address: UInt64, image: [UInt8], guest: [UInt8])
        /// A sample is not even mapped in the guest.
        case unmapped(address: UInt64, reason: String)
        /// The image has no code to compare.
        case nothingToCompare
    }

    /// Reads the samples from the guest and compares.
    static func match(
        _ samples: [KernelFacts.CodeSample], slide: UInt64, in memory: VirtualMemory
    ) async throws(MemoryError) -> Match {
        guard !samples.isEmpty else { return .nothingToCompare }
        var equal = 0
        var difference: (UInt64, [UInt8], [UInt8])?
        for sample in samples {
            let address = sample.address &+ slide
            let bytes: [UInt8]
            do {
                bytes = try await memory.bytes(at: VirtualAddress(address), count: sample.bytes.count)
            } catch {
                switch error.code {
                case .notMapped, .badPageTable, .notRAM: return .unmapped(address: address, reason: error.message)
                default: throw error
                }
            }
            if bytes == sample.bytes {
                equal += 1
            } else if difference == nil {
                difference = (address, sample.bytes, bytes)
            }
        }
        guard let (address, image, guest) = difference else { return .equal(samples: equal) }
        return .different(equal: equal, of: samples.count, address: address, image: image, guest: guest)
    }
}
