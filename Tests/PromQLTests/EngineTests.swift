// SPDX-License-Identifier: Apache-2.0

import Model
import PromQL
import QueryTestSupport
import Testing

/// One series with a sample every ten seconds.
private struct FixedQuerier: SeriesQuerier {
    let values: [Double]

    final class Cursor: SampleCursor {
        var values: [Double]?
        init(_ values: [Double]) { self.values = values }
        func next(into buffer: inout SampleBuffer) throws -> Bool {
            buffer.removeAll()
            guard let values else { return false }
            buffer.timestamps = values.indices.map { Int64($0) * 10_000 }
            buffer.values = values
            self.values = nil
            return true
        }
    }

    func select(
        _ matchers: [Matcher], in range: TimeRange, hints: SelectHints
    ) throws -> [SelectedSeries] {
        [SelectedSeries(labels: ["__name__": "m", "a": "b"], cursor: Cursor(values))]
    }
    func series(_ matchers: [Matcher], in range: TimeRange, limit: Int) throws -> [Labels] { [] }
    func labelNames(_ matchers: [Matcher], in range: TimeRange) throws -> [String] { [] }
    func labelValues(of name: String, _ matchers: [Matcher], in range: TimeRange) throws -> [String]
    { [] }
    func metadata() throws -> [MetricDescriptor] { [] }
}

@Suite("Queries")
struct EngineTests {
    private func value(_ expression: String, at time: Int64, _ values: [Double]) throws -> Double? {
        let engine = Engine(querier: FixedQuerier(values: values))
        guard case .vector(let samples) = try engine.instant(expression, at: time).value else {
            return nil
        }
        return samples.first?.point.value
    }

    @Test("A selector takes the newest sample within the lookback, up to a stale marker")
    func selector() throws {
        #expect(try value("m", at: 25_000, [1, 2, 3, 4]) == 3)
        #expect(try value("m{a=\"b\"}", at: 329_999, [1, 2, 3, 4]) == 4)
        #expect(try value("m", at: 330_000, [1, 2, 3, 4]) == nil)
        #expect(try value("m", at: 30_000, [1, 2, 3, StaleMarker.value]) == nil)
    }

    @Test("end() is the end that was asked for, after the last step too")
    func end() throws {
        let engine = Engine(querier: FixedQuerier(values: [0, 1, 2, 3, 4, 5]))
        for expression in ["m @ end()", "last_over_time(m[5s] @ end())"] {
            let result = try engine.range(expression, start: 0, end: 50_000, step: 40_000)
            guard case .matrix(let series) = result.value else { continue }
            #expect(series.first?.points.map(\.value) == [5, 5])
        }
    }

    @Test("count_values names a series by its value, whatever it is grouped by")
    func countValues() throws {
        let engine = Engine(querier: FixedQuerier(values: [1, 2.5]))
        func labels(_ expression: String) throws -> Labels? {
            guard case .vector(let samples) = try engine.instant(expression, at: 15_000).value
            else { return nil }
            return samples.first?.labels
        }
        #expect(try labels("count_values(\"v\", m)") == ["v": "2.5"])
        #expect(try labels("count_values by (a) (\"v\", m)") == ["a": "b", "v": "2.5"])
        #expect(try labels("count_values without (a) (\"v\", m)") == ["v": "2.5"])
        #expect(try labels("count_values without (v) (\"v\", m)") == ["a": "b"])
    }

    @Test("A rate counts resets and is drawn out to the window's edges")
    func rate() throws {
        #expect(try value("rate(m[40s])", at: 30_000, [0, 10, 20, 30]) == 0.75)
        #expect(try value("increase(m[1m])", at: 60_000, [0, 10, 20, 30, 0, 10, 20]) == 48)
        #expect(try value("rate(m[5s])", at: 30_000, [0, 10, 20, 30]) == nil)
        #expect(try value("max_over_time(m[20s])", at: 20_000, [9, 1, 2]) == 2)
    }

