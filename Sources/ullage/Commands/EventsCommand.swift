// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Linux
import Logs

/// `ullage events`: what happened to containers, stored and live.
struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Show what happened to containers: create, start, die, oom, health, rename, "
            + "remove.",
        discussion: """
            The agent keeps the events of all engines, those of containers that are gone too. The \
            last 100 are shown, or all since --since. What a container used in its life is with its \
            `die`.
            """)

    @Option(help: "Leave out what is older, such as 10m or an RFC 3339 time.")
    var since: String?

    @Option(help: "Leave out what is later.")
    var until: String?

    @Option(name: [.customShort("n"), .long], help: "Show the last so many.")
    var tail: Int?

    @Flag(help: "Go on with what happens, until interrupted.")
    var follow = false

    @Option(
        name: [.short, .long],
        help: """
            Show only event=E, container=NAME-OR-ID, name=N, engine=E, image=I, pod=P, namespace=N \
            or project=P. Repeatable: one value of each name is enough.
            """)
    var filter: [String] = []

    @Flag(name: [.short, .long], help: "Show systemd units and bare cgroups, too.")
    var all = false

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    @OptionGroup var host: HostOptions

    func validate() throws {
        if let tail, !(1...100_000).contains(tail) {
            throw ValidationError("--tail must be from 1 to 100000.")
        }
        if follow, until != nil {
            throw ValidationError("--follow and --until exclude each other.")
        }
    }

    func run() async throws {
        try await reportingFailures {
            let client = try host.client()
            var after: Int64 = 0
            var isFirst = true
            repeat {
                let page = try await fetch(client, after: after, isFirst: isFirst)
                let rows = page.events.filter { all || !filter.isEmpty || $0.isOfContainer }
                show(isFirst ? rows.suffix(shown) : rows[...])
                after = max(page.last, page.events.last?.number ?? 0)
                isFirst = false
                // Half a second is what a person takes for at once.
                if follow { try await Task.sleep(for: .milliseconds(500)) }
            } while follow
        }
    }

    private var shown: Int { tail ?? (since == nil ? 100 : 100_000) }

    private func fetch(
        _ client: APIClient, after: Int64, isFirst: Bool
    ) async throws -> EventPage {
        var query = filter.map { ("filter", $0) }
        // Units are left out here, so that more are needed than are shown.
        query.append(("limit", "\(isFirst && all ? shown : 100_000)"))
        if after > 0 { query.append(("after", "\(after)")) }
        let now = Clock.realtimeNanoseconds()
        do throws(TimeExpression.Failure) {
            if isFirst, let since {
                query.append(("start", seconds(try TimeExpression.parse(since, now: now))))
            }
            if let until {
                query.append(("end", seconds(try TimeExpression.parse(until, now: now))))
            }
        } catch { throw Failure(.usage, "\(error)") }
        guard
            let page = try await client.data("/api/v1/events", query: query, as: EventPage.self)
                .data
        else { throw Failure(.badData, "the agent's answer has no events") }
        return page
    }

    private func seconds(_ nanoseconds: Int64) -> String { "\(Double(nanoseconds) / 1e9)" }

    private func show(_ rows: ArraySlice<EventRow>) {
        for row in rows {
            guard output == .table else {
                Terminal.write((try? JSONOutput.lines([row])) ?? [])
                continue
            }
            let name = Terminal.safe(row.name)
            let id = row.id.hasPrefix("/") ? "" : " " + Terminal.safe(String(row.id.prefix(12)))
            let event = row.event.padding(8)
            let detail = row.details.isEmpty ? "" : "  " + Terminal.safe(row.details, limit: 400)
            Terminal.write(
                "\(ContainerRecord.rfc3339(row.timeMs))  \(event)  \(name)\(id)"
                    + " (\(Terminal.safe(row.engine)))\(detail)\n")
        }
    }
}

/// What `/api/v1/events` gives.
private struct EventPage: Decodable {
    var last: Int64
    var events: [EventRow]
}

/// One event.
private struct EventRow: Codable {
    var number: Int64
    var timeMs: Int64
    var event: String
    var engine: String
    var id: String
    var name: String
    var image: String
    var namespace: String?
    var pod: String?
    var container: String?
    var project: String?
    var oldName: String?
    var oomKills: Int64?
    var late: Bool?
    var exitCode: Int64?
    var durationSeconds: Double?
    var cpuSeconds: Double?
    var memoryPeakBytes: Int64?
    var readBytes: Int64?
    var writtenBytes: Int64?
    var health: String?

    var isOfContainer: Bool { engine != "systemd" && engine != "cgroup" }

    /// What there is to say beyond the event's name.
    var details: String {
        var parts: [String] = []
        if let exitCode { parts.append("exit code \(exitCode)") }
        if let duration = durationSeconds {
            let text =
                duration < 10
                ? Quantity.decimal(duration, 2) + " s" : Quantity.duration(duration)
            parts.append("after \(text)")
        }
        if let cpuSeconds { parts.append("CPU \(Quantity.decimal(cpuSeconds, 3)) s") }
        if let memoryPeakBytes { parts.append("memory peak \(Quantity.bytes(memoryPeakBytes))") }
        if let readBytes { parts.append("read \(Quantity.bytes(readBytes))") }
        if let writtenBytes { parts.append("wrote \(Quantity.bytes(writtenBytes))") }
        if let oomKills { parts.append("killed since its start: \(oomKills)") }
        if let health { parts.append(health) }
        if let oldName { parts.append("was \(oldName)") }
        if event == "create" || event == "start", !image.isEmpty { parts.append(image) }
        if late == true { parts.append("noticed late") }
        return parts.joined(separator: ", ")
    }
}

extension String {
    /// The text with blanks up to `width` characters.
    fileprivate func padding(_ width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
