// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Model
import NIOCore
import NIOPosix
import PromQL

/// Prometheus' HTTP API v1, as far as queries go.
struct QueryRoutes: Sendable {
    let services: Services
    /// Evaluation blocks, so it has threads of its own; as many run at once as there are.
    let threads: NIOThreadPool

    func add(to router: Router<BasicRequestContext>) {
        both(router, "/api/v1/query") { try Self.instant($0, $1) }
        both(router, "/api/v1/query_range") { try Self.range($0, $1) }
        both(router, "/api/v1/series") { parameters, services in
            let (matchers, range) = try Self.selection(parameters, required: true)
            var found: Set<Labels> = []
            for one in matchers {
                found.formUnion(try services.querier.series(one, in: range, limit: 0))
            }
            let sorted = found.sorted { $0.pairs.lexicographicallyPrecedes($1.pairs) }
            var json = JSONWriter()
            json.list(sorted.prefix(parameters.limit)) { $0.labels($1) }
            return .success(json)
        }
        both(router, "/api/v1/labels") { parameters, services in
            let (matchers, range) = try Self.selection(parameters, required: false)
            var names: Set<String> = []
            for one in matchers { names.formUnion(try services.querier.labelNames(one, in: range)) }
            return .success(strings(names.sorted().prefix(parameters.limit)))
        }
        router.get("/api/v1/label/:name/values") { request, context in
            let name = context.parameters.get("name") ?? ""
            return try await self.answer(request) { parameters, services in
                let (matchers, range) = try Self.selection(parameters, required: false)
                var values: Set<String> = []
                for one in matchers {
                    values.formUnion(try services.querier.labelValues(of: name, one, in: range))
                }
                return .success(strings(values.sorted().prefix(parameters.limit)))
            }
        }
        router.get("/api/v1/metadata") { request, _ in
            try await self.answer(request) { _, services in
                .success(Self.metadata(try services.querier.metadata()))
            }
        }
        router.get("/api/v1/status/buildinfo") { request, _ in
            try await self.answer(request) { _, services in
                var json = JSONWriter()
                // The version of Prometheus' API that is spoken, which clients look at.
                json.raw("{\"version\":\"2.42.0\",\"revision\":\"ullage-")
                json.string(services.version, quoted: false)
                json.raw(
                    "\",\"branch\":\"\",\"buildUser\":\"\",\"buildDate\":\"\",\"goVersion\":\"\"}")
                return .success(json)
            }
        }
    }

    /// A route for GET and for a POSTed form.
    private func both(
        _ router: Router<BasicRequestContext>, _ path: RouterPath,
        _ body: @escaping @Sendable (Parameters, Services) throws -> Answer
    ) {
        router.get(path) { request, _ in try await self.answer(request, body) }
        router.post(path) { request, _ in try await self.answer(request, body) }
    }

    private func answer(
        _ request: Request, _ body: @escaping @Sendable (Parameters, Services) throws -> Answer
    ) async throws -> Response {
        let parameters = try await Parameters(request)
        let services = services
        let answer = try await threads.runIfActive { () -> Answer in
            do { return try body(parameters, services) } catch let error as QueryError {
                return .failure(error)
            } catch {
                return .failure(QueryError(.execution, "\(error)"))
            }
        }
        return answer.response
    }

    private static func instant(_ parameters: Parameters, _ services: Services) throws -> Answer {
        let time = try parameters.time("time") ?? Parameters.now()
        let result = try services.engine.instant(parameters.required("query"), at: time)
        return .success(render(result), notes: result)
    }

    private static func range(_ parameters: Parameters, _ services: Services) throws -> Answer {
        guard let start = try parameters.time("start"), let end = try parameters.time("end") else {
            throw QueryError(.badData, "invalid parameter \"start\" or \"end\": both are needed")
        }
        let result = try services.engine.range(
            parameters.required("query"), start: start, end: end, step: parameters.step())
        return .success(render(result), notes: result)
    }

