// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Codecs
import Glibc
import Linux
import Matching
import Model

/// `ullage alerts silence`: keeps alerts quiet for a time.
struct SilenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "silence", abstract: "Keep alerts quiet for a time.",
        subcommands: [SilenceList.self, SilenceAdd.self, SilenceExpire.self],
        defaultSubcommand: SilenceList.self)
}

/// `ullage alerts silence ls`
struct SilenceList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "List silences.")

    @Flag(name: [.short, .long], help: "Show those that are over, too.")
    var all = false

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    @OptionGroup var host: HostOptions

    func run() async throws {
        try await reportingFailures {
            let silences = try await SilenceRecord.fetch(try host.client())
                .filter { all || $0.status.state != "expired" }
            guard output == .table else { return Terminal.write(try JSONOutput.lines(silences)) }
            guard !silences.isEmpty else { return Terminal.write("There are no silences.\n") }
            var table = Table([
                .left("ID"), .left("STATE"), .left("UNTIL"), .left("MATCHERS"), .left("BY"),
                .left("COMMENT"),
            ])
            for silence in silences {
                table.append([
                    silence.id, silence.status.state, silence.endsAt,
                    MatcherText.render(silence.modelMatchers), silence.createdBy, silence.comment,
                ])
            }
            Terminal.write(table.rendered())
        }
    }
}

/// `ullage alerts silence add`
struct SilenceAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Keep alerts quiet that satisfy all the matchers; prints the silence's id.")

    @Option(name: .customLong("for"), help: "For how long, such as 2h or 1d.")
    var duration = "1h"

    @Option(help: "Until when, instead of --for: RFC 3339 or `2026-01-31 12:00` (UTC).")
    var until: String?

    @Option(help: "Why.")
    var comment = ""

    @Option(help: "Who; the user's name unless given.")
    var author: String?

    @OptionGroup var host: HostOptions

    @Argument(help: "Matchers such as alertname=ContainerOOMKilled name=~web.*")
    var matchers: [String]

    func run() async throws {
        try await reportingFailures {
            let parsed = try AlertRecord.parse(matchers)
            let now = Clock.realtimeMilliseconds()
            let end = try SilenceTime.end(after: duration, until: until, now: now)
            var json = JSONWriter()
            json.raw("{\"matchers\":")
            json.list(parsed) { json, matcher in
                json.raw("{\"name\":")
                json.string(matcher.name)
                json.raw(",\"value\":")
                json.string(matcher.value)
                let isPattern = matcher.operation == .matches || matcher.operation == .matchesNot
                json.raw(isPattern ? ",\"isRegex\":true" : ",\"isRegex\":false")
                let isPositive = matcher.operation == .equal || matcher.operation == .matches
                json.raw(isPositive ? ",\"isEqual\":true}" : ",\"isEqual\":false}")
            }
            json.raw(",\"startsAt\":")
            json.string(RFC3339.format(now))
            json.raw(",\"endsAt\":")
            json.string(RFC3339.format(end))
            json.raw(",\"createdBy\":")
            json.string(author ?? getenv("USER").map { String(cString: $0) } ?? "unknown")
            json.raw(",\"comment\":")
            json.string(comment)
            json.raw("}")
            let added = try await host.client().change(
                "POST", "/api/v2/silences", body: json.bytes, as: Added.self)
            Terminal.write(added.silenceID + "\n")
        }
    }

    private struct Added: Decodable {
        var silenceID: String
    }
}

/// `ullage alerts silence expire`
struct SilenceExpire: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "expire", abstract: "End silences now.")

    @Flag(help: "End all of them.")
    var all = false

    @OptionGroup var host: HostOptions

    @Argument(help: "Ids, or their first characters.")
    var ids: [String] = []

    func validate() throws {
        guard all != !ids.isEmpty else { throw ValidationError("Give ids, or --all.") }
    }

    func run() async throws {
        try await reportingFailures {
            let client = try host.client()
            let open = try await SilenceRecord.fetch(client).filter { $0.status.state != "expired" }
            var chosen = open
            if !all {
                chosen = try ids.map { id in
                    let matching = open.filter { $0.id.hasPrefix(id) }
                    guard matching.count == 1 else {
                        let what = matching.isEmpty ? "no open silence begins" : "several begin"
                        throw Failure(.no, "\(what) with `\(Terminal.safe(id))`")
                    }
                    return matching[0]
                }
            }
            for silence in chosen {
                _ = try await client.change(
                    "DELETE", "/api/v2/silence/" + APIClient.escape(silence.id), as: Empty.self)
                Terminal.write(silence.id + "\n")
            }
        }
    }

    private struct Empty: Decodable {}
}
