import HTTPTypes
import Hummingbird
import NIOCore

extension Response {
    /// An answer with text.
    init(status: HTTPResponse.Status = .ok, type: String, text: String) {
        self.init(
            status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        headers[.cacheControl] = "no-store"
    }

    /// A document.
    init(_ document: JSONValue, status: HTTPResponse.Status = .ok) {
        self.init(status: status, type: "application/json", text: document.text)
    }
}