    private static func selection(
        _ parameters: Parameters, required: Bool
    ) throws -> ([[Matcher]], TimeRange) {
        let selectors = parameters.all("match[]")
        if required, selectors.isEmpty {
            throw QueryError(.badData, "no match[] parameter provided")
        }
        let matchers = try selectors.map { try Engine.matchers($0) }
        let range = TimeRange(
            start: try parameters.time("start") ?? 0, end: try parameters.time("end") ?? .max)
        return (matchers.isEmpty ? [[]] : matchers, range)
    }

    private static func render(_ result: QueryResult) -> JSONWriter {
        var json = JSONWriter()
        switch result.value {
        case .scalar(let point):
            json.raw("{\"resultType\":\"scalar\",\"result\":")
            json.point(point)
        case .string(let text, let time):
            json.raw("{\"resultType\":\"string\",\"result\":[")
            json.number(Double(time) / 1000)
            json.raw(",")
            json.string(text)
            json.raw("]")
        case .vector(let samples):
            json.raw("{\"resultType\":\"vector\",\"result\":")
            json.list(samples) { json, sample in
                json.raw("{\"metric\":")
                json.labels(sample.labels)
                json.raw(",\"value\":")
                json.point(sample.point)
                json.raw("}")
            }
        case .matrix(let series):
            json.raw("{\"resultType\":\"matrix\",\"result\":")
            json.list(series) { json, one in
                json.raw("{\"metric\":")
                json.labels(one.labels)
                json.raw(",\"values\":")
                json.list(one.points) { $0.point($1) }
                json.raw("}")
            }
        }
        json.raw("}")
        return json
    }

    private static func metadata(_ metrics: [MetricDescriptor]) -> JSONWriter {
        var json = JSONWriter()
        json.raw("{")
        for (i, metric) in metrics.enumerated() {
            if i > 0 { json.raw(",") }
            json.string(metric.name)
            json.raw(":[{\"type\":")
            json.string(metric.type.rawValue)
            json.raw(",\"help\":")
            json.string(metric.help)
            json.raw(",\"unit\":")
            json.string(metric.unit)
            json.raw("}]")
        }
        json.raw("}")
        return json
    }
}

private func strings(_ items: some Sequence<String>) -> JSONWriter {
    var json = JSONWriter()
    json.list(items) { $0.string($1) }
    return json
}

/// What a route has to say, before it is a response.
enum Answer: Sendable {
    case success(JSONWriter, notes: QueryResult? = nil)
    case failure(QueryError)

    /// Prometheus' envelope and status code.
    var response: Response {
        var json = JSONWriter()
        switch self {
        case .success(let data, let notes):
            json.raw("{\"status\":\"success\",\"data\":")
            json.append(data)
            if let warnings = notes?.warnings, !warnings.isEmpty {
                json.raw(",\"warnings\":")
                json.list(warnings) { $0.string($1) }
            }
            if let infos = notes?.infos, !infos.isEmpty {
                json.raw(",\"infos\":")
                json.list(infos) { $0.string($1) }
            }
            json.raw("}")
            return Self.response(.ok, json)
        case .failure(let error):
            json.raw("{\"status\":\"error\",\"errorType\":")
            json.string(error.kind.rawValue)
            json.raw(",\"error\":")
            json.string(error.message)
            json.raw("}")
            let status: HTTPResponse.Status =
                switch error.kind {
                case .badData: .badRequest
                case .execution: .unprocessableContent
                case .timeout: .serviceUnavailable
                }
            return Self.response(status, json)
        }
    }

    static func response(_ status: HTTPResponse.Status, _ json: JSONWriter) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(bytes: json.bytes)))
    }
}

extension JSONWriter {
    mutating func append(_ other: JSONWriter) { bytesAppend(other.bytes) }

    /// A string's inside, for a literal that opened the quotes itself.
    mutating func string(_ text: String, quoted: Bool) {
        var inner = JSONWriter()
        inner.string(text)
        bytesAppend(quoted ? inner.bytes : Array(inner.bytes.dropFirst().dropLast()))
    }
}
