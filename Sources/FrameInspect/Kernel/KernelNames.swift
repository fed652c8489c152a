internal import CallGraph
internal import GuestMemory
internal import KernelImage
internal import Synchronization
internal import SystemPackage

/// Names for addresses in the kernel; the image is read when the first name is asked for.
final class KernelNames: Sendable {
    private let path: FilePath?
    private let slide: UInt64
    private let image: Mutex<KernelImage?>

    init(path: FilePath?, slide: UInt64, image: KernelImage? = nil) {
        self.path = path
        self.slide = slide
        self.image = Mutex(image)
    }

    /// What the image says of an address in the guest.
    func describe(_ address: UInt64, permissions: String? = nil) -> CodePlace {
        var place = CodePlace(address: VirtualAddress(address), permissions: permissions)
        guard let image = opened() else { return place }
        let linked = address &- slide
        if let symbol = image.symbol(containing: linked) {
            place.symbol = symbol.name
            place.symbolOffset = linked &- symbol.address
        }
        place.section = image.section(containing: linked)?.name
        if let location = image.sourceLocation(at: linked) {
            place.file = location.file
            place.line = location.line
        }
        return place
    }

    /// Names for the call graph; nil without an image.
    func codeNames() -> (any CodeNames)? {
        opened().map { ImageNames(image: $0, slide: slide) }
    }

    func opened() -> KernelImage? {
        image.withLock { image in
            if image == nil, let path { image = try? KernelImage(path: path) }
            return image
        }
    }
}
