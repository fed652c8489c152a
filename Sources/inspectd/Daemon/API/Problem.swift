import FrameInspect
import HTTPTypes
import Hummingbird

/// An error of the API, as RFC 9457 has it.
struct Problem: Error, Sendable {
    /// The status.
    var status: HTTPResponse.Status
    /// One sentence: what happened, where, what to do next.
    var detail: String

    init(_ status: HTTPResponse.Status, _ detail: String) {
        self.status = status
        self.detail = detail
    }

    /// What an error means to a client.
    init(_ error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as HTTPError: self.init(error.status, error.body ?? error.status.reasonPhrase)
        case let error as CommandError:
            let status: HTTPResponse.Status =
                switch error.status {
                case .usage: .badRequest
                case .mismatch: .conflict
                default: .serviceUnavailable
                }
            self.init(status, error.description)
        case let error as InspectorError:
            let status: HTTPResponse.Status =
                switch error.code {
                case .usage: .badRequest
                case .imageMismatch, .imageUnusable, .profileMismatch, .notInitialised: .conflict
                default: .serviceUnavailable
                }
            self.init(status, ErrorReport.sentence(of: error))
        case is ProfileError: self.init(.badRequest, ErrorReport.sentence(of: error))
        case let error as FilterError: self.init(.badRequest, String(describing: error))
        case is CancellationError: self.init(.serviceUnavailable, "the daemon is about to end")
        default: self.init(.internalServerError, ErrorReport.sentence(of: error))
        }
    }

    /// The answer.
    var response: Response {
        let body = JSONValue.object([
            ("type", .string("about:blank")), ("title", .string(status.reasonPhrase)),
            ("status", .number(UInt64(max(status.code, 0)))), ("detail", .string(detail)),
        ])
        return Response(status: status, type: "application/problem+json", text: body.text)
    }
}
