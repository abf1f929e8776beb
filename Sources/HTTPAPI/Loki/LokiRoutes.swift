// SPDX-License-Identifier: Apache-2.0

import Codecs
import Hummingbird
import LogQL
import Model
import PromQL

/// Loki's HTTP API, as Grafana's data source and logcli ask it
/// (https://grafana.com/docs/loki/latest/reference/loki-http-api/): queries.
enum LokiRoutes {
    static let prefix = "/loki/"

    static let all =
        [
            Endpoint(path: "/loki/api/v1/query", methods: Endpoint.getAndPost) {
                try instant($0)
            },
            Endpoint(path: "/loki/api/v1/query_range", methods: Endpoint.getAndPost) {
                try range($0)
            },
            Endpoint(path: "/loki/api/v1/format_query", methods: Endpoint.getAndPost) { call in
                let expression = try parse(LokiParameters(call).query)
                return Answer.success { $0.string(expression.description) }
            },
            Endpoint(path: "/loki/api/v1/status/buildinfo") { call in
                Answer(body: buildInfo(call.services.version))
            },
            Endpoint(path: "/loki/api/v1/drilldown-limits") { call in
                let options = try engine(call).options
                var json = JSONWriter()
                json.raw(
                    "{\"limits\":{\"discover_log_levels\":true,\"max_entries_limit_per_query\":")
                json.integer(Int64(options.maxLines))
                json.raw(",\"max_query_series\":")
                json.integer(Int64(options.maxSeries))
                json.raw(",\"query_timeout\":")
                json.string("\(call.limits.queryTimeout / 1000)s")
                json.raw(
                    ",\"volume_enabled\":true},\"pattern_ingester_enabled\":false,\"version\":")
                json.string(call.services.version)
                json.raw("}")
                return Answer(body: json.bytes)
            },
        ] + LokiSeriesRoutes.all + LokiIndexRoutes.all

    /// The engine over the logs, as long as there are any.
    static func engine(_ call: APICall) throws(APIError) -> LogEngine {
        guard let querier = call.services.logs else {
            throw APIError(
                .notFound, "this agent keeps no logs: set logs.enabled in its configuration")
        }
        return LogEngine(querier: querier, options: call.services.logOptions)
    }

    /// Ends the evaluation when the client goes or the time is up.
    static func options(_ call: APICall) -> QueryOptions {
        let scope = call.scope
        return QueryOptions(interruption: {
            scope.stopped(in: "query evaluation").map { error in
                QueryError(error.kind == .timeout ? .timeout : .canceled, error.message)
            }
        })
    }

    static func parse(_ text: String) throws(APIError) -> LogExpression {
        do { return try LogParser.parse(text) } catch { throw APIError(.badData, error.message) }
    }

    private static func instant(_ call: APICall) throws -> Answer {
        let parameters = LokiParameters(call)
        let time = try parameters.time() / 1_000_000
        guard case .metric(let metric) = try parse(parameters.query) else {
            throw APIError(
                .badData,
                "log queries are not supported as an instant query type, please change your query "
                    + "to a range query type")
        }
        let result = try engine(call).instant(metric, at: time, options: options(call))
        return try LokiJSON.metric(result, call)
    }

    private static func range(_ call: APICall) throws -> Answer {
        let parameters = LokiParameters(call)
        let (start, end) = try parameters.range()
        let engine = try engine(call)
        switch try parse(parameters.query) {
        case .metric(let metric):
            let result = try engine.range(
                metric, start: start / 1_000_000, end: end / 1_000_000,
                step: try parameters.step(start, end), options: options(call))
            return try LokiJSON.metric(result, call)
        case .lines(let pipeline):
            var request = LineRequest(start: start, end: end)
            request.limit = try parameters.limit(atMost: engine.options.maxLines)
            request.isForward = try parameters.isForward()
            request.interval = try parameters.interval()
            let result = try engine.lines(pipeline, request, options: options(call))
            return try LokiJSON.streams(
                result, categorized: call.headers.categorizesLabels, isForward: request.isForward,
                call)
        }
    }

    private static func buildInfo(_ version: String) -> [UInt8] {
        var json = JSONWriter()
        // Grafana asks what a Loki of this version can; 3.0 has all that is answered here.
        json.raw("{\"version\":\"3.0.0\",\"revision\":")
        json.string("ullage-" + version)
        json.raw(",\"branch\":\"\",\"buildUser\":\"\",\"buildDate\":\"\",\"goVersion\":\"\"}")
        return json.bytes
    }
}

extension HTTPFields {
    /// Whether labels are wanted by where they come from.
    var categorizesLabels: Bool {
        let flags = first { $0.name.canonicalName == "x-loki-response-encoding-flags" }
        return (flags?.value ?? "").split(separator: ",").contains {
            $0.filter { $0 != " " } == "categorize-labels"
        }
    }
}
