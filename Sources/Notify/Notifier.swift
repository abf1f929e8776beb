// SPDX-License-Identifier: Apache-2.0

import Linux
public import Logging
import Matching
public import Model
import Synchronization

/// Tells people of alerts: every Alertmanager of every alert, and its own receivers of what is routed
/// to them, grouped, deduplicated and repeated by Alertmanager's rules.
///
/// What it has to remember over restarts, silences and what was told, is in two small files.
public final class Notifier: AlertSink, Sendable {
    /// What one way of a receiver answered to a test.
    public struct TestOutcome: Sendable {
        /// The way: `slack`, or an Alertmanager's address.
        public let name: String
        /// Why it failed; nil when it was told.
        public let error: String?
    }

    /// The silences.
    public let silences: SilenceStore
    private let context: NotifyContext
    private let pipeline: Mutex<Pipeline>
    private let reloaded = Signal()

    /// The name under which `test` reaches the Alertmanagers.
    public static let alertmanagerName = "alertmanager"

    /// A notifier that keeps its files in `directory`. Throws for a matcher that RE2 refuses.
    ///
    /// `firstWait` is the wait after a first failure, in milliseconds; others follow from it.
    public init(
        _ settings: NotifySettings, directory: String, logger: Logger,
        firstWait: Milliseconds = 1000
    ) throws {
        let silences = SilenceStore(path: directory + "/silences.json") { name in
            logger.error("the silences were damaged and are set aside", metadata: ["as": "\(name)"])
        }
        let logFile = StateFile(path: directory + "/notifications.json")
        var log = NotificationLog()
        if let bytes = logFile.read() {
            if let known = NotificationLog(bytes) {
                log = known
            } else {
                logger.error(
                    "the record of notifications was damaged and is set aside",
                    metadata: ["as": "\(logFile.setAside())"])
            }
        }
        let context = NotifyContext(
            silences: silences, logFile: logFile, logger: logger, firstWait: firstWait)
        self.silences = silences
        self.context = context
        pipeline = Mutex(try Pipeline(settings, context, log: log, after: nil))
    }

    /// Takes alerts from rules.
    public func send(_ alerts: [Alert]) {
        guard !alerts.isEmpty else { return }
        pipeline.withLock { $0 }.forward(alerts)
        context.counters.drop(alerts: context.inbox.add(alerts))
        context.signal.wake()
    }

    /// Goes over to other settings; what was told and what waits for Alertmanagers stays known.
    public func apply(_ settings: NotifySettings) throws {
        let old = pipeline.withLock { $0 }
        guard old.settings != settings else { return }
        let new = try Pipeline(settings, context, log: old.log, after: old)
        pipeline.withLock { $0 = new }
        reloaded.wake()
    }

    /// Notifies until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            let current = pipeline.withLock { $0 }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await current.run() }
                group.addTask { await self.reloaded.wait() }
                await group.next()
                group.cancelAll()
            }
        }
        pipeline.withLock { $0 }.save(Clock.realtimeMilliseconds())
    }

    /// Looks at what changed: a new silence, for example.
    public func look() { context.signal.wake() }

    /// What became of notifications.
    public var statistics: NotifyStatistics {
        var statistics = context.counters.snapshot
        pipeline.withLock { $0 }.fill(&statistics)
        return statistics
    }

    /// The receivers' names.
    public var receivers: [String] {
        pipeline.withLock { $0 }.settings.receivers.map(\.name)
    }

    /// Sends a test alert to a receiver, once in each of its ways, past grouping and silences. Nil when
    /// there is no such receiver.
    public func test(receiver name: String) async -> [TestOutcome]? {
        let current = pipeline.withLock { $0 }
        let now = Clock.realtimeMilliseconds()
        let alert = Alert(
            labels: [
                Alert.nameLabel: "UllageTest", "severity": "info", "receiver": name,
            ],
            annotations: [
                "summary": "This is a test of the receiver \(name).",
                "description": "Somebody ran `ullage alerts test`. Nothing is wrong.",
            ], value: 1, state: .firing, activeAt: now, startsAt: now, endsAt: now + 60_000)
        if let receiver = current.settings.receivers.first(where: { $0.name == name }) {
            let notification = Notification(
                receiver: name, groupKey: "{}:{test=\"\(UUIDText.random())\"}",
                groupLabels: ["alertname": alert.name], alerts: [alert], time: now,
                externalURL: current.settings.externalURL)
            let addresses = AddressGuard(allowsLinkLocal: current.settings.allowsLinkLocal)
            var outcomes: [TestOutcome] = []
            for integration in receiver.integrations {
                let sender = Pipeline.sender(integration, addresses)
                outcomes.append(Self.outcome(integration.name, await sender.send(notification)))
            }
            return outcomes
        }
        guard name == Self.alertmanagerName, !current.settings.alertmanagers.isEmpty else {
            return nil
        }
        return await current.test(alertmanagers: alert).map { Self.outcome($0.0, $0.1) }
    }

    private static func outcome(_ name: String, _ outcome: Outcome) -> TestOutcome {
        switch outcome {
        case .sent(let note): TestOutcome(name: name, error: note)
        case .failed(let reason), .retry(let reason, _): TestOutcome(name: name, error: reason)
        }
    }
}

/// What outlives a reading of the settings.
struct NotifyContext: Sendable {
    let silences: SilenceStore
    let logFile: StateFile
    let logger: Logger
    let firstWait: Milliseconds
    let counters = NotifyCounters()
    let inbox = Inbox()
    /// Wakes the dispatcher.
    let signal = Signal()
}

/// Alerts on their way from the rules to the dispatcher; bounded.
final class Inbox: Sendable {
    private let alerts = Mutex<[Alert]>([])

    /// Alerts that may wait.
    static let capacity = 20_000

    /// Takes alerts; returns how many found no room.
    func add(_ more: [Alert]) -> Int {
        alerts.withLock { alerts in
            let room = max(0, Self.capacity - alerts.count)
            alerts += more.prefix(room)
            return max(0, more.count - room)
        }
    }

    /// What has come, in order.
    func drain() -> [Alert] {
        alerts.withLock { alerts in
            defer { alerts = [] }
            return alerts
        }
    }
}
