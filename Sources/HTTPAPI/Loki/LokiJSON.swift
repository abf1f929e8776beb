// SPDX-License-Identifier: Apache-2.0

import Codecs
import Hummingbird
import LogQL
import Model
import PromQL

/// Answers as Loki's API has them.
enum LokiJSON {
    /// The error's words, as Loki's server says them.
    static func failure(_ error: APIError) -> Answer {
        let status: HTTPResponse.Status =
            switch error.kind {
            case .timeout: .gatewayTimeout
            case .execution: .internalServerError
            default: error.status
            }
        return .text(error.override ?? status, error.message + "\n")
    }

    /// A list of texts in the envelope.
    static func strings(_ all: [String]) -> Answer { .success { $0.strings(all) } }

    /// The value of a metric query.
    static func metric(_ result: LogResult, _ call: APICall) throws -> Answer {
        try Answer.success { json in
            switch result.value {
            case .scalar(let point):
                json.raw("{\"resultType\":\"scalar\",\"result\":")
                json.point(point.timestamp, point.value)
            case .vector(let samples):
                json.raw("{\"resultType\":\"vector\",\"result\":")
                json.list(samples) { json, sample in
                    json.raw("{\"metric\":")
                    json.labels(sample.labels)
                    json.raw(",\"value\":")
                    json.point(sample.point.timestamp, sample.point.value)
                    json.raw("}")
                }
            case .matrix(let series):
                json.raw("{\"resultType\":\"matrix\",\"result\":")
                try json.list(series) { json, one in
                    json.raw("{\"metric\":")
                    json.labels(one.labels)
                    json.raw(",\"values\":")
                    json.list(one.points) { $0.point($1.timestamp, $1.value) }
                    json.raw("}")
                    try check(json, call.limits.maxAnswer)
                }
            case .string:
                json.raw("{\"resultType\":\"vector\",\"result\":[]")
            }
            stats(result.stats, entries: 0, &json)
            json.raw("}")
        }
    }

    /// Lines, grouped by all their labels; or, with `categorized`, by those of the stream, the
    /// others beside each line.
    static func streams(
        _ result: LineResult, categorized: Bool, isForward: Bool, _ call: APICall
    ) throws -> Answer {
        let count = result.streams.reduce(0) { $0 + $1.lines.count }
        return try Answer.success { json in
            json.raw("{\"resultType\":\"streams\",")
            if categorized { json.raw("\"encodingFlags\":[\"categorize-labels\"],") }
            json.raw("\"result\":")
            try list(
                result.streams, categorized: categorized, isForward: isForward,
                maxAnswer: call.limits.maxAnswer, &json)
            stats(result.stats, entries: count, &json)
            json.raw("}")
        }
    }

    /// The streams alone, as `tail` has them too.
    static func list(
        _ streams: [LineStream], categorized: Bool, isForward: Bool, maxAnswer: Int,
        _ json: inout JSONWriter
    ) throws {
        guard categorized else {
            return try json.list(streams) { json, stream in
                json.raw("{\"stream\":")
                json.labels(stream.labels)
                json.raw(",\"values\":")
                try json.list(stream.lines) { json, line in
                    value(line, nil, &json)
                    try check(json, maxAnswer)
                }
                json.raw("}")
            }
        }
        // Streams that differ only in what is beside their lines are one.
        let groups = Dictionary(grouping: streams.indices) { streams[$0].stream }
        let order = groups.sorted { $0.value[0] < $1.value[0] }
        try json.list(order) { json, group in
            var lines = group.value.flatMap { number in
                streams[number].lines.map { (line: $0, of: number) }
            }
            lines.sort {
                isForward
                    ? $0.line.timestamp < $1.line.timestamp : $0.line.timestamp > $1.line.timestamp
            }
            json.raw("{\"stream\":")
            json.labels(group.key)
            json.raw(",\"values\":")
            try json.list(lines) { json, one in
                value(one.line, streams[one.of], &json)
                try check(json, maxAnswer)
            }
            json.raw("}")
        }
    }

    private static func value(
        _ line: LineStream.Line, _ stream: LineStream?, _ json: inout JSONWriter
    ) {
        json.raw("[\"")
        json.integer(line.timestamp)
        json.raw("\",")
        json.string(String(decoding: line.bytes, as: UTF8.self))
        if let stream {
            json.raw(",{")
            if !stream.metadata.isEmpty {
                json.raw("\"structuredMetadata\":")
                json.labels(stream.metadata)
            }
            if !stream.parsed.isEmpty {
                json.raw(stream.metadata.isEmpty ? "\"parsed\":" : ",\"parsed\":")
                json.labels(stream.parsed)
            }
            json.raw("}")
        }
        json.raw("]")
    }

    private static func check(_ json: JSONWriter, _ maxAnswer: Int) throws(APIError) {
        guard json.bytes.count <= maxAnswer else {
            throw APIError(
                .badData,
                "the answer is larger than \(maxAnswer >> 20) MiB. Take a smaller "
                    + "limit, aggregate, or take a larger step")
        }
    }

    /// Loki's summary; its parts about chunks and caches are empty.
    static func stats(_ stats: LogStats, entries: Int, _ json: inout JSONWriter) {
        let seconds = max(stats.seconds, 1e-6)
        json.raw(",\"stats\":{\"summary\":{\"bytesProcessedPerSecond\":")
        json.integer(Int64(Double(stats.bytes) / seconds))
        json.raw(",\"linesProcessedPerSecond\":")
        json.integer(Int64(Double(stats.lines) / seconds))
        json.raw(",\"totalBytesProcessed\":")
        json.integer(stats.bytes)
        json.raw(",\"totalLinesProcessed\":")
        json.integer(Int64(stats.lines))
        json.raw(",\"execTime\":")
        json.number(stats.seconds)
        json.raw(",\"queueTime\":0,\"subqueries\":0,\"totalEntriesReturned\":")
        json.integer(Int64(entries))
        json.raw(",\"splits\":0,\"shards\":0,\"totalPostFilterLines\":")
        json.integer(Int64(stats.matched))
        json.raw(
            ",\"totalStructuredMetadataBytesProcessed\":0},\"querier\":{},\"ingester\":{},\"cache\":{}}"
        )
    }
}
