// SPDX-License-Identifier: Apache-2.0

import Agent
import ArgumentParser
import Model
import PromQL
import Rules

/// `ullage rules ls`: the rules of an agent with how they are, or those of files.
struct RulesList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "List the rules of the agent, or of files.")

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    @OptionGroup var host: HostOptions

    @Argument(help: "Files to list instead of the agent's rules.")
    var files: [String] = []

    func run() async throws {
        try await reportingFailures {
            let records = try files.isEmpty ? await fromAgent() : fromFiles()
            if output == .json {
                return Terminal.writeJSON(try records.flatMap { try CompactJSON.bytes($0) })
            }
            var table = Table([
                .left("GROUP"), .right("EVERY"), .left("NAME"), .right("FOR"), .left("STATE"),
                .left("EXPRESSION"),
            ])
            for record in records {
                table.append([
                    record.group, record.interval ?? "", record.name, record.for,
                    record.lastError ?? record.state ?? record.kind,
                    record.expr.split(separator: "\n").joined(separator: " "),
                ])
            }
            Terminal.write(table.rendered())
        }
    }

    private func fromFiles() throws -> [RuleRecord] {
        try files.flatMap { path in
            do throws(RuleFileError) {
                return try RuleFile.load(path: path, checkLogQL: LogRule.check).groups
                    .flatMap(RuleRecord.all)
            } catch { throw Failure(.badData, "\(error)") }
        }
    }

    private func fromAgent() async throws -> [RuleRecord] {
        struct Answer: Decodable {
            struct Group: Decodable {
                let file: String
                let name: String
                let interval: Double
                let rules: [Rule]
            }
            struct Rule: Decodable {
                let type: String
                let name: String
                let query: String
                let duration: Double?
                let state: String?
                let health: String
                let lastError: String?
                let labels: [String: String]?
                let annotations: [String: String]?
            }
            let groups: [Group]
        }
        let groups = try await host.client().data("/api/v1/rules", as: Answer.self).data?.groups
        return (groups ?? []).flatMap { group in
            group.rules.map { rule in
                RuleRecord(
                    file: group.file, line: nil, group: group.name,
                    interval: PromQLDuration.format(Int64(group.interval * 1000)), kind: rule.type,
                    name: rule.name, expr: rule.query,
                    for: rule.duration.map { PromQLDuration.format(Int64($0 * 1000)) } ?? "",
                    state: rule.state ?? rule.health, lastError: rule.lastError,
                    labels: rule.labels ?? [:], annotations: rule.annotations ?? [:])
            }
        }
    }
}

/// A line of `ullage rules ls -o json`.
struct RuleRecord: Encodable {
    let file: String
    let line: Int?
    let group: String
    let interval: String?
    let kind: String
    let name: String
    let expr: String
    let `for`: String
    var state: String?
    var lastError: String?
    let labels: [String: String]
    let annotations: [String: String]

    static func all(of group: RuleGroup) -> [RuleRecord] {
        group.rules.map { rule in
            RuleRecord(
                file: group.file, line: rule.line, group: group.name,
                interval: group.interval.map(PromQLDuration.format), kind: rule.kind.rawValue,
                name: rule.name, expr: rule.expression,
                for: rule.kind == .alerting ? PromQLDuration.format(rule.holdDuration) : "",
                labels: Dictionary(
                    (group.labels + rule.labels).map { ($0.name, $0.value) },
                    uniquingKeysWith: { $1 }),
                annotations: Dictionary(
                    rule.annotations.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }))
        }
    }
}
