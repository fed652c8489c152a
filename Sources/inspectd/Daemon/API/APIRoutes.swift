import FrameInspect
import GuestMemory
import HTTPTypes
import Hummingbird
import NIOCore
import Yams

/// What is answered at which path.
struct APIRoutes: Sendable {
    let registry: GuestRegistry
    let broker: EventBroker
    let history: any HistoryAccess
    let reader: ConfigurationReader
    /// When the daemon began, in seconds since 1970.
    let start: Double

    /// Adds all routes.
    func add(to router: Router<APIContext>) {
        router.get("/healthz") { request, context in
            _ = try RequestFields(request: request, context: context).query()
            return Response(
                .object([
                    ("status", .string("ok")), ("version", .string(ProgramVersion.text)),
                    ("uptimeSeconds", .decimal(WallClock.now - start)),
                    ("guests", .number(UInt64(await registry.count))),
                ]))
        }
        router.get("/metrics") { request, context in
            _ = try RequestFields(request: request, context: context).query()
            let text = await MetricsText(registry.watchers, listeners: broker.listenerCount)
            return Response(type: MetricsText.type, text: text.text)
        }
        router.get("/v1/events") { request, context in
            _ = try RequestFields(request: request, context: context).query()
            return try await events(request, guest: nil)
        }
        addGuests(router)
        addDocuments(router)
        addPages(router)
    }

    // MARK: Guests

    private func addGuests(_ router: Router<APIContext>) {
        router.get("/v1/guests") { request, context in
            _ = try RequestFields(request: request, context: context).query()
            var list: [JSONValue] = []
            for watcher in await registry.watchers { list.append(await watcher.json) }
            return Response(.object([("guests", .array(list))]))
        }
        router.post("/v1/guests") { request, context in
            _ = try RequestFields(request: request, context: context).query()
            let configuration = try reader.guest(try await self.document(request, context))
            // What cannot be read now never can: a profile that is not there, a name that is too long.
            _ = try configuration.target.specification()
            let watcher: GuestWatcher
            do {
                watcher = try await registry.add(configuration, isConfigured: false)
            } catch let error as CommandError {
                throw Problem(error.status == .usage ? .conflict : .serviceUnavailable, error.description)
            }
            return Response(await watcher.json, status: .created)
        }
        router.get("/v1/guests/:id") { request, context in
            let fields = RequestFields(request: request, context: context)
            _ = try fields.query()
            return Response(await (try await watcher(fields)).json)
        }
        router.delete("/v1/guests/:id") { request, context in
            let fields = RequestFields(request: request, context: context)
            _ = try fields.query()
            let watcher = try await watcher(fields)
            guard !watcher.isConfigured else {
                throw Problem(
                    .conflict,
                    "\(watcher.configuration.id) stands in the configuration: remove it there, and send the daemon SIGHUP"
                )
            }
            await registry.remove(watcher.configuration.id)
            return Response(status: .noContent)
        }
    }

    private func watcher(_ fields: RequestFields) async throws(Problem) -> GuestWatcher {
        let id = try fields.path("id")
        guard let watcher = await registry.watcher(id) else {
            throw Problem(.notFound, "no guest is called '\(DisplayText.harmless(id))'; /v1/guests lists them")
        }
        return watcher
    }

    private func sample(_ fields: RequestFields) async throws(Problem) -> (GuestWatcher, GuestSample) {
        let watcher = try await watcher(fields)
        guard let sample = await watcher.sample else {
            let status = await watcher.status
            throw Problem(
                .serviceUnavailable,
                status.problem ?? "\(watcher.configuration.id) was not looked at yet; try again in a moment")
        }
        return (watcher, sample)
    }

    /// A request's body: JSON.
    private func document(_ request: Request, _ context: APIContext) async throws -> Node {
        if let type = request.headers[.contentType], !type.lowercased().hasPrefix("application/json") {
            throw Problem(.unsupportedMediaType, "the body must be JSON, sent as application/json")
        }
        let buffer: ByteBuffer
        do {
            buffer = try await request.body.collect(upTo: context.maxUploadSize)
        } catch {
            throw Problem(.contentTooLarge, "the body has more than \(context.maxUploadSize) bytes")
        }
        let text = String(buffer: buffer)
        guard JSONText.isObject(text), let node = try ConfigurationReader.parse(text) else {
            throw Problem(.badRequest, "the body is not a JSON object")
        }
        return node
    }

