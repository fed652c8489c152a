import Foundation
import FrameInspect
import GuestMemory
import HTTPTypes
import Hummingbird

/// The parts of a request, checked: whatever is wrong is the client's mistake and says so.
struct RequestFields {
    let request: Request
    let context: APIContext

    /// The query's parameters; one that is not known, or is given twice, is refused.
    func query(_ known: String...) throws(Problem) -> [String: String] {
        var result: [String: String] = [:]
        for (key, value) in request.uri.queryParameters {
            let name = String(key)
            guard known.contains(name) else {
                let hint =
                    Suggestion.closest(to: name, among: known).map { "did you mean \($0)?" }
                    ?? (known.isEmpty ? "there are none here" : "there are: \(known.joined(separator: ", "))")
                throw Problem(.badRequest, "there is no parameter '\(name)'; \(hint)")
            }
            guard result.updateValue(String(value), forKey: name) == nil else {
                throw Problem(.badRequest, "the parameter '\(name)' is given twice")
            }
        }
        return result
    }

    /// A part of the path, decoded.
    func path(_ name: String) throws(Problem) -> String {
        guard let text = context.parameters.get(name)?.removingPercentEncoding, !text.isEmpty else {
            throw Problem(.badRequest, "the path has no \(name)")
        }
        return text
    }

    /// A frame number in the path.
    func frame() throws(Problem) -> FrameNumber {
        let text = try path("pfn")
        guard let number = NumberText.parse(text), number < AddressRange.limit >> 12 else {
            throw Problem(.badRequest, "'\(text)' is no frame number; write for example 4660 or 0x1234")
        }
        return FrameNumber(number)
    }

    /// A physical address in the path.
    func address() throws(Problem) -> UInt64 {
        let text = try path("address")
        guard let number = NumberText.parse(text), number < AddressRange.limit else {
            throw Problem(.badRequest, "'\(text)' is no physical address; write for example 0x1234000")
        }
        return number
    }

    /// A number among the query's parameters.
    static func number<Value: FixedWidthInteger>(
        _ query: [String: String], _ name: String, _ range: ClosedRange<Value>
    ) throws(Problem) -> Value? {
        guard let text = query[name] else { return nil }
        guard let number = NumberText.parse(text), let value = Value(exactly: number), range.contains(value) else {
            throw Problem(
                .badRequest, "\(name) is '\(text)'; it must be a number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return value
    }

    /// A moment among the query's parameters, in seconds since 1970: RFC 3339, or seconds.
    static func time(_ query: [String: String], _ name: String) throws(Problem) -> Double? {
        guard let text = query[name] else { return nil }
        guard let seconds = TimeText.parse(text) else {
            throw Problem(
                .badRequest, "\(name) is '\(text)'; write a time like 2026-01-31T12:00:00Z, or seconds since 1970")
        }
        return seconds
    }
}
