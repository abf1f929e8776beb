// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Matching

/// `ullage alerts`: what fires, since when, and who is told.
struct AlertsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alerts",
        abstract: "Show alerts and their history; silence them; test who is told.",
        subcommands: [
            AlertsList.self, AlertsShow.self, AlertsHistory.self, SilenceCommand.self,
            AlertsTest.self,
        ],
        defaultSubcommand: AlertsList.self)
}

/// `ullage alerts ls`: one line for each alert.
struct AlertsList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "List the alerts that fire or are pending.")

    @Flag(help: "Leave out what is pending.")
    var firing = false

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    @OptionGroup var host: HostOptions

    @Argument(
        help: "Only alerts that satisfy these matchers, such as severity=critical name=~web.*")
    var matchers: [String] = []

    func run() async throws {
        try await reportingFailures {
            let wanted = try AlertRecord.compile(matchers)
            let client = try host.client()
            let silences = try await SilenceRecord.fetch(client)
            let alerts = try await AlertRecord.fetch(client).filter {
                wanted.match($0.modelLabels) && (!firing || $0.state == "firing")
            }
            guard output == .table else { return Terminal.write(try JSONOutput.lines(alerts)) }
            guard !alerts.isEmpty else { return Terminal.write("Nothing fires.\n") }
            var table = Table([
                .left("ALERT"), .left("STATE"), .right("SINCE"), .left("SEVERITY"), .left("OF"),
                .left("SUMMARY"),
            ])
            for alert in alerts {
                let isSilenced = silences.contains { $0.covers(alert) }
                table.append([
                    alert.name, isSilenced ? "\(alert.state) (silenced)" : alert.state,
                    Quantity.duration(alert.age), alert.labels["severity"] ?? "",
                    alert.subject, alert.annotations["summary"] ?? "",
                ])
            }
            Terminal.write(table.rendered())
        }
    }
}

/// `ullage alerts show`: all there is to know of an alert.
struct AlertsShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show an alert with its rule, the chart of its expression and the logs around it."
    )

    @Option(
        help: "How far back the chart goes, such as 1h; from before the alert began, unless given.")
    var since: String?

    @Option(help: "Lines of log to show.")
    var lines = 15

    @Flag(help: "Draw the chart in ASCII; so it is by itself where the locale is not UTF-8.")
    var ascii = false

    @OptionGroup var host: HostOptions

    @Argument(help: "The alert's name.")
    var name: String

    @Argument(help: "Only alerts that satisfy these matchers, such as name=web")
    var matchers: [String] = []

    func validate() throws {
        guard (0...10_000).contains(lines) else {
            throw ValidationError("--lines must be from 0 to 10000.")
        }
    }

    func run() async throws {
        try await reportingFailures {
            let wanted = try AlertRecord.compile(matchers)
            let client = try host.client()
            let found = try await AlertRecord.fetch(client).filter {
                $0.name == name && wanted.match($0.modelLabels)
            }
            guard !found.isEmpty else {
                throw Failure(.no, "no alert `\(Terminal.safe(name))` fires or is pending")
            }
            let rule = try await AlertRule.fetch(client).first { $0.name == name }
            let silences = try await SilenceRecord.fetch(client)
            for alert in found {
                describe(alert, rule, silences.filter { $0.covers(alert) })
                let view = AlertView(client: client, ascii: ascii, since: since)
                if let rule { try await view.chart(of: rule, for: alert) }
                if lines > 0 { try await view.logs(around: alert, lines) }
            }
        }
    }

    private func describe(_ alert: AlertRecord, _ rule: AlertRule?, _ silences: [SilenceRecord]) {
        func line(_ title: String, _ text: String) {
            guard !text.isEmpty else { return }
            let padding = String(repeating: " ", count: max(1, 13 - title.count))
            Terminal.write(title + padding + Terminal.safe(text, limit: 4000) + "\n")
        }
        line("alert", alert.name)
        line("state", alert.state)
        line("since", "\(alert.activeAt) (\(Quantity.duration(alert.age)))")
        line("value", Double(alert.value).map { "\($0)" } ?? alert.value)
        for (name, value) in alert.annotations.sorted(by: { $0.key < $1.key }) { line(name, value) }
        line("labels", QueryAnswer.selector(alert.labels))
        line("expression", rule?.query ?? "")
        if let rule, rule.duration > 0 { line("for", Quantity.duration(rule.duration)) }
        for silence in silences {
            line("silenced", "until \(silence.endsAt) by \(silence.createdBy): \(silence.comment)")
        }
        Terminal.write("\n")
    }
}

/// `ullage alerts test`: whether a receiver can be told.
struct AlertsTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Send a test notification to a receiver, and say what became of it.",
        discussion: """
            `alertmanager` stands for the Alertmanagers of the configuration. Without a receiver, \
            those there are are listed.
            """)

    @OptionGroup var host: HostOptions

    @Argument(help: "The receiver.")
    var receiver: String?

    func run() async throws {
        try await reportingFailures {
            var client = try host.client()
            guard let receiver else {
                for item in try await client.list("/api/v2/receivers", of: ReceiverRecord.self) {
                    Terminal.write(Terminal.safe(item.name) + "\n")
                }
                return
            }
            client.timeout = 620
            let outcomes =
                try await client.change(
                    "POST", "/api/v1/alerts/test", query: [("receiver", receiver)],
                    as: Envelope<[TestRecord]>.self
                ).data ?? []
            if outcomes.isEmpty {
                Terminal.write("\(Terminal.safe(receiver)) has no way to be told.\n")
            }
            for outcome in outcomes {
                let error = outcome.error.map { Terminal.safe($0, limit: 2000) } ?? "delivered"
                Terminal.write("\(Terminal.safe(outcome.name)): \(error)\n")
            }
            let failures = outcomes.count { $0.error != nil }
            if failures > 0 {
                throw Failure(.no, "\(failures) of \(outcomes.count) could not be told")
            }
        }
    }

    private struct ReceiverRecord: Decodable {
        var name: String
    }

    private struct TestRecord: Decodable {
        var name: String
        var error: String?
    }
}
