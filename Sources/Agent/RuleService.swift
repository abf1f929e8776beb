// SPDX-License-Identifier: Apache-2.0

import Collectors
import Config
import Glibc
import LogQL
import Logging
import Model
import Notify
public import PromQL
import Rules
import SeriesStore
import Synchronization

/// What rules over logs may be.
public enum LogRule {
    /// Throws for what is no LogQL, or yields lines instead of numbers.
    public static func check(_ text: String) throws(QueryError) {
        guard case .metric = try LogParser.parse(text) else {
            throw QueryError(
                .badData, "a rule needs numbers: count the lines, as in count_over_time({...}[5m])")
        }
    }
}

/// The rules of a directory, evaluated over the agent's own stores.
final class RuleService: Sendable {
    private let engine: RuleEngine
    private let logger: Logger
    private let succeeded = Atomic<Bool>(true)

    /// Reads the rules that `configuration` names. Files that are bad are left out and reported; the
    /// others' rules run. `logs` answers rules over logs; `sink` is told of alerts.
    init(
        _ configuration: Configuration, store: SeriesStore, logs: (any LogQuerier)?,
        sink: (any AlertSink)?, logger: Logger
    ) throws(AgentError) {
        self.logger = logger
        var options = Engine.Options()
        options.lookback = configuration.lookback
        options.maxSamples = Int(configuration.maxSamples)
        options.maxSeries = Int(configuration.maxQuerySeries)
        // Nobody waits for a rule: spreading it over the cores would only cost.
        options.threads = 1
        let queries = RuleQueries(
            engine: Engine(querier: store, options: options), logQL: logs.map(Self.logQL))
        do {
            engine = try RuleEngine(
                options: Self.options(configuration), queries: queries, store: store,
                querier: store, sink: sink)
        } catch {
            throw AgentError("cannot start the rule engine: no wake-up event (\(error))")
        }
        let (files, problems) = Self.read(configuration.rules.directory)
        report(problems, "these rule files are left out")
        engine.load(files)
    }

    private static func logQL(_ querier: any LogQuerier) -> RuleQueries.Query {
        let engine = LogEngine(querier: querier)
        return { text, time throws(QueryError) in try engine.instant(text, at: time) }
    }

    /// The groups with what their last evaluations came to.
    var status: [GroupStatus] { engine.status }

    /// Evaluates until the task is cancelled.
    func run() async { await engine.run() }

    /// Reads the rules again; says whether all are good. When one file is bad, the rules in use stay, all of them.
    func apply(_ configuration: Configuration) -> Bool {
        let (files, problems) = Self.read(configuration.rules.directory)
        guard problems.isEmpty else {
            report(problems, "the rules in use stay")
            return false
        }
        succeeded.store(true, ordering: .relaxed)
        engine.load(files, options: Self.options(configuration))
        return true
    }

    private func report(_ problems: [RuleProblem], _ consequence: String) {
        guard !problems.isEmpty else { return }
        succeeded.store(false, ordering: .relaxed)
        let lines = problems.map(\.description).joined(separator: "\n")
        logger.error("\(consequence):\n\(lines)")
    }

    private static func options(_ configuration: Configuration) -> RuleEngine.Options {
        var options = RuleEngine.Options()
        let rules = configuration.rules
        options.interval = rules.interval
        options.queryOffset = rules.queryOffset
        options.externalLabels = Labels(
            rules.externalLabels.map { Label(name: $0.key, value: $0.value) })
        options.externalURL =
            configuration.notify.externalURL.isEmpty
            ? "http://\(configuration.listen.host):\(configuration.listen.port)"
            : configuration.notify.externalURL
        options.resendDelay = rules.resendDelay
        options.outageTolerance = rules.outageTolerance
        options.gracePeriod = rules.gracePeriod
        return options
    }

    /// The rule files of a directory in order of name, and what is wrong with those left out. A
    /// directory that is not there has none.
    private static func read(_ directory: String) -> ([RuleFile], [RuleProblem]) {
        guard let entries = opendir(directory) else {
            guard errno != ENOENT else { return ([], []) }
            return (
                [], [RuleProblem(file: directory, "cannot list it: \(AgentError.reason(errno))")]
            )
        }
        defer { closedir(entries) }
        var names: [String] = []
        while let entry = readdir(entries) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            let isRules = name.hasSuffix(".yaml") || name.hasSuffix(".yml")
            if isRules, !name.hasPrefix(".") { names.append(name) }
        }
        var files: [RuleFile] = []
        var problems: [RuleProblem] = []
        for name in names.sorted() {
            do throws(RuleFileError) {
                files.append(
                    try RuleFile.load(
                        path: directory + "/" + name, checkLogQL: LogRule.check))
            } catch { problems += error.problems }
        }
        if files.reduce(0, { $0 + $1.ruleCount }) > RuleEngine.maxRules {
            problems.append(
                RuleProblem(
                    file: directory,
                    "it has more than \(RuleEngine.maxRules) rules, the most there "
                        + "may be"))
            files = []
        }
        return (files, problems)
    }

    /// What the engine says of itself.
    func readings() -> [SelfReading] {
        var readings = [
            SelfReading(
                RuleMetrics.reloadSuccessful, [:], succeeded.load(ordering: .relaxed) ? 1 : 0)
        ]
        for group in engine.status {
            let labels: Labels = ["rule_group": group.key]
            func add(_ metric: MetricDescriptor, _ value: Double) {
                readings.append(SelfReading(metric, labels, value))
            }
            add(RuleMetrics.evaluations, Double(group.evaluations))
            add(RuleMetrics.failures, Double(group.failures))
            add(RuleMetrics.iterations, Double(group.iterations + group.missed))
            add(RuleMetrics.missed, Double(group.missed))
            add(RuleMetrics.interval, Double(group.interval) / 1000)
            add(RuleMetrics.lastEvaluation, Double(group.evaluatedAt ?? 0) / 1000)
            add(RuleMetrics.lastDuration, group.seconds)
            add(RuleMetrics.totalDuration, group.totalSeconds)
            add(RuleMetrics.lastSamples, Double(group.samples))
            add(RuleMetrics.rules, Double(group.rules.count))
            add(RuleMetrics.dropped, Double(group.dropped))
        }
        return readings
    }
}
