// SPDX-License-Identifier: Apache-2.0

import Chart
import FoundationEssentials
import Interchange

/// The answer of `/api/v1/query` and `/api/v1/query_range`, and how it is printed.
struct QueryAnswer {
    /// One series with its points; a scalar or a string has no labels.
    struct Series {
        var labels: [String: String]
        var points: [(time: Double, value: String)]
    }

    let isRange: Bool
    let series: [Series]
    /// Warnings and remarks of the engine.
    let notes: [String]
    /// What the query cost, in words; nil when the server did not say.
    let statistics: String?

    /// Reads a response, or throws what went wrong, with a caret below the place in `expression`.
    init(_ response: APIClient.Response, expression: String) throws {
        let decoded = try? JSONDecoder().decode(
            Envelope<Payload>.self, from: Data(response.body))
        guard let decoded else {
            throw Failure(
                .badData,
                "the answer (HTTP \(response.status)) is not Prometheus' JSON: is "
                    + "another program listening there?")
        }
        guard decoded.status == "success", let data = decoded.data else {
            throw Failure(.badData, Self.explain(decoded.error ?? "no reason given", expression))
        }
        isRange = data.resultType == "matrix"
        series = data.series
        notes = (decoded.warnings ?? []) + (decoded.infos ?? [])
        statistics = data.stats?.description
    }

    /// Series of a range, taken out of another answer.
    init(range series: [Series]) {
        isRange = true
        self.series = series
        notes = []
        statistics = nil
    }

    /// Columns: the labels as a selector, the value, the time of each point.
    func table() -> Table {
        var table = Table([.left("SERIES"), .right("VALUE"), .left("TIME")])
        for one in series {
            for point in one.points {
                table.append([Self.selector(one.labels), point.value, Self.time(point.time)])
            }
        }
        return table
    }

    /// Seconds between the two points of a series that are nearest to one another; 0 without.
    var smallestPause: Double {
        let pauses = series.flatMap { one in
            zip(one.points, one.points.dropFirst()).map { $1.time - $0.time }
        }
        return pauses.min() ?? 0
    }

    /// The points drawn over time, in the colours and characters that `style` allows.
    func chart(_ style: LineChart.Style, start: Double?, end: Double?) -> String {
        let lines = series.map { one in
            LineChart.Series(
                label: Terminal.safe(Self.selector(one.labels)),
                points: one.points.map { ($0.time, Double($0.value) ?? .nan) })
        }
        return LineChart(lines, style: style, start: start, end: end).lines()
            .map { $0 + "\n" }.joined()
    }

    /// A column for each label that occurs, then time and value. Cells that a spreadsheet would
    /// take for a formula are quoted with an apostrophe; `isForTerminal` makes them harmless to one.
    func csv(isForTerminal: Bool) -> String {
        let names = Set(series.flatMap(\.labels.keys)).sorted()
        func cell(_ text: String) -> String {
            CSV.cell(isForTerminal ? Terminal.safe(text, limit: .max) : text)
        }
        var text = (names + ["timestamp", "value"]).map(cell).joined(separator: ",") + "\r\n"
        for one in series {
            let labels = names.map { cell(one.labels[$0] ?? "") }
            for point in one.points {
                let row = labels + [Quantity.decimal(point.time, 3), point.value]
                text += row.joined(separator: ",") + "\r\n"
            }
        }
        return text
    }

    static func selector(_ labels: [String: String]) -> String {
        let name = labels["__name__"] ?? ""
        let rest = labels.filter { $0.key != "__name__" }.sorted { $0.key < $1.key }
        guard !rest.isEmpty else { return name.isEmpty ? "{}" : name }
        let pairs = rest.map { "\(Terminal.safe($0.key))=\"\(Terminal.safe($0.value))\"" }
        return name + "{" + pairs.joined(separator: ", ") + "}"
    }

    private static func time(_ seconds: Double) -> String {
        guard seconds.isFinite, abs(seconds) < 1e11 else { return "\(seconds)" }
        return ContainerRecord.rfc3339(Int64((seconds * 1000).rounded()))
    }

    /// An error of the engine; when it names a place (`line:column:`), that place is shown.
    private static func explain(_ error: String, _ expression: String) -> String {
        let words = error.split(separator: " ")
        for word in words {
            let numbers = word.split(separator: ":").map { Int($0) }
            guard word.hasSuffix(":"), numbers.count == 2, let line = numbers[0],
                let column = numbers[1], line > 0, column > 0
            else { continue }
            let lines = expression.split(separator: "\n", omittingEmptySubsequences: false)
            guard line <= lines.count, column <= lines[line - 1].utf8.count + 1 else { continue }
            // The column counts bytes; the caret stands below what is shown for those before it.
            let bytes = lines[line - 1].utf8.prefix(column - 1)
            let before = Terminal.safe(String(decoding: bytes, as: UTF8.self), limit: 1000)
            let source = Terminal.safe(String(lines[line - 1]), limit: 1000)
            let safe = Terminal.safe(error, limit: 2000)
            return "\(safe)\n  \(source)\n  \(String(repeating: " ", count: before.count))^"
        }
        return Terminal.safe(error, limit: 2000)
    }
}

/// `data` of a query's answer: the shape of `result` depends on `resultType`.
private struct Payload: Decodable {
    var resultType: String
    var series: [QueryAnswer.Series]
    var stats: Statistics?

    private enum Keys: String, CodingKey { case resultType, result, stats }

    /// `stats` with `stats=all`; other servers than Ullage say less.
    struct Statistics: Decodable, CustomStringConvertible {
        struct Timings: Decodable { var execTotalTime: Double? }
        struct Samples: Decodable { var totalQueryableSamples: Int64? }

        var timings: Timings?
        var samples: Samples?
        var seriesSelected: Int64?
        var resolution: Double?

        var description: String {
            var parts: [String] = []
            if let count = samples?.totalQueryableSamples { parts.append("\(count) samples") }
            if let seriesSelected { parts.append("\(seriesSelected) series") }
            if let resolution {
                parts.append(
                    resolution > 0
                        ? "downsampled to \(Quantity.duration(resolution))" : "as they were taken")
            }
            if let seconds = timings?.execTotalTime {
                parts.append("\(Quantity.decimal(seconds * 1000, 1)) ms")
            }
            return parts.joined(separator: ", ")
        }
    }

    private struct Entry: Decodable {
        var metric: [String: String]
        var value: Pair?
        var values: [Pair]?
    }

    private struct Pair: Decodable {
        var time: Double
        var value: String

        init(from decoder: any Decoder) throws {
            var list = try decoder.unkeyedContainer()
            time = try list.decode(Double.self)
            value = try list.decode(String.self)
        }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        resultType = try container.decode(String.self, forKey: .resultType)
        stats = try container.decodeIfPresent(Statistics.self, forKey: .stats)
        if resultType == "scalar" || resultType == "string" {
            let pair = try container.decode(Pair.self, forKey: .result)
            series = [.init(labels: [:], points: [(pair.time, pair.value)])]
        } else {
            series = try container.decode([Entry].self, forKey: .result).map { entry in
                let pairs = entry.values ?? entry.value.map { [$0] } ?? []
                return .init(labels: entry.metric, points: pairs.map { ($0.time, $0.value) })
            }
        }
    }
}
