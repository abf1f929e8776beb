// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Model
import NIOCore
import PromQL

/// `/metrics`: the newest values in the format the scraper prefers, narrowed by `collect[]` and
/// `match[]`. A selector that cannot be parsed is refused with 400.
struct ScrapeRoute {
    let services: Services

    func add(to router: Router<BasicRequestContext>) {
        let services = services
        router.get("/metrics") { request, _ in
            let parameters = try await Parameters(request)
            let accept = request.headers[values: .accept].joined(separator: ",")
            var wanted = ExpositionRequest(format: ExpositionFormat(accept: accept))
            wanted.collectors = parameters.all("collect[]")
            var bytes: [UInt8] = []
            do {
                wanted.selectors = try parameters.all("match[]").map { try Engine.matchers($0) }
                try services.exposition.expose(wanted, into: &bytes)
            } catch {
                return Response(
                    status: .badRequest, headers: [.contentType: "text/plain; charset=utf-8"],
                    body: .init(byteBuffer: ByteBuffer(string: "\(error)\n")))
            }
            return Response(
                status: .ok, headers: [.contentType: wanted.format.contentType],
                body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
        }
    }
}
