// SPDX-License-Identifier: Apache-2.0

import Linux
public import Model
import Synchronization

/// Evaluates groups of rules, each in a schedule of its own.
///
/// A group's evaluations are at multiples of its interval, shifted by a hash of its name so that
/// groups do not all run at once. An evaluation that takes longer than the interval makes its group
/// miss some, which are counted; the other groups go on, each on one of up to `maxThreads` threads.
public final class RuleEngine: Sendable {
    /// What the operator may choose; the defaults are Prometheus'.
    public struct Options: Hashable, Sendable {
        /// Time between two evaluations of a group that says nothing else.
        public var interval: Milliseconds = 60_000
        /// How far expressions look back from the time of the evaluation.
        public var queryOffset: Milliseconds = 0
        /// The labels of this host, for templates.
        public var externalLabels = Labels()
        /// Where this host's page is, without a slash at the end.
        public var externalURL = ""
        /// How long until a firing alert is handed over again.
        public var resendDelay: Milliseconds = 60_000
        /// How long the agent may have been away for the state of alerts to be restored.
        public var outageTolerance: Milliseconds = 3_600_000
        /// How long a restored alert waits at least before it fires.
        public var gracePeriod: Milliseconds = 600_000
        /// Groups evaluated at once.
        public var maxThreads = 16

        /// The defaults.
        public init() {}
    }

    /// Where the timelines of rules begin in the store, far from those of samplers.
    private static let firstTimeline: UInt16 = 1024
    /// Rules there may be.
    public static let maxRules = 60_000

    private struct Scheduled {
        let evaluation: GroupEvaluation
        var due: Milliseconds
        var isRunning = false
        var runs = 0
    }

    private struct State: ~Copyable {
        var groups: [String: Scheduled] = [:]
        var order: [String] = []
        /// The timeline of each rule.
        var timelines: [String: UInt16] = [:]
        var freeTimelines: [UInt16] = []
        var nextTimeline = 0
        var running = 0
        var isFirstLoad = true
    }

    private let context: Mutex<EvaluationContext>
    private let state = Mutex(State())
    private let wakeup: Wakeup
    private let stopping = Atomic<Bool>(false)
    private let now: @Sendable () -> Milliseconds

    /// An engine that writes to `store`, reads by `queries` and `querier`, and tells `sink`. Throws
    /// when there are no descriptors left.
    public init(
        options: Options = Options(), queries: RuleQueries, store: any Appender,
        querier: any SeriesQuerier, sink: (any AlertSink)? = nil,
        now: (@Sendable () -> Milliseconds)? = nil
    ) throws {
        context = Mutex(
            EvaluationContext(
                queries: queries, store: store, querier: querier, sink: sink, options: options))
        wakeup = try Wakeup()
        self.now = now ?? { Clock.realtimeMilliseconds() }
    }

    /// What the groups are at, in order of file and group.
    public var status: [GroupStatus] {
        let evaluations = state.withLock { state in
            state.order.compactMap { state.groups[$0]?.evaluation }
        }
        return evaluations.map(\.status)
    }

    /// Replaces the groups by those of `files`. Groups and rules that stay keep their alerts and
    /// their series; what is gone ends.
    public func load(_ files: [RuleFile], options: Options? = nil) {
        if let options { context.withLock { $0.options = options } }
        let context = context.withLock { $0 }
        let time = now()
        state.withLock { state in
            var groups: [String: Scheduled] = [:]
            var order: [String] = []
            var used: [String: UInt16] = [:]
            let isRestored = !state.isFirstLoad
            state.isFirstLoad = false
            for group in files.flatMap(\.groups) {
                let key = group.file + ";" + group.name
                let numbers = timelines(of: group, named: key, from: &state, into: &used)
                let evaluation = GroupEvaluation(
                    group, context: context, timelines: numbers, isRestored: isRestored)
                var scheduled = Scheduled(
                    evaluation: evaluation, due: evaluation.slot(at: time) + evaluation.interval)
                if let old = state.groups.removeValue(forKey: key) {
                    evaluation.takeOver(old.evaluation, at: time)
                    scheduled.runs = old.runs
                }
                groups[key] = scheduled
                order.append(key)
            }
            for (_, gone) in state.groups { gone.evaluation.end(at: time) }
            for (_, number) in state.timelines { state.freeTimelines.append(number) }
            (state.groups, state.order, state.timelines) = (groups, order, used)
        }
        wakeup.wake()
    }

