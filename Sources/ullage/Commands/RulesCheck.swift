// SPDX-License-Identifier: Apache-2.0

import Agent
import ArgumentParser
import Model
import Rules

/// `ullage rules check`: says everything that is wrong with rule files.
struct RulesCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check rule files, as promtool does.",
        discussion: """
            Exits with 0 when all files are good, 1 when one is not, and 3 when --lint-fatal is \
            given and only the lint has something to say.
            """)

    /// What is looked for beyond errors.
    enum Lint: String, ExpressibleByArgument, CaseIterable {
        case all
        case duplicateRules = "duplicate-rules"
        case none
    }

    @Option(help: "What to warn of: all, duplicate-rules or none.")
    var lint = Lint.duplicateRules

    @Flag(name: .customLong("lint-fatal"), help: "Exit with 3 when there is a warning.")
    var isLintFatal = false

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    @Argument(help: "The files.")
    var files: [String]

    func run() async throws {
        let checks = files.map { Check(path: $0, lint: lint) }
        if output == .json {
            let records = checks.map(\.record)
            Terminal.writeJSON(try records.flatMap { try CompactJSON.bytes($0) })
        } else {
            for check in checks { check.write() }
        }
        if checks.contains(where: { !$0.problems.isEmpty }) { throw ExitCode(1) }
        if isLintFatal, checks.contains(where: { !$0.duplicates.isEmpty }) { throw ExitCode(3) }
    }

    /// What became of one file.
    private struct Check {
        let path: String
        var rules = 0
        var problems: [RuleProblem] = []
        var duplicates: [DuplicateRules] = []

        init(path: String, lint: Lint) {
            self.path = path
            do throws(RuleFileError) {
                let file = try RuleFile.load(path: path, checkLogQL: LogRule.check)
                rules = file.ruleCount
                if lint != .none { duplicates = DuplicateRules.find(in: file) }
            } catch { problems = error.problems }
        }

        func write() {
            for problem in problems {
                Terminal.writeError(Terminal.safe("\(problem)", limit: 2000) + "\n")
            }
            for duplicate in duplicates {
                let labels = duplicate.labels.map { "\($0.name)=\"\($0.value)\"" }
                let name =
                    duplicate.name + (labels.isEmpty ? "" : "{\(labels.joined(separator: ", "))}")
                Terminal.writeError(
                    Terminal.safe("\(path): warning: several rules make \(name)", limit: 2000)
                        + "\n")
            }
            guard problems.isEmpty else { return }
            Terminal.write("\(Terminal.safe(path)): ok, \(rules) rules\n")
        }

        var record: CheckRecord {
            CheckRecord(
                file: path, ok: problems.isEmpty, rules: rules,
                problems: problems.map {
                    CheckRecord.Problem(
                        line: $0.line, column: $0.column, message: $0.message)
                },
                duplicates: duplicates.map {
                    CheckRecord.Duplicate(
                        name: $0.name,
                        labels: Dictionary(
                            $0.labels.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }))
                })
        }
    }
}

/// A line of `ullage rules check -o json`.
struct CheckRecord: Encodable {
    struct Problem: Encodable {
        let line: Int?
        let column: Int?
        let message: String
    }

    struct Duplicate: Encodable {
        let name: String
        let labels: [String: String]
    }

    let file: String
    let ok: Bool
    let rules: Int
    let problems: [Problem]
    let duplicates: [Duplicate]
}
