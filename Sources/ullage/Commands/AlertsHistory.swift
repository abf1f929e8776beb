// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Linux
import Logs

/// `ullage alerts history`: what fired when, out of the series `ALERTS`.
struct AlertsHistory: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "List when alerts fired.")

    @Option(help: "How far back, such as 12h or 7d.")
    var since = "1d"

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    @OptionGroup var host: HostOptions

    @Argument(help: "Only alerts of this name.")
    var name: String?

    func run() async throws {
        try await reportingFailures {
            let now = Clock.realtimeNanoseconds()
            let start: Int64
            do { start = try TimeExpression.parse(since, now: now) } catch {
                throw Failure(.usage, "\(error)")
            }
            // As fine as the API's 11,000 points for a series allow, and a minute at most.
            let step = max(15, (now - start) / 1_000_000_000 / 10_000)
            let response = try await host.client().get(
                "/api/v1/query_range",
                query: [
                    ("query", "ALERTS{alertstate=\"firing\"}"), ("step", "\(step)"),
                    ("start", "\(start / 1_000_000_000)"), ("end", "\(now / 1_000_000_000)"),
                ])
            let answer = try QueryAnswer(response, expression: "ALERTS")
            let spells = answer.series.flatMap { Self.spells($0, step: Double(step)) }
                .filter { name == nil || $0.labels["alertname"] == name }
                .sorted { $0.start < $1.start }
            guard output == .table else { return Terminal.write(try JSONOutput.lines(spells)) }
            guard !spells.isEmpty else { return Terminal.write("Nothing fired.\n") }
            var table = Table([
                .left("FROM"), .left("UNTIL"), .right("FOR"), .left("ALERT"), .left("SEVERITY"),
                .left("OF"),
            ])
            let isNow = Double(now) / 1e9 - Double(2 * step)
            for spell in spells {
                table.append([
                    Self.time(spell.start), spell.end > isNow ? "now" : Self.time(spell.end),
                    Quantity.duration(spell.end - spell.start), spell.labels["alertname"] ?? "",
                    spell.labels["severity"] ?? "", AlertRecord.subject(spell.labels),
                ])
            }
            Terminal.write(table.rendered())
        }
    }

    /// A time in which an alert fired without a pause, in seconds since the epoch.
    private struct Spell: Encodable {
        var labels: [String: String]
        var start: Double
        var end: Double
    }

    private static func spells(_ series: QueryAnswer.Series, step: Double) -> [Spell] {
        var found: [Spell] = []
        let labels = series.labels.filter { $0.key != "__name__" && $0.key != "alertstate" }
        for point in series.points {
            if let last = found.last, point.time - last.end < 1.5 * step {
                found[found.count - 1].end = point.time
            } else {
                found.append(Spell(labels: labels, start: point.time, end: point.time))
            }
        }
        return found
    }

    private static func time(_ seconds: Double) -> String {
        ContainerRecord.rfc3339(Int64(seconds * 1000))
    }
}
