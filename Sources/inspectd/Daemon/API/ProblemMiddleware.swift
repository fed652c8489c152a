import Hummingbird

/// Turns every error into a problem document, and forbids browsers to guess.
struct ProblemMiddleware: RouterMiddleware {
    private let description = APIDescription()

    func handle(
        _ request: Request, context: APIContext, next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            response = try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            response = nothing(request)
        } catch {
            response = Problem(error).response
        }
        response.headers[.xContentTypeOptions] = "nosniff"
        return response
    }

    /// The answer where no route fits.
    private func nothing(_ request: Request) -> Response {
        guard let methods = description.methods(of: request.uri.path), !methods.contains(request.method.rawValue) else {
            return Problem(.notFound, "there is nothing at \(request.uri.path); see /openapi.json for what there is")
                .response
        }
        let list = methods.joined(separator: ", ")
        var response = Problem(.methodNotAllowed, "\(request.uri.path) knows \(list) only").response
        response.headers[.allow] = list
        return response
    }
}
