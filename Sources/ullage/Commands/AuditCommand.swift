// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Interchange

/// `ullage audit`: how the containers are confined, check by check.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Check how containers are confined, with reasons and remedies.",
        discussion: """
            The checks follow the CIS Docker Benchmark and look at the running processes \
            themselves, whatever engine runs them. Failures are shown; --all shows passes, too. \
            With --openscap a file of scan results is shown instead.
            """)

    @Flag(name: [.short, .long], help: "Show what passes and what could not be seen, too.")
    var all = false

    @Option(name: [.short, .long], help: "table, wide or json.")
    var output = PsFormat.table

    @Option(help: "Exit with 1 when a check of this weight or more fails: low, medium, high.")
    private var failOn: Weight?

    @Option(help: "Show a file of OpenSCAP results (XCCDF or ARF); no agent is needed.")
    var openscap: String?

    @OptionGroup var host: HostOptions

    @Argument(help: "Names, ids or the beginnings of ids; all when none is given.")
    var containers: [String] = []

    func run() async throws {
        try await reportingFailures {
            if let openscap { return try showResults(openscap) }
            let rows = try await host.client().data("/api/v1/audit", as: [AuditRow].self).data ?? []
            let wanted = rows.filter { row in
                containers.isEmpty
                    || containers.contains { $0 == row.name || row.id.hasPrefix($0) }
            }
            for name in containers
            where !wanted.contains(where: { $0.name == name || $0.id.hasPrefix(name) }) {
                throw Failure(.no, "no running container is called \(Terminal.safe(name))")
            }
            show(wanted)
            if let failOn, wanted.contains(where: { $0.fails(atLeast: failOn) }) {
                throw ExitCode(1)
            }
        }
    }

    private func show(_ rows: [AuditRow]) {
        var table = Table(
            [.left("CONTAINER"), .left("SEVERITY"), .left("CHECK"), .left("VERDICT")]
                + (output == .wide ? [.left("CIS")] : []) + [.left("REASON")]
                + (output == .wide ? [.left("REMEDY")] : []))
        for row in rows {
            let shown = row.findings.filter { all || $0.verdict == "fail" }
                .sorted { ($0.weight, $0.check) < ($1.weight, $1.check) }
            for finding in shown {
                if output == .json {
                    let record = AuditRecord(row, finding)
                    Terminal.write((try? JSONOutput.lines([record])) ?? [])
                    continue
                }
                let reason = finding.reason.isEmpty ? finding.title : finding.reason
                table.append(
                    [row.name, finding.severity, finding.check, finding.verdict]
                        + (output == .wide ? [finding.cis] : []) + [reason]
                        + (output == .wide ? [finding.remedy] : []))
            }
        }
        if output != .json { Terminal.write(table.rendered()) }
    }

    private func showResults(_ path: String) throws {
        let results: OpenSCAPResults
        do { results = try OpenSCAPFile.read(path) } catch {
            throw Failure(.badData, Terminal.safe("\(error)", limit: 1000))
        }
        let shown = results.rules.filter { all || $0.result == "fail" || $0.result == "error" }
        if output == .json {
            let rows = shown.map {
                ScapRow(rule: $0.id, title: $0.title, severity: $0.severity, result: $0.result)
            }
            Terminal.write(try JSONOutput.lines(rows))
        } else {
            var table = Table([.left("SEVERITY"), .left("RESULT"), .left("RULE"), .left("TITLE")])
            for rule in shown { table.append([rule.severity, rule.result, rule.id, rule.title]) }
            Terminal.write(table.rendered())
            let counts = results.counts.sorted { $0.key < $1.key }
                .map { "\($0.value) \($0.key)" }.joined(separator: ", ")
            let score = results.score.map { "; score \(Quantity.decimal($0, 1))" } ?? ""
            Terminal.writeError(
                Terminal.safe(
                    "\(results.profile): \(counts)\(score)\n".filter { $0 != "\n" }, limit: 1000)
                    + "\n")
        }
        if failOn != nil, results.rules.contains(where: { $0.result == "fail" }) {
            throw ExitCode(1)
        }
    }
}

/// How much a failure weighs, the heaviest first.
private enum Weight: String, ExpressibleByArgument, CaseIterable {
    case high
    case medium
    case low
}

/// A container of `/api/v1/audit`.
private struct AuditRow: Decodable {
    struct Finding: Decodable {
        var check: String
        var cis: String
        var title: String
        var severity: String
        var verdict: String
        var reason: String
        var remedy: String

        /// 0 for the heaviest.
        var weight: Int { Weight.allCases.firstIndex { $0.rawValue == severity } ?? 9 }
    }

    var name: String
    var id: String
    var engine: String
    var findings: [Finding]

    func fails(atLeast weight: Weight) -> Bool {
        let bound = Weight.allCases.firstIndex(of: weight) ?? 0
        return findings.contains { $0.verdict == "fail" && $0.weight <= bound }
    }
}

/// A line of `audit -o json`.
private struct AuditRecord: Encodable {
    var container: String
    var id: String
    var engine: String
    var check: String
    var cis: String
    var title: String
    var severity: String
    var verdict: String
    var reason: String
    var remedy: String

    init(_ row: AuditRow, _ finding: AuditRow.Finding) {
        container = row.name
        id = row.id
        engine = row.engine
        check = finding.check
        cis = finding.cis
        title = finding.title
        severity = finding.severity
        verdict = finding.verdict
        reason = finding.reason
        remedy = finding.remedy
    }
}

private struct ScapRow: Encodable {
    var rule: String
    var title: String
    var severity: String
    var result: String
}