    /// A timeline for each rule of a group: for one that was there before, the same as then, because
    /// it goes on with the same series.
    private func timelines(
        of group: RuleGroup, named key: String, from state: inout State,
        into used: inout [String: UInt16]
    ) -> [UInt16] {
        var counts: [String: Int] = [:]
        return group.rules.map { rule in
            let identity = key + ";" + rule.identity(in: group)
            counts[identity, default: 0] += 1
            let name = "\(identity);\(counts[identity] ?? 0)"
            let number: UInt16
            if let known = state.timelines.removeValue(forKey: name) {
                number = known
            } else if let free = state.freeTimelines.popLast() {
                number = free
            } else {
                number = Self.firstTimeline + UInt16(min(state.nextTimeline, Self.maxRules))
                state.nextTimeline += 1
            }
            used[name] = number
            return number
        }
    }

    // MARK: Schedule

    /// Evaluates groups as they are due, on threads of its own, until the task is cancelled.
    public func run() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
                BlockingThread.start("rules") {
                    self.schedule()
                    done.resume()
                }
            }
        } onCancel: {
            stopping.store(true, ordering: .releasing)
            wakeup.wake()
        }
    }

    private func schedule() {
        while !stopping.load(ordering: .acquiring) {
            let wait = dispatch(at: now())
            // At most a minute, for clocks that are set.
            _ = wakeup.wait(milliseconds: min(max(wait, 1), 60_000))
        }
        // The evaluations that run end before the store does.
        while state.withLock({ $0.running }) > 0 { _ = wakeup.wait(milliseconds: 100) }
    }

    /// Starts what is due; gives the milliseconds until something else is.
    private func dispatch(at time: Milliseconds) -> Milliseconds {
        let limit = context.withLock { $0.options.maxThreads }
        var start: [(String, GroupEvaluation, Milliseconds)] = []
        let next = state.withLock { state in
            var next = Milliseconds.max
            for key in state.order {
                guard var one = state.groups[key] else { continue }
                defer { state.groups[key] = one }
                // The clock was set back: do not wait for the old date.
                if one.due - time > 2 * one.evaluation.interval {
                    one.due = one.evaluation.slot(at: time) + one.evaluation.interval
                }
                guard one.due <= time else {
                    next = min(next, one.due)
                    continue
                }
                guard !one.isRunning, state.running < limit else { continue }
                let slot = one.evaluation.slot(at: time)
                one.evaluation.missed(Int((slot - one.due) / one.evaluation.interval))
                one.isRunning = true
                one.due = slot + one.evaluation.interval
                state.running += 1
                start.append((key, one.evaluation, slot))
                next = min(next, one.due)
            }
            return next
        }
        for (key, evaluation, slot) in start {
            BlockingThread.start("rules") { self.evaluate(key, evaluation, at: slot) }
        }
        return next == .max ? 60_000 : next - time
    }

    private func evaluate(_ key: String, _ evaluation: GroupEvaluation, at slot: Milliseconds) {
        evaluation.evaluate(at: slot)
        let runs = state.withLock { state -> Int in
            state.groups[key]?.runs += 1
            return state.groups[key]?.runs ?? 0
        }
        // After the second evaluation: by then what alerts depend on has been recorded again.
        if runs >= 2, evaluation.needsRestoring { evaluation.restore(at: now()) }
        state.withLock { state in
            state.groups[key]?.isRunning = false
            state.running -= 1
        }
        wakeup.wake()
    }

    /// Evaluates all groups for `time`, one after the other on the caller's thread, instead of in
    /// their schedule: for measuring.
    public func evaluate(at time: Milliseconds) {
        let groups = state.withLock { state in
            state.order.compactMap { state.groups[$0]?.evaluation }
        }
        for group in groups { group.evaluate(at: time) }
    }
}
