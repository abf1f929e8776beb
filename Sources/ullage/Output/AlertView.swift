// SPDX-License-Identifier: Apache-2.0

import Chart
import Codecs
import FoundationEssentials
import Linux
import Logs
import Model
import PromQL

/// What surrounds an alert: its expression over time, and what its container said.
struct AlertView {
    let client: APIClient
    let ascii: Bool
    let since: String?

    /// Draws the alert's expression, without the comparison that cuts off what is fine.
    func chart(of rule: AlertRule, for alert: AlertRecord) async throws {
        let now = Clock.realtimeMilliseconds()
        let began = RFC3339.parse(alert.activeAt) ?? now
        var start = min(began - 1_800_000, now - 3_600_000)
        if let since {
            do { start = try TimeExpression.parse(since, now: now * 1_000_000) / 1_000_000 } catch {
                throw Failure(.usage, "\(error)")
            }
        }
        guard let (query, limit) = Self.uncut(rule.query) else { return }
        let step = max(1, (now - start) / 250_000)
        let response = try await client.get(
            "/api/v1/query_range",
            query: [
                ("query", query), ("start", "\(start / 1000)"), ("end", "\(now / 1000)"),
                ("step", "\(step)"),
            ])
        let answer = try QueryAnswer(response, expression: query)
        let own = answer.series.filter { series in
            series.labels.allSatisfy { $0.key == "__name__" || alert.labels[$0.key] == $0.value }
        }
        guard !own.isEmpty else { return }
        let size = Terminal.size
        var style = LineChart.Style()
        style.width = max(20, size.columns)
        style.height = 8
        style.ascii = ascii || !Terminal.isUTF8
        style.colour = Terminal.usesColour
        style.unit = Unit(guessingFrom: query)
        style.step = Double(step)
        let chart = QueryAnswer(range: own).chart(
            style, start: Double(start) / 1000, end: Double(now) / 1000)
        Terminal.write(chart)
        Terminal.write(limit.isEmpty ? "\n" : "fires when it is \(Terminal.safe(limit))\n\n")
    }

    /// An expression less its outermost comparison with a number, and that comparison; nil for what
    /// is no PromQL.
    static func uncut(_ query: String) -> (String, String)? {
        guard var expression = try? Parser.parse(query) else { return nil }
        while case .paren(let inner, _) = expression { expression = inner }
        guard case .binary(let binary) = expression,
            ["<", ">", "<=", ">=", "==", "!="].contains(binary.symbol),
            binary.right.type == .scalar, binary.left.type == .vector
        else { return (query, "") }
        return ("\(binary.left)", "\(binary.symbol) \(binary.right)")
    }

    /// Shows what the alert's container wrote around the time the alert began.
    func logs(around alert: AlertRecord, _ count: Int) async throws {
        guard let name = alert.labels["name"] ?? alert.labels["container"],
            let began = RFC3339.parse(alert.activeAt)
        else { return }
        var quoted = JSONWriter()
        quoted.string(name)
        let response = try await client.get(
            "/loki/api/v1/query_range",
            query: [
                ("query", "{container=\(String(decoding: quoted.bytes, as: UTF8.self))}"),
                ("start", "\((began - 300_000) * 1_000_000)"),
                ("end", "\((began + 60_000) * 1_000_000)"), ("limit", "\(count)"),
            ])
        struct Answer: Decodable { var data: Streams }
        struct Streams: Decodable { var result: [Stream] }
        struct Stream: Decodable { var values: [[String]] }
        let decoded = try? JSONDecoder().decode(Answer.self, from: Data(response.body))
        let lines = (decoded?.data.result ?? []).flatMap(\.values).filter { $0.count >= 2 }
            .sorted { ($0[0].count, $0[0]) < ($1[0].count, $1[0]) }
        guard !lines.isEmpty else { return }
        Terminal.write("what \(Terminal.safe(name)) wrote around then:\n")
        for line in lines {
            let time = ContainerRecord.rfc3339((Int64(line[0]) ?? 0) / 1_000_000)
            Terminal.write("  \(time)  \(Terminal.safe(line[1], limit: 2000))\n")
        }
        Terminal.write("\n")
    }
}
