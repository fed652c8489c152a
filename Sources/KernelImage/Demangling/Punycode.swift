/// Identifiers with letters beyond ASCII: RFC 3492, with `_` instead of `-` as the Rust compiler writes it.
enum Punycode {
    /// The text; nil for what does not decode.
    static func decode(_ bytes: ArraySlice<UInt8>) -> String? {
        let separator = bytes.lastIndex(of: 0x5F)
        var scalars = (separator.map { bytes[bytes.startIndex..<$0] } ?? []).map { UInt32($0) }
        var input = bytes[(separator.map { $0 + 1 } ?? bytes.startIndex)...]
        var code: UInt64 = 0x80
        var index: UInt64 = 0
        var bias: UInt64 = 72
        var isFirst = true
        while !input.isEmpty {
            let before = index
            var weight: UInt64 = 1
            var base: UInt64 = 36
            while true {
                guard let byte = input.popFirst() else { return nil }
                let digit: UInt64
                switch byte {
                case 0x61...0x7A: digit = UInt64(byte - 0x61)
                case 0x30...0x39: digit = UInt64(byte - 0x30) + 26
                default: return nil
                }
                index += digit * weight
                guard index <= 1 << 32 else { return nil }
                let threshold = base <= bias ? 1 : min(base - bias, 26)
                if digit < threshold { break }
                weight *= 36 - threshold
                guard weight <= 1 << 32 else { return nil }
                base += 36
            }
            let count = UInt64(scalars.count + 1)
            var delta = isFirst ? (index - before) / 700 : (index - before) / 2
            isFirst = false
            delta += delta / count
            var shift: UInt64 = 0
            while delta > 455 {
                delta /= 35
                shift += 36
            }
            bias = shift + 36 * delta / (delta + 38)
            code += index / count
            index %= count
            guard code <= 0x10FFFF, scalars.count < 1024 else { return nil }
            scalars.insert(UInt32(code), at: Int(index))
            index += 1
        }
        var text = ""
        for value in scalars {
            guard let scalar = Unicode.Scalar(value) else { return nil }
            text.unicodeScalars.append(scalar)
        }
        return text
    }
}