    @Test("A range query has a point for each step")
    func range() throws {
        let engine = Engine(querier: FixedQuerier(values: [1, 2, 3]))
        let result = try engine.range("m", start: 0, end: 20_000, step: 10_000)
        #expect(
            result.value
                == .matrix([
                    MatrixSeries(
                        labels: ["__name__": "m", "a": "b"],
                        points: [0, 1, 2].map {
                            Point(timestamp: $0 * 10_000, value: Double($0 + 1))
                        })
                ]))
        #expect(throws: QueryError.self) {
            try engine.range("m", start: 0, end: 11_001_000, step: 1000)
        }
        #expect(throws: QueryError.self) { try engine.range("m", start: .min, end: .max, step: 1) }
    }

    @Test("Series that lose the names they differ in are one after a minus, an error in windows")
    func alike() throws {
        let engine = Engine(
            querier: MemoryStore([
                (["__name__": "a"], [(0, 1), (10_000, 2), (20_000, StaleMarker.value)]),
                (["__name__": "b"], [(20_000, 3), (30_000, 4)]),
            ]))
        let both = "{__name__=~'a|b'}"
        let result = try engine.range("-\(both)", start: 0, end: 30_000, step: 10_000)
        #expect(
            result.value
                == .matrix([
                    MatrixSeries(
                        labels: [:],
                        points: (0...3).map {
                            Point(timestamp: $0 * 10_000, value: -Double($0 + 1))
                        })
                ]))
        #expect(
            throws: QueryError(.execution, "vector cannot contain metrics with the same labelset")
        ) {
            try engine.range("sum_over_time(\(both)[10s])", start: 0, end: 30_000, step: 10_000)
        }
    }
}

/// What a query may cost.
@Suite("Bounds of queries")
struct BoundsTests {
    private let store = MemoryStore(
        (0..<50).map { i in
            (
                ["__name__": "m", "i": "\(i)"],
                (0..<100).map { (Int64($0) * 10_000, Double($0)) }
            )
        })

    private func failure(
        _ expression: String, _ change: (inout Engine.Options) -> Void,
        _ query: QueryOptions = QueryOptions()
    ) -> QueryError? {
        var options = Engine.Options()
        change(&options)
        let engine = Engine(querier: store, options: options)
        do {
            _ = try engine.range(
                expression, start: 0, end: 900_000, step: 10_000, options: query)
            return nil
        } catch { return error }
    }

    @Test("Samples, values and series are bounded, each with its own message")
    func bounds() {
        #expect(failure("m", { _ in }) == nil)
        #expect(failure("sum(m)", { $0.maxSamples = 1000 })?.kind == .execution)
        #expect(
            failure("m", { $0.maxSeries = 10 })?.message.contains("more than 10 series") == true)
        #expect(
            failure("sum_over_time(m[15m:1ms])", { $0.maxSamples = 1_000_000 })?.message
                .contains("too many samples") == true)
        #expect(failure("sum_over_time(vector(1)[100y:1ms])", { _ in })?.kind == .execution)
    }

    @Test("A query that nobody waits for stops in mid-evaluation")
    func interruption() {
        let options = QueryOptions(interruption: { QueryError(.canceled, "gone") })
        #expect(
            failure("sum(max_over_time(m[15m:10ms]))", { _ in }, options)
                == QueryError(.canceled, "gone"))
    }

    @Test(
        "Odd queries have an answer or an error, never a crash",
        arguments: [
            "m[292y]", "m offset 292y", "m offset -292y", "m @ 9e15", "m @ -9e15",
            "rate(m[1ms])", "max_over_time(m[292y:292y])", "m[9e9]", "topk(1e300, m)",
            "topk(NaN, m)", "quantile(NaN, m)", "round(m, 0)",
            "label_replace(m, \"a\", \"$9999999999999\", \"i\", \"(.*)\")",
            "day_of_month(m * 1e300)", "month(vector(-1e18))", "count_values(\"\", m)",
            "m % 0", "m ^ 1e300", "histogram_quantile(0.9, m)", "clamp(m, 2, 1)",
            "vector(scalar(m))",
            "absent(m{a=\"b\",a=\"c\"})", "limit_ratio(-2, m)", "m and on() vector(1)",
            "sum_over_time(m[step()])", "m offset (1h / 0)", "m[1m % 0s]", "info(m)",
        ])
    func odd(expression: String) {
        let engine = Engine(querier: store)
        _ = try? engine.instant(expression, at: 500_000)
        _ = try? engine.range(expression, start: 0, end: 900_000, step: 300_000)
        _ = try? engine.instant(expression, at: .max)
        _ = try? engine.instant(expression, at: .min)
        _ = try? engine.range(expression, start: .max - 10, end: .max, step: 3)
    }
}
