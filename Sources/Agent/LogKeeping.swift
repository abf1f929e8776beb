// SPDX-License-Identifier: Apache-2.0

import Collectors
import Config
import Discovery
import Interchange
import Linux
import LogQL
import LogStore
import Logging
import Logs
import Model
import Pipeline
import Synchronization

/// The logs of a host: every source tailed into the store, and the store kept within its bounds.
final class LogKeeping: Sendable {
    private let store: LogStore
    /// Says that there may be more lines to read.
    var written: ChangeNotice { store.written }
    /// Where lines go: the store, and the metrics made of them.
    let sink: any LogSink
    /// Answers queries over the store; sees what was flushed, which is everything but the last
    /// tenth of a second.
    let archive: LogArchive
    private let tailing: LogTailing
    private let journal: JournalTailing?
    private let meters: LogMeters?
    private let registry: ContainerRegistry
    private let rules: Rules
    private let logger: Logger
    private let retention: Wakeup
    private static let retentionInterval: Milliseconds = 60_000

    /// Opens the store. Throws `AgentError` when it cannot be.
    init(
        _ configuration: Configuration, directory: DataDirectory, registry: ContainerRegistry,
        logger: Logger, descriptors: Int
    ) throws(AgentError) {
        self.registry = registry
        self.logger = logger
        let rules = Rules(try LogPipelineChoice(configuration.logs.pipelines))
        self.rules = rules
        var options = LogStore.Options()
        options.retention = configuration.logs.retention
        options.maxBytes = Int(configuration.logs.maxSize)
        options.maxBytesPerLog = Int(configuration.logs.maxContainerSize)
        archive = LogArchive(directory: directory.logs)
        let meters = try LogMetering.meters(configuration)
        self.meters = meters
        do {
            let store = try LogStore(directory: directory.logs, options: options)
            self.store = store
            retention = try Wakeup()
            let sink: any LogSink = meters.map { MeteredSink(store: store, meters: $0) } ?? store
            self.sink = sink
            var tailOptions = LogTailing.Options()
            // The rest is for the kernel's files and for connections.
            tailOptions.descriptorBudget = descriptors / 4
            tailing = try LogTailing(
                sink: sink, options: tailOptions, transform: { rules.pipeline(for: $0) },
                relabel: { rules.current.labelled($0) },
                report: { logger.warning("\($0)") })
            journal = try Self.journal(
                configuration, directory, sink, rules, report: { logger.warning("\($0)") })
        } catch {
            throw AgentError("cannot open the log store: \(error)")
        }
        apply(configuration)
    }

    /// The journal's reader; nil when it is not to be read.
    private static func journal(
        _ configuration: Configuration, _ directory: DataDirectory, _ sink: any LogSink,
        _ rules: Rules, report: @escaping @Sendable (String) -> Void
    ) throws -> JournalTailing? {
        guard configuration.logs.journal != "none" else { return nil }
        var options = JournalTailing.Options()
        if configuration.logs.journal != "auto" { options.directory = configuration.logs.journal }
        options.cursorPath = directory.logs + "/journal.cursor"
        options.history = configuration.logs.retention
        return try JournalTailing(
            sink: sink, options: options, transform: { rules.pipeline(for: $0) },
            relabel: { rules.current.labelled($0) }, report: report)
    }

    /// Takes over what can change while the agent runs.
    func apply(_ configuration: Configuration) {
        var globs = configuration.logs.files.map { LogFileGlob($0) }
        if !configuration.logs.pods.isEmpty {
            globs.append(
                LogFileGlob(configuration.logs.pods + "/*/*/*.log", format: .cri, naming: .pod))
        }
        do {
            rules.set(try LogPipelineChoice(configuration.logs.pipelines))
        } catch {
            logger.error("the pipelines in use stay: \(error)")
        }
        tailing.setFiles(globs)
        journal?.setUnits(configuration.logs.units)
    }

    /// Takes lines that other hosts send, under the rules for the lines of this one.
    func intake(retention: Milliseconds, limits: ReceiveLimits) -> LogIntake {
        let rules = rules
        return LogIntake(
            into: sink, retention: retention, limits: limits,
            transform: { rules.pipeline(for: $0) }, relabel: { rules.current.labelled($0) })
    }

