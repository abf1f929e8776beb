// SPDX-License-Identifier: Apache-2.0

import Linux
import Logging
import Matching
import Model
import Synchronization

/// Everything that follows from one reading of the settings: the dispatcher, a queue and a worker
/// for each integration and each Alertmanager.
final class Pipeline: Sendable {
    private struct QueueKey: Hashable {
        let receiver: String
        let integration: Int
    }

    /// The dispatcher, and whether its log has news for the disk.
    private struct State: ~Copyable {
        var dispatcher: Dispatcher?
        var isDirty = false
    }

    let settings: NotifySettings
    private let state: Mutex<State>
    private let queues: [QueueKey: DeliveryQueue]
    private let workers: [DeliveryWorker]
    private let alertmanagers: [AlertmanagerWorker]
    private let intervals: [String: [TimeInterval]]
    private let context: NotifyContext

    /// A pipeline; `previous` gives it its log, its alerts and its Alertmanagers' queues.
    init(
        _ settings: NotifySettings, _ context: NotifyContext, log: NotificationLog,
        after previous: Pipeline?
    ) throws(PatternError) {
        self.settings = settings
        self.context = context
        intervals = settings.timeIntervals
        let addresses = AddressGuard(allowsLinkLocal: settings.allowsLinkLocal)
        alertmanagers = settings.alertmanagers.map { options in
            AlertmanagerWorker(
                url: options.url,
                queue: previous?.alertmanagers.first { $0.url == options.url }?.queue
                    ?? AlertQueue(),
                poster: HTTPPoster(addresses: addresses, options: options.http),
                counters: context.counters, logger: context.logger,
                backoff: Backoff(first: context.firstWait, longest: context.firstWait * 30))
        }
        var dispatcher: Dispatcher?
        if let route = settings.route {
            dispatcher = try Dispatcher(settings, route: route, log: log)
        }
        let now = Clock.realtimeMilliseconds()
        if let previous { dispatcher?.take(previous.alerts, at: now) }
        state = Mutex(State(dispatcher: dispatcher))
        var queues: [QueueKey: DeliveryQueue] = [:]
        var workers: [DeliveryWorker] = []
        for receiver in settings.receivers {
            for (index, integration) in receiver.integrations.enumerated() {
                let queue = DeliveryQueue()
                let name = NotifyStatistics.Integration(
                    receiver: receiver.name, name: integration.name)
                context.counters.declare(name)
                queues[QueueKey(receiver: receiver.name, integration: index)] = queue
                workers.append(
                    DeliveryWorker(
                        integration: name, queue: queue,
                        sender: Self.sender(integration, addresses), counters: context.counters,
                        logger: context.logger, backoff: Backoff(first: context.firstWait)))
            }
        }
        self.queues = queues
        self.workers = workers
        for worker in alertmanagers { context.counters.count(alertmanager: worker.name) { _ in } }
    }

    static func sender(_ integration: Integration, _ addresses: AddressGuard) -> any Sender {
        if let http = HTTPSender(integration.kind, addresses: addresses) { return http }
        switch integration.kind {
        case .email(let options): return EmailSender(options: options, addresses: addresses)
        case .exec(let options): return ExecSender(options: options)
        default: preconditionFailure("every other kind is asked over HTTP")
        }
    }

    /// The alerts in groups, each once.
    private var alerts: [Alert] {
        state.withLock { $0.dispatcher.map { Array($0.alerts) } ?? [] }
    }

    /// What was told.
    var log: NotificationLog { state.withLock { $0.dispatcher?.log ?? NotificationLog() } }

    /// Hands alerts to the Alertmanagers.
    func forward(_ alerts: [Alert]) {
        for worker in alertmanagers {
            context.counters.drop(alerts: worker.queue.offer(alerts))
        }
    }

    /// Runs until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            for worker in alertmanagers { group.addTask { await worker.run() } }
            for worker in workers {
                group.addTask { await worker.run { self.finished($0, $1, isSent: $2) } }
            }
            group.addTask { await self.dispatch() }
        }
    }

    private func dispatch() async {
        while !Task.isCancelled {
            let now = Clock.realtimeMilliseconds()
            let alerts = context.inbox.drain()
            let (orders, due) = state.withLock { state in
                state.dispatcher?.take(alerts, at: now)
                let orders = state.dispatcher?.flush(at: now, muting(now)) ?? []
                return (orders, state.dispatcher?.nextDue)
            }
            for order in orders { hand(over: order) }
            save(now)
            // A minute at most, in case the clock was set.
            let wait = min(60_000, max(0, (due ?? .max) - Clock.realtimeMilliseconds()))
            await context.signal.wait(milliseconds: wait)
        }
    }

    private func muting(_ now: Milliseconds) -> Dispatcher.Muting {
        Dispatcher.Muting(
            isSilenced: { self.context.silences.silences($0, at: now) },
            isWithin: { names in
                names.contains { name in
                    self.intervals[name]?.contains { $0.contains(now) } ?? false
                }
            })
    }

    private func hand(over order: Dispatcher.Order) {
        let key = QueueKey(receiver: order.key.receiver, integration: order.key.integration)
        guard let queue = queues[key] else { return }
        guard let dropped = queue.offer(order.key, order.notification) else { return }
        let worker = workers.first { $0.queue === queue }
        if let worker { context.counters.count(worker.integration) { $0.dropped += 1 } }
        state.withLock { $0.dispatcher?.failed(dropped) }
    }

    private func finished(_ key: NotificationLog.Key, _ notification: Notification, isSent: Bool) {
        state.withLock { state in
            if isSent {
                state.dispatcher?.delivered(key, notification)
                state.isDirty = true
            } else {
                state.dispatcher?.failed(key)
            }
        }
        context.signal.wake()
    }

    /// Writes down what was told, when there is news.
    func save(_ now: Milliseconds) {
        let bytes = state.withLock { state -> [UInt8]? in
            guard state.isDirty else { return nil }
            state.isDirty = false
            state.dispatcher?.log.trim(at: now)
            return state.dispatcher?.log.encoded()
        }
        guard let bytes else { return }
        do { try context.logFile.replace(bytes) } catch {
            context.logger.error(
                "what was notified is not written down; after a restart it may be said twice",
                metadata: ["reason": "\(error)"])
        }
    }

    /// Adds what is known here to the counts.
    func fill(_ statistics: inout NotifyStatistics) {
        state.withLock { state in
            guard let dispatcher = state.dispatcher else { return }
            statistics.alerts = dispatcher.alertCount
            statistics.groups = dispatcher.groupCount
            statistics.droppedAlerts += dispatcher.dropped
            statistics.suppressed = dispatcher.suppressed
        }
        statistics.queued = queues.values.reduce(0) { $0 + $1.count }
        for worker in alertmanagers {
            statistics.alertmanagers[worker.name]?.queued = worker.queue.count
        }
        let names = Set(alertmanagers.map(\.name))
        statistics.alertmanagers = statistics.alertmanagers.filter { names.contains($0.key) }
    }

    /// Sends an alert to each Alertmanager once.
    func test(alertmanagers alert: Alert) async -> [(String, Outcome)] {
        var outcomes: [(String, Outcome)] = []
        for worker in alertmanagers { outcomes.append((worker.name, await worker.post([alert]))) }
        return outcomes
    }
}
