// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Model
import PromQL
import Rules

/// `ullage rules ls`: the rules of files.
struct RulesList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls", abstract: "List the rules of files.")

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    @Argument(help: "The files.")
    var files: [String]

    func run() async throws {
        try await reportingFailures {
            var records: [RuleRecord] = []
            for path in files {
                do throws(RuleFileError) {
                    records += try RuleFile.load(path: path).groups.flatMap(RuleRecord.all)
                } catch { throw Failure(.badData, "\(error)") }
            }
            if output == .json {
                return Terminal.writeJSON(try records.flatMap { try CompactJSON.bytes($0) })
            }
            var table = Table([
                .left("GROUP"), .left("EVERY"), .left("KIND"), .left("NAME"), .left("FOR"),
                .left("EXPRESSION"),
            ])
            for record in records {
                table.append([
                    record.group, record.interval ?? "default", record.kind, record.name,
                    record.for, record.expr.split(separator: "\n").joined(separator: " "),
                ])
            }
            Terminal.write(table.rendered())
        }
    }
}

/// A line of `ullage rules ls -o json`.
struct RuleRecord: Encodable {
    let file: String
    let line: Int
    let group: String
    let interval: String?
    let kind: String
    let name: String
    let expr: String
    let `for`: String
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
