// SPDX-License-Identifier: Apache-2.0

import Codecs
import LogQL
import Model
import Pipeline
import PromQL

/// Loki's HTTP API: how much there is.
enum LokiIndexRoutes {
    static let all = [
        Endpoint(path: "/loki/api/v1/index/stats", methods: Endpoint.getAndPost) {
            try statistics($0)
        },
        Endpoint(path: "/loki/api/v1/index/volume", methods: Endpoint.getAndPost) {
            try volume($0)
        },
        Endpoint(path: "/loki/api/v1/index/volume_range", methods: Endpoint.getAndPost) {
            try volumeRange($0)
        },
        Endpoint(path: "/loki/api/v1/patterns", methods: Endpoint.getAndPost) {
            try patterns($0)
        },
    ]

    private static func statistics(_ call: APICall) throws -> Answer {
        let parameters = LokiParameters(call)
        let (start, end) = try parameters.range()
        let statistics = try LokiRoutes.engine(call).statistics(
            try LokiParameters.matchers(parameters.query), from: start, to: end)
        var json = JSONWriter()
        json.raw("{\"streams\":")
        json.integer(Int64(statistics.streams))
        json.raw(",\"chunks\":")
        json.integer(Int64(statistics.extent.blocks))
        json.raw(",\"entries\":")
        json.integer(Int64(statistics.extent.entries))
        json.raw(",\"bytes\":")
        json.integer(Int64(statistics.extent.bytes))
        json.raw("}")
        return Answer(body: json.bytes)
    }

    private static func patterns(_ call: APICall) throws -> Answer {
        let parameters = LokiParameters(call)
        let (start, end) = try parameters.range()
        let step = try parameters.step(start, end)
        guard step > 0, step < 9_000_000_000_000 else {
            throw APIError(.badData, "the step must be positive")
        }
        guard case .lines(let pipeline) = try LokiRoutes.parse(parameters.query) else {
            throw APIError(.badData, "only a query for lines has patterns")
        }
        let limit = try parameters.limit(default: 300, atMost: 2000)
        let found = try LokiRoutes.engine(call).patterns(
            pipeline, from: start, to: end, step: step * 1_000_000,
            options: LokiRoutes.options(call))
        return Answer.success { json in
            json.list(found.prefix(limit)) { json, pattern in
                json.raw("{\"pattern\":")
                json.string(String(decoding: pattern.text, as: UTF8.self))
                json.raw(",\"level\":")
                json.string(pattern.level.name)
                json.raw(",\"samples\":")
                json.list(pattern.samples) { json, sample in
                    json.raw("[")
                    json.integer(sample.time / 1_000_000_000)
                    json.raw(",")
                    json.integer(Int64(sample.count))
                    json.raw("]")
                }
                json.raw("}")
            }
        }
    }

    private static func labels(_ call: APICall) -> [String]? {
        call.parameters.first("targetLabels").map {
            $0.split(separator: ",").map { String($0.filter { $0 != " " }) }
        }
    }

    /// By the index where it can tell, by reading otherwise.
    private static func volume(_ call: APICall) throws -> Answer {
        let parameters = LokiParameters(call)
        let (start, end) = try parameters.range()
        let limit = try parameters.limit(atMost: 100_000)
        let matchers = try LokiParameters.matchers(parameters.query)
        let engine = try LokiRoutes.engine(call)
        let time = end / 1_000_000
        if let volumes = try engine.volumes(
            matchers, by: labels(call), from: start, to: end, limit: limit)
        {
            let samples = volumes.map {
                VectorSample(
                    labels: $0.labels, point: Point(timestamp: time, value: Double($0.bytes)))
            }
            return try LokiJSON.metric(
                LogResult(value: .vector(samples), stats: LogStats()), call)
        }
        let metric = volumeQuery(matchers, labels(call), window: max(1, end - start))
        var result = try engine.instant(metric, at: time, options: LokiRoutes.options(call))
        if case .vector(let samples) = result.value {
            let sorted = samples.sorted { $0.point.value > $1.point.value }
            result.value = .vector(Array(sorted.prefix(limit)))
        }
        return try LokiJSON.metric(result, call)
    }

    private static func volumeRange(_ call: APICall) throws -> Answer {
        let parameters = LokiParameters(call)
        let (start, end) = try parameters.range()
        let limit = try parameters.limit(atMost: 100_000)
        let step = try parameters.step(start, end)
        let matchers = try LokiParameters.matchers(parameters.query)
        guard step > 0, step < 9_000_000_000_000 else {
            throw APIError(.badData, "the step must be positive")
        }
        let metric = volumeQuery(matchers, labels(call), window: step * 1_000_000)
        var result = try LokiRoutes.engine(call).range(
            metric, start: start / 1_000_000, end: end / 1_000_000, step: step,
            options: LokiRoutes.options(call))
        if case .matrix(let series) = result.value {
            func total(_ one: MatrixSeries) -> Double { one.points.reduce(0) { $0 + $1.value } }
            let sorted = series.map { ($0, total($0)) }.sorted { $0.1 > $1.1 }
            result.value = .matrix(sorted.prefix(limit).map(\.0))
        }
        return try LokiJSON.metric(result, call)
    }

    /// `sum by (labels) (bytes_over_time({...}[window]))`
    private static func volumeQuery(
        _ matchers: [Matcher], _ labels: [String]?, window: Int64
    ) -> MetricExpression {
        .aggregate(
            VectorAggregation(
                name: "sum",
                operand: .range(
                    RangeAggregation(
                        name: "bytes_over_time", pipeline: LogPipeline(matchers: matchers),
                        window: window)),
                grouping: Grouping(
                    labels: labels ?? matchers.map(\.name), isWithout: false)))
    }
}
