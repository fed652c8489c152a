import Hummingbird

/// Turns every error into a problem document, and forbids browsers to guess or to embed.
struct ProblemMiddleware: RouterMiddleware {
    func handle(
        _ request: Request, context: APIContext, next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            response = try await next(request, context)
        } catch {
            var problem = Problem(error)
            if problem.status == .notFound, problem.detail == problem.status.reasonPhrase {
                problem.detail = "there is nothing at \(request.uri.path); see /openapi.json for what there is"
            }
            response = problem.response
        }
        response.headers[.xContentTypeOptions] = "nosniff"
        return response
    }
}
