import HTTPTypes
import Hummingbird

/// Guards the TCP listener: a token, and only names of this machine, so that no page of another site gets in.
struct AccessMiddleware: RouterMiddleware {
    /// The token that clients must show.
    let token: String
    private static let cookie = "inspectd-token"

    func handle(
        _ request: Request, context: APIContext, next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        guard let authority = request.head.authority, Self.isLocal(authority) else {
            throw Problem(
                .misdirectedRequest,
                "this listener answers to names of this machine only: 127.0.0.1, [::1] and localhost")
        }
        if let origin = request.headers[.origin], origin != "http://" + authority {
            throw Problem(.forbidden, "requests from pages of \(DisplayText.harmless(origin)) are refused")
        }
        // A browser shows the token once in the address; from then on a cookie does.
        if request.method == .get, let shown = request.uri.queryParameters["token"] {
            guard Self.isSame(String(shown), token) else { throw Self.refusal }
            var response = Response(status: .seeOther, headers: [.location: request.uri.path])
            response.headers[.setCookie] = "\(Self.cookie)=\(token); Path=/; HttpOnly; SameSite=Strict"
            response.headers[.cacheControl] = "no-store"
            return response
        }
        guard let shown = bearer(request) ?? cookie(request), Self.isSame(shown, token) else { throw Self.refusal }
        return try await next(request, context)
    }

    private static var refusal: Problem {
        Problem(
            .unauthorized, "a token is needed: send 'Authorization: Bearer TOKEN', or open the page with ?token=TOKEN")
    }

    private func bearer(_ request: Request) -> String? {
        guard let value = request.headers[.authorization], value.lowercased().hasPrefix("bearer ") else { return nil }
        return String(value.dropFirst(7))
    }

    private func cookie(_ request: Request) -> String? {
        for part in (request.headers[.cookie] ?? "").split(separator: ";") {
            let pair = part.split(separator: "=", maxSplits: 1)
            if pair.count == 2, pair[0].drop(while: { $0 == " " }) == Self.cookie { return String(pair[1]) }
        }
        return nil
    }

    /// Whether a host with or without port is a name of this machine.
    static func isLocal(_ authority: String) -> Bool {
        var host = Substring(authority.lowercased())
        if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]"),
            host[host.index(after: colon)...].allSatisfy(\.isNumber)
        {
            host = host[..<colon]
        }
        return host == "127.0.0.1" || host == "localhost" || host == "[::1]"
    }

    /// Compares in a time that depends on the lengths only.
    static func isSame(_ one: String, _ other: String) -> Bool {
        let (first, second) = (Array(one.utf8), Array(other.utf8))
        var difference = first.count ^ second.count
        for index in second.indices {
            difference |= Int((first.isEmpty ? 0 : first[index % first.count]) ^ second[index])
        }
        return difference == 0
    }
}
