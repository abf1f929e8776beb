// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model
import PromQL
import Synchronization

/// Writes the series of a range query's answer: a number takes longer to spell than to compute, so
/// that large answers are written on several cores.
enum MatrixJSON {
    /// What a series' labels and one of its points take, about: room is made for all at once.
    private static let (seriesBytes, pointBytes) = (300, 32)
    /// What to spell a point costs, in values of `SeriesLoop`.
    private static let pointCost = 4

    /// Writes a list of objects with `metric` and `values`.
    static func write(
        _ series: ArraySlice<MatrixSeries>, _ call: APICall, _ json: inout JSONWriter
    ) throws {
        let threads = call.services.engineOptions.threads
        // Some for each thread, so that all are busy until the end.
        let parts = max(1, min(series.count, threads * 8))
        let points = series.reduce(0) { $0 + $1.points.count }
        let written = Atomic<Int>(json.bytes.count)
        var texts = try SeriesLoop.map(
            parts, values: pointCost * points / parts, threads: threads, scratch: PointTimes.init
        ) { part, times -> [UInt8] in
            var text = JSONWriter()
            let first = series.startIndex + series.count * part / parts
            let range = first..<(series.startIndex + series.count * (part + 1) / parts)
            text.reserve(
                series[range].reduce(0) { $0 + seriesBytes + $1.points.count * pointBytes })
            for one in series[range] {
                let before = text.bytes.count
                if before > 0 { text.raw(",") }
                write(one, &times, &text)
                try call.scope.check(in: "writing the answer")
                let bytes = text.bytes.count - before
                guard
                    written.wrappingAdd(bytes, ordering: .relaxed).newValue <= call.limits.maxAnswer
                else { throw APIError.answerTooLarge(call.limits) }
            }
            return text.bytes
        }
        json.reserve(texts.reduce(0) { $0 + $1.count + 1 })
        json.raw("[")
        for part in texts.indices {
            if part > 0 { json.raw(",") }
            json.raw(bytes: texts[part])
            texts[part] = []
        }
        json.raw("]")
    }

    private static func write(
        _ one: MatrixSeries, _ times: inout PointTimes, _ json: inout JSONWriter
    ) {
        json.raw("{\"metric\":")
        json.labels(one.labels)
        json.raw(",\"values\":[")
        for (place, point) in one.points.enumerated() {
            if place > 0 { json.raw(",") }
            times.write(point.timestamp, at: place, &json)
            json.value(point.value)
            json.raw("\"]")
        }
        json.raw("]}")
    }
}

/// What the points of series begin with, which is mostly the same for all of an answer's.
private struct PointTimes {
    private var times: [Milliseconds] = []
    private var texts: [UInt8] = []
    /// Where each text ends.
    private var ends: [Int] = []

    /// Writes a point up to its value. `place` is that of the point in its series.
    mutating func write(_ time: Milliseconds, at place: Int, _ json: inout JSONWriter) {
        if place < times.count, times[place] == time {
            let start = place == 0 ? 0 : ends[place - 1]
            json.bytes.append(contentsOf: texts[start..<ends[place]])
            return
        }
        let start = json.bytes.count
        json.raw("[")
        json.time(time)
        json.raw(",\"")
        guard place == times.count else { return }
        times.append(time)
        texts.append(contentsOf: json.bytes[start...])
        ends.append(texts.count)
    }
}

extension APIError {
    /// An answer of more bytes than allowed.
    static func answerTooLarge(_ limits: ServingLimits) -> APIError {
        APIError(
            .execution,
            "the answer is larger than \(limits.maxAnswer >> 20) MiB. Aggregate, select fewer "
                + "series or take a larger step")
    }
}