    // MARK: Documents of the last look

    private func addDocuments(_ router: Router<APIContext>) {
        func document(_ path: String, _ make: @escaping @Sendable (GuestWatcher, GuestSample) async throws -> JSONValue)
        {
            router.get("/v1/guests/:id/\(path)") { request, context in
                let fields = RequestFields(request: request, context: context)
                _ = try fields.query()
                let (watcher, sample) = try await sample(fields)
                return Response(try await make(watcher, sample))
            }
        }
        document("summary") { _, sample in sample.summary.json }
        document("vtables") { _, sample in sample.vtables.json }
        document("hooks") { _, sample in
            HooksReport(hooks: sample.hooks, provenance: sample.inspector.provenance(sample.observation.provenance))
                .json
        }
        document("pins") { _, sample in sample.pinsReport.json }
        document("audit") { watcher, sample in sample.audit(rules: watcher.configuration.rules).json }
        router.post("/v1/guests/:id/audit") { request, context in
            let fields = RequestFields(request: request, context: context)
            _ = try fields.query()
            let watcher = try await watcher(fields)
            var options = AuditOptions()
            options.rules = watcher.configuration.rules
            let audit = try await watcher.attached { [options] inspector in
                let report = try await inspector.audit(options)
                return AuditDocument(report: report, provenance: inspector.provenance(report.provenance))
            }
            return Response(audit.json)
        }
        router.post("/v1/guests/:id/command") { request, context in
            let fields = RequestFields(request: request, context: context)
            _ = try fields.query()
            let watcher = try await watcher(fields)
            let command = try GuestCommand(try await self.document(request, context))
            return Response(try await command.run(on: watcher))
        }
        router.get("/v1/guests/:id/owner/:address") { request, context in
            let fields = RequestFields(request: request, context: context)
            _ = try fields.query()
            let address = try fields.address()
            let report = try await look(try await watcher(fields)) { inspector in
                let ownership = try await inspector.owner(of: PhysicalAddress(address))
                return OwnerReport(
                    ownership: ownership, frame: inspector.report(ownership.frame, requested: address),
                    provenance: inspector.provenance(ownership.frame.provenance))
            }
            return Response(report.json)
        }
        router.get("/v1/guests/:id/events") { request, context in
            let fields = RequestFields(request: request, context: context)
            _ = try fields.query()
            return try await events(request, guest: watcher(fields).configuration.id)
        }
    }

    // MARK: Frames, maps, history

    private func addPages(_ router: Router<APIContext>) {
        router.get("/v1/guests/:id/frames") { request, context in
            let fields = RequestFields(request: request, context: context)
            let query = try fields.query("where", "cursor", "limit")
            let limit = try RequestFields.number(query, "limit", 1...FramePage.limit) ?? 100
            let (watcher, sample) = try await sample(fields)
            return Response(
                try FramePage(sample, guest: watcher.configuration.id)
                    .json(where: query["where"], cursor: query["cursor"], limit: limit))
        }
        router.get("/v1/guests/:id/frames/:pfn") { request, context in
            let fields = RequestFields(request: request, context: context)
            _ = try fields.query()
            let frame = try fields.frame()
            let report = try await look(try await watcher(fields)) { inspector in
                inspector.report(try await inspector.describe(frame.address), requested: frame.address.rawValue)
            }
            return Response(report.json)
        }
        router.get("/v1/guests/:id/frames/:pfn/history") { request, context in
            let fields = RequestFields(request: request, context: context)
            _ = try fields.query()
            let frame = try fields.frame()
            let (watcher, _) = try await sample(fields)
            guard let biography = await watcher.biography(of: frame) else {
                throw Problem(.notFound, "the frame table has no slot for the frame \(frame.address)")
            }
            return Response(biography.json)
        }
        router.get("/v1/guests/:id/map") { request, context in
            let fields = RequestFields(request: request, context: context)
            let query = try fields.query("width", "level", "first", "count", "by")
            let (_, sample) = try await sample(fields)
            return Response(try map(query, sample).json)
        }
        router.get("/v1/guests/:id/findings") { request, context in
            let fields = RequestFields(request: request, context: context)
            let query = try fields.query("since", "state")
            let since = try RequestFields.time(query, "since") ?? 0
            let state = query["state"] ?? "open"
            guard ["open", "closed", "all"].contains(state) else {
                throw Problem(.badRequest, "state is '\(state)'; it must be open, closed or all")
            }
            let watcher = try await watcher(fields)
            var list: [JSONValue] = []
            if state != "closed" {
                list += await watcher.openFindings.filter { $0.opened >= since }.map(\.json)
            }
            if state != "open" {
                list += try await history.closedFindings(guest: watcher.configuration.id, since: since)
            }
            return Response(.object([("guest", .string(watcher.configuration.id)), ("findings", .array(list))]))
        }
        router.get("/v1/guests/:id/history") { request, context in
            let fields = RequestFields(request: request, context: context)
            let query = try fields.query("metric", "from", "to", "step")
            let watcher = try await watcher(fields)
            return Response(try await history.answer(guest: watcher.configuration.id, query))
        }
    }

