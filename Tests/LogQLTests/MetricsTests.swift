// SPDX-License-Identifier: Apache-2.0

import Model
import PromQL
import TestSupport
import Testing

@testable import LogQL

@Suite struct MetricsTests {
    /// A line every second from 1 to 100: `took` rises by one, `code` is 500 for every tenth.
    private func filled() throws -> FilledStore {
        let store = try FilledStore()
        try store.add(
            (1...100).map { i in
                (Double(i), "took=\(i)ms size=\(i)KB n=\(i) code=\(i % 10 == 0 ? 500 : 200)")
            }, of: "web")
        try store.add((1...10).map { (Double($0 * 10), "n=\($0 % 3)") }, of: "db")
        return store
    }

    @Test func linesAreCounted() throws {
        let store = try filled()
        let query = #"sum by (container) (count_over_time({engine="docker"}[10s]))"#
        // After the start of the window, up to its end.
        #expect(
            try store.vector(query, at: 50) == [#"{container="web"}"#: 10, #"{container="db"}"#: 1])
        #expect(try store.vector(#"sum(rate({container="web"}[20s]))"#, at: 50) == ["{}": 1])
        #expect(
            try store.vector(
                #"sum(count_over_time({container="web"} |= "code=500" [1m]))"#, at: 100)
                == ["{}": 6])
        #expect(
            try store.vector(#"sum(count_over_time({container="web"}[10s] offset 1m))"#, at: 60)
                == [:])
        #expect(
            try store.vector(#"sum(count_over_time({container="web"}[10s] offset 1m))"#, at: 65)
                == [
                    "{}": 5
                ])
        #expect(
            try store.vector(#"sum(bytes_over_time({container="db"}[20s]))"#, at: 20) == ["{}": 6])
        #expect(try store.vector(#"sum(bytes_rate({container="db"}[20s]))"#, at: 20) == ["{}": 0.3])
        let whole = try store.vector(#"count_over_time({container="db"}[20s])"#, at: 20)
        #expect(whole.values.first == 2)
        #expect(whole.keys.first?.contains(#"detected_level="unknown""#) == true)
    }

    @Test func labelsBecomeNumbers() throws {
        let store = try filled()
        func value(_ query: String, at second: Double = 10) throws -> Double? {
            try store.vector(query, at: second).values.first
        }
        let web = #"{container="web"} | logfmt | keep container, n, took, size"#
        #expect(try value("sum_over_time(\(web) | drop took, size | unwrap n [10s])") == 55)
        #expect(try value("avg_over_time(\(web) | unwrap n [10s]) by (container)") == 5.5)
        #expect(try value("max_over_time(\(web) | unwrap n [10s]) by (container)") == 10)
        #expect(try value("min_over_time(\(web) | unwrap n [10s]) by (container)") == 1)
        #expect(try value("first_over_time(\(web) | unwrap n [5s]) by (container)") == 6)
        #expect(try value("last_over_time(\(web) | unwrap n [5s]) by (container)") == 10)
        #expect(try value("stdvar_over_time(\(web) | unwrap n [10s]) by (container)") == 8.25)
        #expect(
            try value("stddev_over_time(\(web) | unwrap n [10s]) by (container)")
                == 8.25.squareRoot())
        #expect(try value("quantile_over_time(0.5, \(web) | unwrap n [10s]) by (container)") == 5.5)
        #expect(try value("quantile_over_time(1, \(web) | unwrap n [10s]) by (container)") == 10)
        let took = try #require(
            try value("sum(sum_over_time(\(web) | unwrap duration(took) [10s]))"))
        #expect(abs(took - 0.055) < 1e-12)
        #expect(try value("sum(sum_over_time(\(web) | unwrap bytes(size) [10s]))") == 55_000)
        #expect(try value("sum(rate(\(web) | unwrap n [10s]))") == 5.5)
        #expect(try value("rate_counter(\(web) | drop took, size | unwrap n [10s])") == 1)
        #expect(try value("count(sum_over_time(\(web) | unwrap n [10s]))") == 10)
    }

    @Test func windowsOfARangeQuery() throws {
        let store = try filled()
        let result = try store.matrix(
            #"sum(count_over_time({container="web"}[30s]))"#, 0, 140, 20)
        #expect(result == ["{}": [20: 20, 40: 30, 60: 30, 80: 30, 100: 30, 120: 10]])
        let sparse = try store.matrix(#"sum(count_over_time({container="web"}[2s]))"#, 0, 40, 20)
        #expect(sparse == ["{}": [20: 2, 40: 2]])
    }

    /// Each aggregation over random lines, windows and steps, beside the sum over its definition.
    @Test func windowsAgreeWithTheirDefinition() throws {
        var random = SeededRandom(seed: 3)
        let functions = [
            "sum_over_time", "avg_over_time", "min_over_time", "max_over_time", "stdvar_over_time",
            "first_over_time", "last_over_time", "quantile_over_time",
        ]
        for round in 0..<12 {
            let store = try FilledStore(blockBytes: 20_000)
            var samples: [(time: Double, value: Double)] = []
            var time = 0.0
            for _ in 0..<200 {
                time += Double(Int.random(in: 1..<9000, using: &random)) / 1000
                samples.append((time, Double(Int.random(in: -50...50, using: &random))))
            }
            try store.add(samples.map { ($0.time, "v=\($0.value)") }, of: "web")
            let window = Double(Int.random(in: 1...90, using: &random))
            let step = Double(Int.random(in: 1...40, using: &random))
            let function = functions[round % functions.count]
            let prefix = function == "quantile_over_time" ? "0.9, " : ""
            let result = try store.matrix(
                function + #"(\#(prefix){container="web"} | logfmt | unwrap v [\#(Int(window))s])"#
                    + (function == "sum_over_time" ? "" : " by (container)"), 0, 500, step)
            let points = try #require(result.values.first)
            for i in 0...Int(500 / step) {
                let end = Double(i) * step
                let values = samples.filter {
                    Int64($0.time * 1e9) > Int64((end - window) * 1e9)
                        && Int64($0.time * 1e9) <= Int64(end * 1e9)
                }.map(\.value)
                guard let expected = Self.defined(function, values) else {
                    #expect(points[end] == nil, "\(function) at \(end)")
                    continue
                }
                let found = points[end] ?? .nan
                #expect(abs(found - expected) < 1e-9, "\(function) at \(end): \(found) \(expected)")
            }
        }
    }

    private static func defined(_ function: String, _ values: [Double]) -> Double? {
        guard let first = values.first, let last = values.last else { return nil }
        let mean = values.reduce(0, +) / Double(values.count)
        return switch function {
        case "sum_over_time": values.reduce(0, +)
        case "avg_over_time": mean
        case "min_over_time": values.min()
        case "max_over_time": values.max()
        case "stdvar_over_time":
            values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(values.count)
        case "first_over_time": first
        case "last_over_time": last
        default: Quantile.of(0.9, values)
        }
    }

    @Test func aggregationsAndOperatorsAreThoseOfPromQL() throws {
        let store = try filled()
        let byName = #"sum by (container) (count_over_time({engine="docker"}[1m]))"#
        #expect(try store.vector("vector(1)+vector(1)", at: 1) == ["{}": 2])
        #expect(try store.vector("1 + 2 * 3", at: 1) == ["scalar": 7])
        #expect(try store.vector("topk(1, \(byName))", at: 60) == [#"{container="web"}"#: 60])
        #expect(try store.vector("bottomk(1, \(byName))", at: 60) == [#"{container="db"}"#: 6])
        #expect(try store.vector("max(\(byName)) - min(\(byName))", at: 60) == ["{}": 54])
        #expect(try store.vector("\(byName) > 10", at: 60) == [#"{container="web"}"#: 60])
        #expect(
            try store.vector("\(byName) > bool 10", at: 60) == [
                #"{container="web"}"#: 1, #"{container="db"}"#: 0,
            ])
        #expect(
            try store.vector(
                #"sum by (container) (count_over_time({engine="docker"} |= "n=1" [1m])) / \#(byName)"#,
                at: 60) == [#"{container="web"}"#: 11.0 / 60, #"{container="db"}"#: 2.0 / 6])
        #expect(
            try store.vector(#"label_replace(\#(byName), "x", "$1", "container", "(.).*")"#, at: 60)
                == [#"{container="web", x="w"}"#: 60, #"{container="db", x="d"}"#: 6])
        #expect(
            try store.vector(
                #"\#(byName) and on (container) sum by (container) (count_over_time({container="db"}[1m]))"#,
                at: 60)
                == [#"{container="db"}"#: 6])
        #expect(
            try store.vector(
                #"sum(count_over_time({container="nobody"}[1m])) or vector(0)"#, at: 60)
                == ["{}": 0])
        guard
            case .vector(let sorted) = try store.engine.instant("sort_desc(\(byName))", at: 60_000)
                .value
        else { return }
        #expect(sorted.map(\.point.value) == [60, 6])
    }

    @Test func absence() throws {
        let store = try filled()
        let query = #"absent_over_time({container="db", level=~".+"}[5s])"#
        #expect(try store.vector(query, at: 30) == [:])
        #expect(try store.vector(query, at: 37) == [#"{container="db"}"#: 1])
        #expect(
            try store.vector(#"absent_over_time({container="nobody"}[5s])"#, at: 30) == [
                #"{container="nobody"}"#: 1
            ])
    }

    @Test func errorsEndAMetricQuery() throws {
        let store = try filled()
        func message(_ query: String) -> String {
            let error = #expect(throws: QueryError.self) { try store.vector(query, at: 10) }
            return error?.message ?? ""
        }
        #expect(
            message(#"count_over_time({container="web"} | json [5s])"#).hasPrefix(
                "pipeline error: 'JSONParserErr'"))
        #expect(
            message(#"sum_over_time({container="web"} | logfmt | unwrap took [5s])"#)
                .hasPrefix("pipeline error: 'SampleExtractionErr'"))
        #expect(
            try store.vector(
                #"sum(sum_over_time({container="web"} | logfmt | unwrap took | __error__="" [5s]))"#,
                at: 10) == [:])
        #expect(
            try store.vector(
                #"sum(count_over_time({container="web"} | json | __error__="" [5s]))"#, at: 10)
                == [:])
        #expect(
            try store.vector(
                #"sum(count_over_time({container="web"} | json | drop __error__ [5s]))"#, at: 10)
                == [
                    "{}": 5
                ])
        #expect(
            message(#"{container="web"}"#).contains(
                "log queries are not supported as an instant query type"))
    }

    @Test func boundsOfSteps() throws {
        let store = try filled()
        guard case .metric(let metric) = try LogParser.parse(#"rate({container="web"}[1m])"#) else {
            return
        }
        for (start, end, step) in [
            (Int64(0), Int64(20_000_000), Int64(1_000)), (0, 10, 0), (10, 0, 1), (.min, .max, 1),
            (.max - 1, .max, 1), (0, 10, .max), (9_000_000_000_000, 9_000_000_000_001, 1),
        ] {
            _ = try? store.engine.range(metric, start: start, end: end, step: step)
        }
        #expect(throws: QueryError.self) {
            try store.engine.range(metric, start: 0, end: 20_000_000, step: 1_000)
        }
        store.options.maxParts = 10
        #expect(throws: QueryError.self) {
            try store.engine.range(metric, start: 0, end: 100_000, step: 1000)
        }
    }
}
