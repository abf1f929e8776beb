// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model
import PromQL

/// Prometheus' HTTP API v1: the evaluation of expressions.
enum QueryRoutes {
    static let all = [
        Endpoint(path: "/api/v1/query", methods: Endpoint.getAndPost) { try instant($0) },
        Endpoint(path: "/api/v1/query_range", methods: Endpoint.getAndPost) { try range($0) },
        Endpoint(path: "/api/v1/query_exemplars", methods: Endpoint.getAndPost) { call in
            // There are none: what is sampled from the kernel has no traces.
            _ = try call.range()
            return Answer.success { $0.raw("[]") }
        },
    ]

    private static func engine(_ call: APICall) throws -> Engine {
        var options = call.services.engineOptions
        if let text = call.parameters.first("lookback_delta") {
            do { options.lookback = try Parameters.duration(text) } catch {
                throw APIError(
                    .badData, "error parsing lookback delta duration: \(error.message)")
            }
            guard options.lookback > 0 else {
                throw APIError(.badData, "lookback delta must be positive")
            }
        }
        // The engine asks by itself whether it must stop; no cursor needs to.
        return Engine(querier: call.services.querier, options: options)
    }

    /// Ends the evaluation when the client goes or the time is up.
    private static func options(_ call: APICall) -> QueryOptions {
        let scope = call.scope
        return QueryOptions(interruption: {
            scope.stopped(in: "expression evaluation").map { error in
                QueryError(error.kind == .timeout ? .timeout : .canceled, error.message)
            }
        })
    }

    private static func instant(_ call: APICall) throws -> Answer {
        let limit = try call.parameters.limit()
        let time = try call.parameters.time("time", default: Parameters.now())
        let expression = call.parameters.first("query") ?? ""
        let engine = try engine(call)
        let queued = call.scope.elapsed
        let result: QueryResult
        do {
            result = try engine.instant(expression, at: time, options: options(call))
        } catch {
            guard error.kind == .badData else { throw error }
            throw APIError.parameter("query", error.message)
        }
        return try answer(result, call, limit: limit, queued: queued)
    }

    private static func range(_ call: APICall) throws -> Answer {
        let parameters = call.parameters
        let limit = try parameters.limit()
        let (start, end) = (try parameters.time("start"), try parameters.time("end"))
        guard start <= end else {
            throw APIError.parameter("end", "end timestamp must not be before start time")
        }
        guard let step = try parameters.duration("step") else {
            throw APIError.parameter("step", "cannot parse \"\" to a valid duration")
        }
        guard step > 0 else {
            throw APIError.parameter(
                "step",
                "zero or negative query resolution step widths are not accepted. "
                    + "Try a positive integer")
        }
        let (width, overflow) = end.subtractingReportingOverflow(start)
        guard !overflow, width / step <= call.services.engineOptions.maxSteps else {
            throw APIError(
                .badData,
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the "
                    + "query resolution (?step=XX)")
        }
        let engine = try engine(call)
        let queued = call.scope.elapsed
        let result = try engine.range(
            parameters.first("query") ?? "", start: start, end: end, step: step,
            options: options(call))
        return try answer(result, call, limit: limit, queued: queued)
    }

    private static func answer(
        _ result: QueryResult, _ call: APICall, limit: Int, queued: Double
    ) throws -> Answer {
        let executed = call.scope.elapsed
        let count =
            switch result.value {
            case .vector(let samples): samples.count
            case .matrix(let series): series.count
            case .scalar, .string: 0
            }
        let warnings = result.warnings + (count > limit ? [Answer.truncated] : [])
        return try Answer.success(warnings: warnings, infos: result.infos) { json in
            try write(result.value, limit: limit, call, &json)
            if call.parameters.first("stats") != nil {
                write(result.stats, queued: queued, executed: executed, &json)
            }
            json.raw("}")
        }
    }

    /// What a series' labels and its point take, about: room is made for all at once.
    private static let seriesBytes = 300

    /// The value, as an object that the caller closes.
    private static func write(
        _ value: QueryValue, limit: Int, _ call: APICall, _ json: inout JSONWriter
    ) throws {
        switch value {
        case .scalar(let point):
            json.raw("{\"resultType\":\"scalar\",\"result\":")
            json.scalar(point.timestamp, point.value)
        case .string(let text, let time):
            json.raw("{\"resultType\":\"string\",\"result\":[")
            json.time(time)
            json.raw(",")
            json.string(text)
            json.raw("]")
        case .vector(let samples):
            json.reserve(samples.prefix(limit).count * seriesBytes)
            json.raw("{\"resultType\":\"vector\",\"result\":")
            try json.list(samples.prefix(limit)) { json, sample in
                json.raw("{\"metric\":")
                json.labels(sample.labels)
                json.raw(",\"value\":")
                json.point(sample.point.timestamp, sample.point.value)
                json.raw("}")
                try check(json, call)
            }
        case .matrix(let series):
            json.raw("{\"resultType\":\"matrix\",\"result\":")
            try MatrixJSON.write(series.prefix(limit), call, &json)
        }
    }

    private static func check(_ json: JSONWriter, _ call: APICall) throws(APIError) {
        guard json.bytes.count <= call.limits.maxAnswer else { throw .answerTooLarge(call.limits) }
    }

    /// Prometheus' names, and ours; times in seconds. `resolution` is that of the coarsest samples
    /// read, 0 for samples as they were taken.
    private static func write(
        _ stats: QueryStats, queued: Double, executed: Double, _ json: inout JSONWriter
    ) {
        json.raw(",\"stats\":{\"timings\":{\"evalTotalTime\":")
        json.number(executed - queued)
        json.raw(",\"execQueueTime\":")
        json.number(queued)
        json.raw(",\"execTotalTime\":")
        json.number(executed)
        json.raw("},\"samples\":{\"totalQueryableSamples\":")
        json.integer(Int64(stats.samples))
        json.raw("},\"seriesSelected\":")
        json.integer(Int64(stats.series))
        json.raw(",\"steps\":")
        json.integer(Int64(stats.steps))
        json.raw(",\"resolution\":")
        json.number(Double(stats.resolution) / 1000)
        json.raw("}")
    }
}
