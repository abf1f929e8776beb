// SPDX-License-Identifier: Apache-2.0

import Collectors
import Config
import Discovery
import Linux
import Model
import SeriesStore
import Synchronization

/// The sampling thread with what it owns, and what others may see of it.
final class Sampling: Sendable {
    let store: SeriesStore
    let registry: ContainerRegistry

    /// The loop belongs to the sampling thread; the lock is held for a tick.
    private struct Loop: ~Copyable {
        let loop: SamplingLoop
    }

    private let loop: Mutex<Loop>
    private let interval: Mutex<Int64>
    private let wakeup: Wakeup
    private let stopping = Atomic<Bool>(false)
    private let ticks = Atomic<Int>(0)
    private let skipped = Atomic<Int64>(0)
    /// Whether there are other containers than at the last look.
    private let hasNews = Atomic<Bool>(false)
    private let reloadSucceeded = Atomic<Bool>(true)
    private let reloaded = Mutex<Milliseconds?>(nil)
    private let moreReadings = Mutex<[@Sendable () -> [SelfReading]]>([])

    private let tickObservers = Mutex<[@Sendable ([ContainerKills], Milliseconds) -> Void]>([])

    init(
        _ configuration: Configuration, store: SeriesStore, registry: ContainerRegistry
    ) throws(AgentError) {
        self.store = store
        self.registry = registry
        do { wakeup = try Wakeup() } catch {
            throw AgentError("cannot start sampling: no wake-up event (\(error))")
        }
        interval = Mutex(configuration.samplingInterval)
        let loop = SamplingLoop(appender: store)
        loop.setOptions(Self.options(configuration))
        self.loop = Mutex(Loop(loop: loop))
    }

    /// What each container uses, as of the last tick, or since it was found if that is later.
    var stats: [ContainerStats] { loop.withLock { $0.loop.stats } }

    /// How each running container is confined.
    var findings: [(Container, [AuditFinding])] { loop.withLock { $0.loop.findings } }

    /// Why the agent is not ready, or nil.
    var notReady: String? {
        ticks.load(ordering: .relaxed) > 0 ? nil : "The first sample has not been taken yet."
    }

    /// Takes over what can change while the agent runs.
    func apply(_ configuration: Configuration) {
        interval.withLock { $0 = configuration.samplingInterval }
        loop.withLock { $0.loop.setOptions(Self.options(configuration)) }
        reloadSucceeded.store(true, ordering: .relaxed)
        reloaded.withLock { $0 = Clock.realtimeMilliseconds() }
        wakeup.wake()
    }

    /// Whether the configuration was good when it was last read.
    var isReloadSucceeded: Bool { reloadSucceeded.load(ordering: .relaxed) }

    /// When the configuration was last read again; nil when it never was.
    var configRead: Milliseconds? { reloaded.withLock { $0 } }

    /// Samples what `source` says of itself at each tick.
    func addReadings(_ source: @escaping @Sendable () -> [SelfReading]) {
        moreReadings.withLock { $0.append(source) }
    }

    /// Calls `body` after each tick with the kills for want of memory of each container, on the
    /// sampling thread.
    func addTickObserver(_ body: @escaping @Sendable ([ContainerKills], Milliseconds) -> Void) {
        tickObservers.withLock { $0.append(body) }
    }

    /// Sets where the lines are counted of containers whose engine does not.
    func setTailed(_ tailed: @escaping @Sendable (ContainerKey) -> LogCounters?) {
        loop.withLock { $0.loop.setTailed(tailed) }
    }

    func reloadFailed() { reloadSucceeded.store(false, ordering: .relaxed) }

    /// Samples on a thread of its own until the task is cancelled.
    func run() async throws {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
                BlockingThread.start("sampler") {
                    self.sample()
                    done.resume()
                }
            }
        } onCancel: {
            stopping.store(true, ordering: .releasing)
            wakeup.wake()
        }
    }

    /// Ticks at multiples of the interval, the first at once. Ticks that a slow one covered are
    /// left out and counted, never made up for.
    private func sample() {
        registry.observe { [weak self] _ in
            self?.hasNews.store(true, ordering: .releasing)
            self?.wakeup.wake()
        }
        var due = Clock.realtimeMilliseconds()
        while !stopping.load(ordering: .acquiring) {
            let every = interval.withLock { $0 }
            var now = Clock.realtimeMilliseconds()
            // The clock was set back, or the interval shortened: do not wait for the old date.
            if due - now > every { due = (now / every + 1) * every }
            if now < due {
                if hasNews.exchange(false, ordering: .acquiring) { look(at: now) }
                _ = wakeup.wait(milliseconds: max(0, due - Clock.realtimeMilliseconds()))
                continue
            }
            tick(at: due)
            now = Clock.realtimeMilliseconds()
            let next = (due / every + 1) * every
            due = max(next, now / every * every)
            if due > next { skipped.add((due - next) / every, ordering: .relaxed) }
        }
    }

    /// Reads containers that are new, so that what they use is known before the next tick.
    private func look(at time: Milliseconds) {
        let containers = registry.current()
        loop.withLock { $0.loop.look(at: containers, time: time) }
    }

    private func tick(at time: Milliseconds) {
        hasNews.store(false, ordering: .relaxed)
        let containers = registry.current()
        let readings = readings()
        let kills = loop.withLock { loop in
            loop.loop.tick(at: time, containers: containers, readings: readings)
            return loop.loop.kills
        }
        for observer in tickObservers.withLock({ $0 }) { observer(kills, time) }
        if registry.isComplete { ticks.add(1, ordering: .relaxed) }
    }

    private func readings() -> [SelfReading] {
        let store = store.statistics()
        return [
            SelfReading(AgentMetrics.buildInfo, ["version": AgentVersion.number], 1),
            SelfReading(
                AgentMetrics.ticksSkipped, [:], Double(skipped.load(ordering: .relaxed))),
            SelfReading(AgentMetrics.series, [:], Double(store.series)),
            SelfReading(
                AgentMetrics.configReloadSuccessful, [:],
                reloadSucceeded.load(ordering: .relaxed) ? 1 : 0),
        ] + StoreReadings.of(store, maxBytes: self.store.maxBytes)
            + moreReadings.withLock { $0 }.flatMap { $0() }
    }

    private static func options(_ configuration: Configuration) -> ContainerCollector.Options {
        var options = ContainerCollector.Options()
        options.labels = configuration.containerLabels
        options.descriptorBudget = min(
            Int(configuration.descriptorBudget), DescriptorLimit.raise() / 2)
        return options
    }
}
