import HTTPTypes
import Hummingbird

/// The page and what belongs to it.
struct PageRoutes: Sendable {
    func add(to router: Router<APIContext>) {}
}
