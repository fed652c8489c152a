import Hummingbird

/// What belongs to one request.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The largest body that is taken, in bytes.
    var maxUploadSize: Int { 1 << 16 }

    init(source: ApplicationRequestContextSource) { coreContext = .init(source: source) }
}