    /// The rules in use, which the tailing thread asks for.
    private final class Rules: Sendable {
        private let choice: Mutex<LogPipelineChoice>

        init(_ choice: LogPipelineChoice) { self.choice = Mutex(choice) }

        var current: LogPipelineChoice { choice.withLock { $0 } }

        /// What the pipelines did.
        let tally = LinePipeline.Tally()

        func pipeline(for identity: LogIdentity) -> LinePipeline? {
            current.pipeline(for: identity, tally: tally)
        }

        func set(_ choice: LogPipelineChoice) { self.choice.withLock { $0 = choice } }
    }

    /// Tails and removes what is too old until the task is cancelled.
    func run() async throws {
        registry.observe { [weak self] in self?.update($0) }
        update(registry.current())
        await withTaskCancellationHandler {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await Self.thread("logs") { try? self.tailing.run() } }
                if let journal { group.addTask { await Self.thread("journal") { journal.run() } } }
                group.addTask { await Self.thread("log-retention") { self.keepWithinBounds() } }
            }
        } onCancel: {
            tailing.stop()
            journal?.stop()
            retention.wake()
        }
    }

    private func update(_ containers: [Container]) {
        tailing.setSources(containers.compactMap { TailSource($0) })
        // Until every engine was asked, an entry's container may not be known yet.
        guard let journal, registry.isComplete else { return }
        journal.setContainers(containers.map { JournaledContainer($0) })
    }

    private func keepWithinBounds() {
        repeat {
            store.applyRetention(now: Clock.realtimeMilliseconds())
        } while !retention.wait(milliseconds: Self.retentionInterval)
    }

    private static func thread(_ name: String, _ body: @escaping @Sendable () -> Void) async {
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            BlockingThread.start(name) {
                body()
                done.resume()
            }
        }
    }

    /// Writes down everything that was taken.
    func flush() { try? store.flush() }

    /// What was read of a container's log since the agent started; nil when it is not tailed.
    func counters(of container: ContainerKey) -> LogCounters? {
        tailing.counters(of: container.id) ?? journal?.counters(of: container.id)
    }

    /// What there is to say of logs at each tick.
    func readings() -> [SelfReading] {
        let stored = store.statistics()
        let tailed = tailing.statistics
        let journaled = journal?.statistics ?? JournalTailing.Statistics()
        return [
            SelfReading(LogMetrics.tailed, [:], Double(tailed.logs)),
            SelfReading(LogMetrics.journaled, [:], Double(journaled.logs)),
            SelfReading(LogMetrics.journalEntries, [:], Double(journaled.entries)),
            SelfReading(LogMetrics.journalLosses, [:], Double(journaled.losses)),
            SelfReading(LogMetrics.journalErrors, [:], Double(journaled.errors)),
            SelfReading(LogMetrics.polled, [:], Double(tailed.polled)),
            SelfReading(LogMetrics.rotations, [:], Double(tailed.rotations)),
            SelfReading(LogMetrics.truncations, [:], Double(tailed.truncations)),
            SelfReading(LogMetrics.damagedBytes, [:], Double(tailed.damagedBytes)),
            SelfReading(LogMetrics.tailErrors, [:], Double(tailed.errors)),
            SelfReading(LogMetrics.storedEntries, [:], Double(stored.entries)),
            SelfReading(LogMetrics.storedText, [:], Double(stored.bytes)),
            SelfReading(LogMetrics.storeBytes, [:], Double(stored.bytesOnDisk)),
            SelfReading(LogMetrics.storeErrors, [:], Double(stored.errors)),
            SelfReading(LogMetrics.removedSegments, [:], Double(stored.removedSegments)),
            SelfReading(LogMetrics.gaps, [:], Double(stored.gaps)),
        ] + pipelineReadings() + (meters.map(LogMetering.readings) ?? [])
    }

    private func pipelineReadings() -> [SelfReading] {
        let counts = rules.tally.counts
        return [
            ("dropped", counts.dropped), ("limited", counts.limited),
            ("redacted", counts.redacted), ("unparsed", counts.unparsed),
        ].map { SelfReading(LogMetrics.pipeline, ["result": $0.0], Double($0.1)) }
    }
}