    private func map(_ query: [String: String], _ sample: GuestSample) throws(Problem) -> MapCells {
        let slots = sample.observation.slots
        let base = slots.layout.frame(at: slots.slots.lowerBound).rawValue
        let total = UInt64(slots.count)
        let by = query["by"] ?? MapCells.Key.state.rawValue
        guard let key = MapCells.Key(rawValue: by) else {
            let names = MapCells.Key.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem(.badRequest, "by is '\(by)'; it must be one of \(names)")
        }
        let first = try RequestFields.number(query, "first", 0...UInt64(1) << 52) ?? base
        guard first >= base, first < base &+ total else {
            throw Problem(.notFound, "the frame table has the frames \(base) to \(base &+ total &- 1), not \(first)")
        }
        let wanted = try RequestFields.number(query, "count", 1...UInt64(1) << 52) ?? total
        let count = min(wanted, base &+ total &- first)
        let width = try RequestFields.number(query, "width", 1...UInt64(MapCells.maximumCells)) ?? 1 << 14
        func cells(_ level: UInt64) -> UInt64 { (count &+ (1 << level) &- 1) >> level }
        var level = try RequestFields.number(query, "level", 0...UInt64(40)) ?? 0
        if query["level"] == nil {
            while cells(level) > width { level += 1 }
        }
        guard cells(level) <= UInt64(MapCells.maximumCells) else {
            throw Problem(
                .badRequest,
                "\(count) frames at level \(level) are \(cells(level)) cells; at most \(MapCells.maximumCells) are given at "
                    + "once: choose a higher level, or fewer frames with first and count")
        }
        return MapCells(sample, by: key, first: first, count: count, level: level)
    }

    /// Looks at one frame of an attached guest; one that the table has no slot for is not found.
    private func look<Value: Sendable>(
        _ watcher: GuestWatcher, _ body: @escaping @Sendable (Inspector) async throws -> Value
    ) async throws -> Value {
        do {
            return try await watcher.attached(body)
        } catch let error as InspectorError where error.code == .usage {
            throw Problem(.notFound, ErrorReport.sentence(of: error))
        }
    }

    // MARK: Events

    /// A stream of events; see the HTML standard's "server-sent events".
    private func events(_ request: Request, guest: String?) async throws(Problem) -> Response {
        var last: UInt64?
        if let name = HTTPField.Name("Last-Event-ID"), let text = request.headers[name], !text.isEmpty {
            guard let number = UInt64(text) else {
                throw Problem(
                    .badRequest, "Last-Event-ID is '\(DisplayText.harmless(text))', which is no number of an event")
            }
            last = number
        }
        let stream = EventStream(broker: broker, guest: guest, last: last)
        var first: [JSONValue] = []
        for watcher in await registry.watchers where guest == nil || guest == watcher.configuration.id {
            first.append(await watcher.json)
        }
        return stream.response(states: last == nil ? first : [])
    }
}
