import CAssets
import HTTPTypes
import Hummingbird
import NIOCore

/// The page, what belongs to it, and the description of the API.
struct PageRoutes: Sendable {
    /// Nothing from anywhere else, and nothing inline: what a guest says can never become a script.
    private static let policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    func add(to router: Router<APIContext>) {
        router.get("/") { _, _ in try Self.answer("index.html") }
        router.get("/openapi.json") { request, context in
            _ = try RequestFields(request: request, context: context).query()
            return try Self.answer("openapi.json")
        }
        router.get("/page/:name") { request, context in
            try Self.answer(try RequestFields(request: request, context: context).path("name"))
        }
        router.get("/favicon.ico") { _, _ in Response(status: .noContent) }
    }

    private static func answer(_ name: String) throws(Problem) -> Response {
        guard let asset = name.withCString({ fi_asset($0) })?.pointee else {
            throw Problem(.notFound, "the page has no file '\(DisplayText.harmless(name))'")
        }
        let bytes = ByteBuffer(bytes: UnsafeRawBufferPointer(start: asset.bytes, count: asset.count))
        var response = Response(
            status: .ok, headers: [.contentType: String(cString: asset.type)], body: ResponseBody(byteBuffer: bytes))
        // The files belong to the daemon's version: after an update the browser must ask anew.
        response.headers[.cacheControl] = "no-cache"
        response.headers[.contentSecurityPolicy] = policy
        response.headers[.init("Referrer-Policy") ?? .referer] = "no-referrer"
        return response
    }
}
