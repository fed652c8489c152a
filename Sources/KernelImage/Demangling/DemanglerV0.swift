/// Reads symbols of rustc's v0 scheme: RFC 2603 of the Rust project.
struct DemanglerV0 {
    /// How deep paths and types may nest.
    private static let maximumDepth = 128
    /// How many parts a symbol may have, back references followed.
    private static let maximumSteps = 20_000

    /// Thrown for what is no symbol of the scheme.
    private struct Malformed: Error {}

    private let bytes: [UInt8]
    private var position = 0
    private var output = ""
    private var depth = 0
    private var steps = 0
    /// Parts that are read but not shown.
    private var isQuiet = false
    private var boundLifetimes: UInt64 = 0

    /// The readable name of a symbol without its `_R`; nil for what is none.
    static func demangle(_ bytes: ArraySlice<UInt8>) -> String? {
        // What follows a dot or a dollar is the compiler's, not the scheme's.
        let end = bytes.firstIndex { $0 == 0x2E || $0 == 0x24 } ?? bytes.endIndex
        var reader = DemanglerV0(bytes: Array(bytes[bytes.startIndex..<end]))
        do {
            if let first = reader.peek, (0x30...0x39).contains(first) { return nil }
            try reader.path(inValue: true)
            if reader.position < reader.bytes.count {
                reader.isQuiet = true
                try reader.path(inValue: false)
            }
            return reader.position == reader.bytes.count ? reader.output : nil
        } catch {
            return nil
        }
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    // MARK: Letters and numbers

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func next() throws(Malformed) -> UInt8 {
        guard let byte = peek else { throw Malformed() }
        position += 1
        return byte
    }

    private mutating func take(_ letter: Character) -> Bool {
        guard let byte = peek, byte == letter.asciiValue else { return false }
        position += 1
        return true
    }

    private mutating func emit(_ text: String) throws(Malformed) {
        guard !isQuiet else { return }
        guard output.utf8.count + text.utf8.count <= Demangler.limit else { throw Malformed() }
        output += text
    }

    private mutating func decimal() throws(Malformed) -> Int {
        var value = 0
        guard let first = peek, (0x30...0x39).contains(first) else { throw Malformed() }
        if first == 0x30 {
            position += 1
            return 0
        }
        while let byte = peek, (0x30...0x39).contains(byte) {
            value = value * 10 + Int(byte - 0x30)
            guard value <= Demangler.limit else { throw Malformed() }
            position += 1
        }
        return value
    }

    /// Digits 0-9, a-z, A-Z up to `_`; `_` alone is 0.
    private mutating func base62() throws(Malformed) -> UInt64 {
        if take("_") { return 0 }
        var value: UInt64 = 0
        while true {
            let byte = try next()
            let digit: UInt64
            switch byte {
            case 0x5F:
                let (sum, overflow) = value.addingReportingOverflow(1)
                guard !overflow else { throw Malformed() }
                return sum
            case 0x30...0x39: digit = UInt64(byte - 0x30)
            case 0x61...0x7A: digit = UInt64(byte - 0x61) + 10
            case 0x41...0x5A: digit = UInt64(byte - 0x41) + 36
            default: throw Malformed()
            }
            let (product, tooLarge) = value.multipliedReportingOverflow(by: 62)
            let (sum, overflow) = product.addingReportingOverflow(digit)
            guard !tooLarge, !overflow else { throw Malformed() }
            value = sum
        }
    }

    private mutating func optionalBase62(_ tag: Character) throws(Malformed) -> UInt64 {
        guard take(tag) else { return 0 }
        let (sum, overflow) = try base62().addingReportingOverflow(1)
        guard !overflow else { throw Malformed() }
        return sum
    }

    /// An identifier with the number that tells it from others of its name.
    private mutating func identifier() throws(Malformed) -> (name: String, disambiguator: UInt64) {
        let disambiguator = try optionalBase62("s")
        return (try plainIdentifier(), disambiguator)
    }

    private mutating func plainIdentifier() throws(Malformed) -> String {
        let isPunycode = take("u")
        let length = try decimal()
        _ = take("_")
        guard length <= bytes.count - position else { throw Malformed() }
        let text = bytes[position..<(position + length)]
        position += length
        guard isPunycode else { return String(decoding: text, as: UTF8.self) }
        guard let decoded = Punycode.decode(text) else { throw Malformed() }
        return decoded
    }

    private mutating func nested(_ body: (inout DemanglerV0) throws(Malformed) -> Void) throws(Malformed) {
        depth += 1
        steps += 1
        defer { depth -= 1 }
        guard depth <= DemanglerV0.maximumDepth, steps <= DemanglerV0.maximumSteps else { throw Malformed() }
        try body(&self)
    }

    /// Reads something again that stands earlier in the symbol.
    private mutating func backReference(_ body: (inout DemanglerV0) throws(Malformed) -> Void) throws(Malformed) {
        let start = position - 1
        let target = try base62()
        guard target < UInt64(start) else { throw Malformed() }
        // Where nothing is shown nothing needs to be read again.
        guard !isQuiet else { return }
        let back = position
        position = Int(target)
        try nested(body)
        position = back
    }

    // MARK: Paths

    private mutating func path(inValue: Bool) throws(Malformed) {
        try nested { (reader) throws(Malformed) in try reader.pathBody(inValue: inValue) }
    }

    private mutating func pathBody(inValue: Bool) throws(Malformed) {
        switch try next() {
        case 0x43: try emit(try identifier().name)  // C: crate
        case 0x4E:  // N: nested
            let space = try next()
            try path(inValue: inValue)
            let (name, disambiguator) = try identifier()
            switch space {
            case 0x41...0x5A:
                let kind = space == 0x43 ? "closure" : space == 0x53 ? "shim" : String(UnicodeScalar(space))
                try emit("::{\(kind)\(name.isEmpty ? "" : ":" + name)#\(disambiguator)}")
            case 0x61...0x7A: if !name.isEmpty { try emit("::" + name) }
            default: throw Malformed()
            }
        case 0x4D:  // M: inherent implementation
            try implementationPath()
            try emit("<")
            try type()
            try emit(">")
        case 0x58:  // X: implementation of a trait
            try implementationPath()
            try qualified()
        case 0x59: try qualified()  // Y: trait definition
        case 0x49:  // I: generic arguments
            try path(inValue: inValue)
            try emit(inValue ? "::<" : "<")
            try list { (reader) throws(Malformed) in try reader.genericArgument() }
            try emit(">")
        case 0x42: try backReference { (reader) throws(Malformed) in try reader.path(inValue: inValue) }
        default: throw Malformed()
        }
    }

    private mutating func implementationPath() throws(Malformed) {
        _ = try optionalBase62("s")
        let before = isQuiet
        isQuiet = true
        try path(inValue: false)
        isQuiet = before
    }

    private mutating func qualified() throws(Malformed) {
        try emit("<")
        try type()
        try emit(" as ")
        try path(inValue: false)
        try emit(">")
    }

    @discardableResult
    private mutating func list(
        _ element: (inout DemanglerV0) throws(Malformed) -> Void
    ) throws(Malformed) -> Int {
        var count = 0
        while !take("E") {
            if count > 0 { try emit(", ") }
            try element(&self)
            count += 1
        }
        return count
    }

    private mutating func genericArgument() throws(Malformed) {
        if take("L") {
            try lifetime(try base62())
        } else if take("K") {
            try constant()
        } else {
            try type()
        }
    }

    private mutating func lifetime(_ index: UInt64) throws(Malformed) {
        guard index > 0 else { return try emit("'_") }
        guard index <= boundLifetimes else { return isQuiet ? () : try emit("'_") }
        let number = boundLifetimes - index
        try emit(number < 26 ? "'" + String(UnicodeScalar(UInt8(0x61 + number))) : "'_\(number)")
    }

    private mutating func binder(_ body: (inout DemanglerV0) throws(Malformed) -> Void) throws(Malformed) {
        let count = try optionalBase62("G")
        guard count <= 1024 else { throw Malformed() }
        if count > 0 {
            try emit("for<")
            for index in 0..<count {
                if index > 0 { try emit(", ") }
                boundLifetimes += 1
                try lifetime(1)
            }
            try emit("> ")
        }
        try body(&self)
        boundLifetimes -= min(count, boundLifetimes)
    }

    // MARK: Types

    private static let basicTypes: [UInt8: String] = [
        0x61: "i8", 0x62: "bool", 0x63: "char", 0x64: "f64", 0x65: "str", 0x66: "f32", 0x68: "u8", 0x69: "isize",
        0x6A: "usize", 0x6C: "i32", 0x6D: "u32", 0x6E: "i128", 0x6F: "u128", 0x70: "_", 0x73: "i16", 0x74: "u16",
        0x75: "()", 0x76: "...", 0x78: "i64", 0x79: "u64", 0x7A: "!",
    ]

    private mutating func type() throws(Malformed) {
        try nested { (reader) throws(Malformed) in try reader.typeBody() }
    }

    private mutating func typeBody() throws(Malformed) {
        let tag = try next()
        if let basic = DemanglerV0.basicTypes[tag] { return try emit(basic) }
        switch tag {
        case 0x41, 0x53:  // A: array, S: slice
            try emit("[")
            try type()
            if tag == 0x41 {
                try emit("; ")
                try constant()
            }
            try emit("]")
        case 0x54:  // T: tuple
            try emit("(")
            let count = try list { (reader) throws(Malformed) in try reader.type() }
            try emit(count == 1 ? ",)" : ")")
        case 0x52, 0x51:  // R: reference, Q: mutable reference
            try emit("&")
            if take("L") {
                let index = try base62()
                if index > 0 {
                    try lifetime(index)
                    try emit(" ")
                }
            }
            if tag == 0x51 { try emit("mut ") }
            try type()
        case 0x50, 0x4F:  // P: *const, O: *mut
            try emit(tag == 0x50 ? "*const " : "*mut ")
            try type()
        case 0x46: try binder { (reader) throws(Malformed) in try reader.functionType() }  // F
        case 0x44:  // D: trait object
            try emit("dyn ")
            try binder { (reader) throws(Malformed) in try reader.traits() }
            guard take("L") else { throw Malformed() }
            let index = try base62()
            if index > 0 {
                try emit(" + ")
                try lifetime(index)
            }
        case 0x42: try backReference { (reader) throws(Malformed) in try reader.type() }  // B
        default:
            position -= 1
            try path(inValue: false)
        }
    }

    private mutating func functionType() throws(Malformed) {
        if take("U") { try emit("unsafe ") }
        if take("K") {
            let name = take("C") ? "C" : try plainIdentifier()
            try emit("extern \"\(name.replacing("_", with: "-"))\" ")
        }
        try emit("fn(")
        try list { (reader) throws(Malformed) in try reader.type() }
        try emit(")")
        if take("u") { return }
        try emit(" -> ")
        try type()
    }

    private mutating func traits() throws(Malformed) {
        var count = 0
        while !take("E") {
            if count > 0 { try emit(" + ") }
            count += 1
            var isOpen = try traitPath()
            while take("p") {
                try emit(isOpen ? ", " : "<")
                isOpen = true
                try emit(try plainIdentifier() + " = ")
                try type()
            }
            if isOpen { try emit(">") }
        }
    }

    /// A trait's path with its generic arguments left open for associated types.
    private mutating func traitPath() throws(Malformed) -> Bool {
        if take("B") {
            var isOpen = false
            try backReference { (reader) throws(Malformed) in isOpen = try reader.traitPath() }
            return isOpen
        }
        guard take("I") else {
            try path(inValue: false)
            return false
        }
        try path(inValue: false)
        try emit("<")
        try list { (reader) throws(Malformed) in try reader.genericArgument() }
        return true
    }

    // MARK: Constants

    private mutating func constant() throws(Malformed) {
        try nested { (reader) throws(Malformed) in try reader.constantBody() }
    }

    private mutating func constantBody() throws(Malformed) {
        switch try next() {
        case 0x70: try emit("_")  // p: placeholder
        case 0x42: try backReference { (reader) throws(Malformed) in try reader.constant() }
        case 0x62:  // bool
            switch try hexadecimal() {
            case "0": try emit("false")
            case "1": try emit("true")
            default: throw Malformed()
            }
        case 0x63:  // char
            guard let value = UInt32(try hexadecimal(), radix: 16), let scalar = Unicode.Scalar(value) else {
                throw Malformed()
            }
            try emit("'\(scalar.escaped(asASCII: false))'")
        case 0x61, 0x73, 0x6C, 0x78, 0x6E, 0x69:  // signed
            if take("n") { try emit("-") }
            try number()
        case 0x68, 0x74, 0x6D, 0x79, 0x6F, 0x6A: try number()  // unsigned
        case 0x65:  // str
            try emit("*\"\(try text())\"")
        case 0x52, 0x51:
            if take("e") {
                try emit("\"\(try text())\"")
            } else {
                try emit("&")
                try constant()
            }
        case 0x41:
            try emit("[")
            try list { (reader) throws(Malformed) in try reader.constant() }
            try emit("]")
        case 0x54:
            try emit("(")
            let count = try list { (reader) throws(Malformed) in try reader.constant() }
            try emit(count == 1 ? ",)" : ")")
        case 0x56: try structure()
        default: throw Malformed()
        }
    }

    private mutating func structure() throws(Malformed) {
        try path(inValue: true)
        switch try next() {
        case 0x55: break  // U: unit
        case 0x54:
            try emit("(")
            try list { (reader) throws(Malformed) in try reader.constant() }
            try emit(")")
        case 0x53:
            try emit(" { ")
            try list { (reader) throws(Malformed) in
                let (name, _) = try reader.identifier()
                try reader.emit(name + ": ")
                try reader.constant()
            }
            try emit(" }")
        default: throw Malformed()
        }
    }

    private mutating func hexadecimal() throws(Malformed) -> String {
        var digits = ""
        while !take("_") {
            let byte = try next()
            guard (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) else { throw Malformed() }
            digits.unicodeScalars.append(UnicodeScalar(byte))
        }
        let trimmed = digits.drop { $0 == "0" }
        return trimmed.isEmpty ? "0" : String(trimmed)
    }

    private mutating func number() throws(Malformed) {
        let digits = try hexadecimal()
        try emit(UInt64(digits, radix: 16).map { String($0) } ?? "0x" + digits)
    }

    private mutating func text() throws(Malformed) -> String {
        var bytes: [UInt8] = []
        var high: UInt8?
        while !take("_") {
            guard let digit = DemanglerV0.hexDigit(try next()) else { throw Malformed() }
            if let first = high {
                bytes.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        guard high == nil else { throw Malformed() }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
