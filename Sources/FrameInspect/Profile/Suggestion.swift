/// Finds what somebody may have meant.
public enum Suggestion {
    /// The name nearest to `text`, if it is near enough to be a misspelling; letter case counts little.
    public static func closest(to text: String, among names: [String]) -> String? {
        guard text.utf8.count <= 64 else { return nil }
        let wanted = Array(text.lowercased().utf8)
        var best: (name: String, distance: Int)?
        for name in names where name.utf8.count <= 64 {
            let distance = distance(wanted, Array(name.lowercased().utf8))
            if distance < best?.distance ?? Int.max { best = (name, distance) }
        }
        guard let best, best.distance <= max(1, wanted.count / 3) else { return nil }
        return best.name
    }

    /// Edits between two texts: insertions, deletions, replacements and swaps of neighbours.
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var older = [Int](repeating: 0, count: right.count + 1)
        var old = Array(0...right.count)
        for (row, leftByte) in left.enumerated() {
            var new = [row + 1]
            new.reserveCapacity(right.count + 1)
            for (column, rightByte) in right.enumerated() {
                var cost = min(old[column + 1] + 1, new[column] + 1, old[column] + (leftByte == rightByte ? 0 : 1))
                if row > 0, column > 0, leftByte == right[column - 1], left[row - 1] == rightByte {
                    cost = min(cost, older[column - 1] + 1)
                }
                new.append(cost)
            }
            older = old
            old = new
        }
        return old[right.count]
    }
}
