// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Model
import PromQL

/// `/metrics`: the newest values in the format the scraper prefers, narrowed by `collect[]` and
/// `match[]`. A selector that cannot be parsed is refused with 400.
struct ScrapeRoute {
    let services: Services

    func add(to router: APIRouter) {
        let services = services
        router.get("/metrics") { request, _ in
            let parameters = try Parameters(query: request.uri.query ?? "")
            let accept = request.headers[values: .accept].joined(separator: ",")
            var wanted = ExpositionRequest(format: ExpositionFormat(accept: accept))
            wanted.collectors = parameters.all("collect[]")
            var bytes: [UInt8] = []
            do {
                wanted.selectors = try parameters.all("match[]").map { try Engine.matchers($0) }
                try services.exposition.expose(wanted, into: &bytes)
            } catch {
                return Answer.text(.badRequest, "\(error)\n").response
            }
            return Answer(status: .ok, contentType: wanted.format.contentType, body: bytes)
                .compressed(for: request).response
        }
    }
}
