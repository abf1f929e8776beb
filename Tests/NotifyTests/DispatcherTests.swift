// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import Notify

/// Grouping, timing and quiet, with time that the test turns.
@Suite("Dispatching")
struct DispatcherTests {
    private static let second: Milliseconds = 1000
    private static let minute: Milliseconds = 60_000
    private let start: Milliseconds = 1_700_000_000_000

    private func settings(_ change: (inout NotifySettings) -> Void = { _ in }) -> NotifySettings {
        var settings = NotifySettings()
        let webhook = Integration(.webhook(url: .text("http://localhost"), http: HTTPOptions()))
        settings.receivers = [
            Receiver(name: "all", integrations: [webhook]),
            Receiver(name: "urgent", integrations: [webhook]),
        ]
        var route = Route(receiver: "all")
        route.grouping = .labels(["alertname"])
        settings.route = route
        change(&settings)
        return settings
    }

    private func dispatcher(_ settings: NotifySettings) throws -> Dispatcher {
        try Dispatcher(
            settings, route: try #require(settings.route), log: NotificationLog())
    }

    private func firing(_ name: String, _ labels: Labels = [:], at time: Milliseconds) -> Alert {
        Alert(
            labels: labels.merging(["alertname": name]), value: 1, state: .firing, activeAt: time,
            startsAt: time, endsAt: time + 4 * Self.minute)
    }

    private func resolved(_ alert: Alert, at time: Milliseconds) -> Alert {
        var alert = alert
        alert.endsAt = time
        alert.state = .inactive
        return alert
    }

    private static var loud: Dispatcher.Muting {
        Dispatcher.Muting(isSilenced: { _ in false }, isWithin: { _ in false })
    }

    /// What is told at a time, each as `receiver status names`; all of it is delivered.
    private func tell(
        _ dispatcher: inout Dispatcher, at time: Milliseconds, _ muting: Dispatcher.Muting = loud
    ) -> [String] {
        let orders = dispatcher.flush(at: time, muting)
        for order in orders { dispatcher.delivered(order.key, order.notification) }
        return orders.map {
            let names = $0.notification.alerts.map { $0.labels["name"] + $0.name }
            return "\($0.key.receiver) \($0.notification.status) \(names.joined(separator: " "))"
        }.sorted()
    }

    @Test("A group waits, then tells all of it at once; later ones come at the group's interval")
    func grouping() throws {
        var dispatcher = try dispatcher(settings())
        dispatcher.take([firing("Full", ["name": "a"], at: start)], at: start)
        dispatcher.take([firing("Full", ["name": "b"], at: start)], at: start + 5 * Self.second)
        #expect(tell(&dispatcher, at: start + 29 * Self.second).isEmpty)
        let first = tell(&dispatcher, at: start + 30 * Self.second)
        #expect(first.count == 1 && first[0].contains("aFull") && first[0].contains("bFull"))
        dispatcher.take([firing("Full", ["name": "c"], at: start)], at: start + 60 * Self.second)
        #expect(tell(&dispatcher, at: start + 60 * Self.second).isEmpty)
        #expect(dispatcher.nextDue == start + 330 * Self.second)
        #expect(tell(&dispatcher, at: start + 330 * Self.second).count == 1)
    }

    @Test("What still fires is told again after the repeat interval, and its end once")
    func repeating() throws {
        var dispatcher = try dispatcher(settings())
        let alert = firing("Full", at: start)
        var told: [(Milliseconds, String)] = []
        for tick in 0..<(5 * 60) {
            let now = start + Milliseconds(tick) * Self.minute
            var again = alert
            again.endsAt = now + 4 * Self.minute
            let isOver = tick >= 280
            let over = resolved(alert, at: start + 280 * Self.minute)
            dispatcher.take([isOver ? over : again], at: now)
            for text in tell(&dispatcher, at: now) { told.append((now - start, text)) }
        }
        #expect(told.map(\.1) == ["all firing Full", "all firing Full", "all resolved Full"])
        #expect(told.first?.0 == Self.minute)
        #expect((told[1].0 - told[0].0) / Self.minute == 240)
        #expect(dispatcher.alertCount == 0, "what is over and told is forgotten")
    }

    @Test("An alert that comes and goes before anybody was told is nobody's business")
    func brief() throws {
        var dispatcher = try dispatcher(settings())
        let alert = firing("Blip", at: start)
        dispatcher.take([alert], at: start)
        dispatcher.take([resolved(alert, at: start + 10_000)], at: start + 10_000)
        #expect(tell(&dispatcher, at: start + 30_000).isEmpty)
        #expect(dispatcher.groupCount == 0)
    }

    @Test("What could not be delivered is told in its newest state, even when all is over")
    func outage() throws {
        var dispatcher = try dispatcher(settings())
        let alert = firing("Full", at: start)
        dispatcher.take([alert], at: start)
        #expect(dispatcher.flush(at: start + 30_000, Self.loud).count == 1)
        let end = start + 5 * Self.minute
        dispatcher.take([resolved(alert, at: end)], at: end)
        let orders = dispatcher.flush(at: end + Self.minute, Self.loud)
        #expect(orders.map(\.notification.status) == ["resolved"])
        for order in orders { dispatcher.delivered(order.key, order.notification) }
        #expect(tell(&dispatcher, at: end + 10 * Self.minute).isEmpty)
    }

    @Test("Routes go to the first child that matches, and on where one says so")
    func routing() throws {
        let settings = settings {
            var urgent = Route(receiver: "urgent")
            urgent.matchers = [Matcher("severity", .equal, "critical")]
            urgent.continues = true
            urgent.groupWait = 0
            var rest = Route(receiver: "all")
            rest.matchers = [Matcher("name", .matches, "web.*")]
            rest.groupWait = 0
            $0.route?.routes = [urgent, rest]
        }
        var dispatcher = try dispatcher(settings)
        dispatcher.take(
            [
                firing("A", ["severity": "critical", "name": "web1"], at: start),
                firing("B", ["severity": "critical"], at: start),
                firing("C", ["name": "web2"], at: start),
            ], at: start)
        let told = tell(&dispatcher, at: start)
        #expect(told.count == 2, "\(told)")
        #expect(told[0].hasPrefix("all firing") && told[0].contains("web1A"))
        #expect(told[0].contains("web2C"))
        #expect(told[1].hasPrefix("urgent firing") && told[1].contains("B"))
    }

    @Test("A firing source keeps its targets quiet, not those of others")
    func inhibition() throws {
        let settings = settings {
            $0.route?.groupWait = 0
            $0.inhibitRules = [
                InhibitRule(
                    source: [Matcher("alertname", .equal, "Down")],
                    target: [Matcher("severity", .equal, "warning")], equal: ["name"])
            ]
        }
        var dispatcher = try dispatcher(settings)
        let down = firing("Down", ["name": "a", "severity": "critical"], at: start)
        let slow = [
            firing("Slow", ["name": "a", "severity": "warning"], at: start),
            firing("Slow", ["name": "b", "severity": "warning"], at: start),
        ]
        dispatcher.take([down] + slow, at: start)
        #expect(tell(&dispatcher, at: start) == ["all firing aDown", "all firing bSlow"])
        #expect(dispatcher.suppressed["inhibited"] == 1)
        let later = start + 5 * Self.minute
        let still = slow.map { alert in
            var alert = alert
            alert.endsAt = later + Self.minute
            return alert
        }
        dispatcher.take([resolved(down, at: later)] + still, at: later)
        let told = tell(&dispatcher, at: later)
        #expect(told.contains { $0.contains("aSlow") }, "\(told)")
    }

    @Test("Silences and quiet hours hold notifications back until they end")
    func quiet() throws {
        let settings = settings {
            $0.route?.groupWait = 0
            $0.route?.muteTimeIntervals = ["night"]
        }
        var dispatcher = try dispatcher(settings)
        dispatcher.take([firing("Full", at: start)], at: start)
        let night = Dispatcher.Muting(
            isSilenced: { _ in false }, isWithin: { $0 == ["night"] })
        let silent = Dispatcher.Muting(isSilenced: { _ in true }, isWithin: { _ in false })
        #expect(tell(&dispatcher, at: start, night).isEmpty)
        #expect(tell(&dispatcher, at: start + 300_000, silent).isEmpty)
        var again = firing("Full", at: start)
        again.endsAt = start + 900_000
        dispatcher.take([again], at: start + 400_000)
        #expect(tell(&dispatcher, at: start + 600_000) == ["all firing Full"])
    }

    @Test("After a restart nobody is told again of what was told")
    func restart() throws {
        var first = try dispatcher(settings { $0.route?.groupWait = 0 })
        first.take([firing("Full", at: start)], at: start)
        #expect(tell(&first, at: start).count == 1)
        let log = try #require(NotificationLog(first.log.encoded()))
        #expect(log.entries == first.log.entries)
        var second = try Dispatcher(
            settings { $0.route?.groupWait = 0 }, route: try #require(settings().route), log: log)
        var again = firing("Full", at: start)
        again.endsAt = start + 600_000
        second.take([again], at: start + 60_000)
        #expect(tell(&second, at: start + 60_000).isEmpty)
        second.take([resolved(again, at: start + 90_000)], at: start + 90_000)
        #expect(tell(&second, at: start + 360_000) == ["all resolved Full"])
    }

    @Test("A clock that was set back does not keep groups waiting")
    func clock() throws {
        var dispatcher = try dispatcher(settings())
        dispatcher.take([firing("Full", at: start)], at: start)
        #expect(tell(&dispatcher, at: start - 7_200_000).isEmpty)
        #expect((dispatcher.nextDue ?? .max) <= start - 7_200_000 + 300_000)
    }

    @Test("More alerts than there is room for are dropped and counted")
    func bounded() throws {
        var dispatcher = try dispatcher(settings())
        let many = (0..<(Dispatcher.maxAlerts + 10)).map {
            firing("Many", ["n": String($0)], at: start)
        }
        dispatcher.take(many, at: start)
        #expect(dispatcher.alertCount == Dispatcher.maxAlerts)
        #expect(dispatcher.dropped == 10)
    }
}
