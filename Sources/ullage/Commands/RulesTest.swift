// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Rules

/// `ullage rules test`: runs unit tests of rules.
struct RulesTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Run unit tests of rules, in promtool's format.",
        discussion: "Exits with 0 when all tests pass, and 1 when one fails or a file is bad.")

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    @Argument(help: "The files of tests. Rule files in them are relative to them.")
    var files: [String]

    func run() async throws {
        var isGood = true
        for path in files {
            var record = RuleTestRecord(file: path, ok: false, tests: 0, failures: [])
            do throws(RuleFileError) {
                let outcome = try RuleTesting.run(path: path)
                record.tests = outcome.tests
                record.failures = outcome.failures
                for warning in outcome.warnings {
                    Terminal.writeError(
                        "\(Terminal.safe(path)): warning: \(Terminal.safe(warning))\n")
                }
            } catch { record.failures = error.problems.map(\.description) }
            record.ok = record.failures.isEmpty
            isGood = isGood && record.ok
            if output == .json {
                Terminal.writeJSON(try CompactJSON.bytes(record))
                continue
            }
            for failure in record.failures {
                for line in failure.split(separator: "\n", omittingEmptySubsequences: false) {
                    Terminal.writeError(Terminal.safe(String(line), limit: 4000) + "\n")
                }
            }
            let verdict =
                record.ok
                ? "ok, \(record.tests) tests" : "FAILED, \(record.failures.count) problems"
            Terminal.write("\(Terminal.safe(path)): \(verdict)\n")
        }
        guard isGood else { throw ExitCode(1) }
    }
}

/// A line of `ullage rules test -o json`.
struct RuleTestRecord: Encodable {
    let file: String
    var ok: Bool
    var tests: Int
    var failures: [String]
}
