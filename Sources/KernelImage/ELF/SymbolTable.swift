internal import CElfutils
internal import Glibc

/// The symbols of an image, sorted by address; names are demangled when they are asked for.
struct SymbolTable: Sendable {
    private struct Entry: Sendable {
        var address: UInt64
        var size: UInt64
        var name: String
        var kind: ImageSymbol.Kind
        /// How good a name it is for its address: global functions and data before labels.
        var rank: Int
    }

    private var entries: [Entry] = []

    /// The most symbols that are read.
    private static let limit = 1 << 24

    init(elf: OpaquePointer, section: OpaquePointer?) {
        guard let section else { return }
        var header = GElf_Shdr()
        guard gelf_getshdr(section, &header) != nil, header.sh_entsize > 0, let data = elf_getdata(section, nil) else {
            return
        }
        let count = min(Int(clamping: header.sh_size / header.sh_entsize), SymbolTable.limit)
        entries.reserveCapacity(count)
        for index in 0..<count {
            var symbol = GElf_Sym()
            guard gelf_getsym(data, Int32(index), &symbol) != nil else { break }
            guard symbol.st_shndx != UInt16(SHN_UNDEF), symbol.st_value != 0 else { continue }
            let type = Int32(symbol.st_info & 0xF)
            guard type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE else { continue }
            guard let text = elf_strptr(elf, Int(header.sh_link), Int(symbol.st_name)), text.pointee != 0 else {
                continue
            }
            let isGlobal = symbol.st_info >> 4 != UInt8(STB_LOCAL)
            let kind: ImageSymbol.Kind = type == STT_FUNC ? .function : type == STT_OBJECT ? .object : .other
            entries.append(
                Entry(
                    address: symbol.st_value, size: symbol.st_size, name: String(cString: text), kind: kind,
                    rank: (kind == .other ? 0 : 2) + (isGlobal ? 1 : 0)))
        }
        // Of several names for one address the best one comes last.
        entries.sort { ($0.address, $0.rank, $1.name) < ($1.address, $1.rank, $0.name) }
    }

    /// The symbols whose demangled path ends in `path`, whole components only.
    func symbols(named path: String) -> [ImageSymbol] {
        let components = path.split(separator: ":", omittingEmptySubsequences: true)
        guard let last = components.last else { return [] }
        let wanted = String(last)
        var result: [ImageSymbol] = []
        for entry in entries where strstr(entry.name, wanted) != nil {
            let symbol = demangled(entry)
            guard SymbolPath.ends(symbol.name, in: path) else { continue }
            if !result.contains(where: { $0.address == symbol.address }) { result.append(symbol) }
        }
        return result
    }

    /// Every function, by address.
    func functions() -> [ImageSymbol] { entries.filter { $0.kind == .function }.map(demangled) }

    /// The symbol that holds an address: the nearest one at or before it whose size reaches it.
    ///
    /// A symbol without a size reaches to the next one, but not out of `section`.
    func symbol(containing address: UInt64, section: ImageSection?) -> ImageSymbol? {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].address <= address { low = middle + 1 } else { high = middle }
        }
        var index = low - 1
        // A label inside a function does not hide it: a few steps back are looked at.
        var fallback: Entry?
        var steps = 0
        while index >= 0, steps < 64 {
            let entry = entries[index]
            if entry.size > 0 {
                if address &- entry.address < entry.size { return demangled(entry) }
                if fallback != nil || entry.rank >= 2 { break }
            } else if fallback == nil {
                fallback = entry
            }
            index -= 1
            steps += 1
        }
        guard let fallback, let section, section.contains(fallback.address) else { return nil }
        return demangled(fallback)
    }

    private func demangled(_ entry: Entry) -> ImageSymbol {
        ImageSymbol(
            name: Demangler.demangle(entry.name), rawName: entry.name, address: entry.address, size: entry.size,
            kind: entry.kind)
    }
}
