// SPDX-License-Identifier: Apache-2.0

import Codecs
import Linux
import Logging
import Model
import TestSupport
import Testing

@testable import Notify

/// From an alert to what a receiver gets, over real connections and processes.
@Suite("Notifier")
struct NotifierTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("notify") }

    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func notifier(_ settings: NotifySettings) throws -> Notifier {
        try Notifier(
            settings, directory: directory.path, logger: Self.quiet, firstWait: 20)
    }

    /// Settings with one receiver that is told at once.
    private func settings(_ integrations: Integration...) -> NotifySettings {
        var settings = NotifySettings()
        settings.receivers = [Receiver(name: "ops", integrations: integrations)]
        var route = Route(receiver: "ops")
        route.groupWait = 0
        route.groupInterval = 50
        route.grouping = .labels(["alertname"])
        settings.route = route
        return settings
    }

    private func alert(_ name: String, end: Milliseconds? = nil, _ labels: Labels = [:]) -> Alert {
        let now = Clock.realtimeMilliseconds()
        return Alert(
            labels: labels.merging(["alertname": name, "severity": "critical"]),
            annotations: ["summary": "<b>\(name)</b> & *more*", "description": "@everyone look"],
            value: 1, state: end == nil ? .firing : .inactive, activeAt: now - 1000,
            startsAt: now - 1000, endsAt: end ?? now + 240_000,
            generatorURL: "http://localhost:9850/graph")
    }

    /// Runs a notifier for as long as `body` does.
    private func running(
        _ notifier: Notifier, _ body: () async throws -> Void
    ) async throws {
        let task = Task { await notifier.run() }
        defer { task.cancel() }
        try await body()
        task.cancel()
        await task.value
    }

    @Test("A webhook gets Alertmanager's payload, firing and resolved")
    func webhook() async throws {
        let sink = try await WebSink()
        var http = HTTPOptions()
        try directory.write("s3cret\n", to: "password")
        http.basicAuth = HTTPOptions.BasicAuth(
            username: "me", password: .file(directory.appending("password")))
        let notifier = try notifier(
            settings(Integration(.webhook(url: .text(sink.url), http: http))))
        try await running(notifier) {
            let firing = alert("Full", ["name": "web"])
            notifier.send([firing])
            #expect(await soon { sink.posted.count == 1 })
            let first = try #require(sink.posted.first)
            #expect(first.path == "/hook")
            #expect(first.headers["authorization"] == "Basic bWU6czNjcmV0")
            #expect(first.json["version"].string == "4")
            #expect(first.json["status"].string == "firing")
            #expect(first.json["receiver"].string == "ops")
            #expect(first.json["groupKey"].string == "{}:{alertname=\"Full\"}")
            #expect(first.json["commonLabels"].strings["name"] == "web")
            let one = first.json["alerts"].array[0]
            #expect(one["endsAt"].string == "0001-01-01T00:00:00Z")
            #expect(one["fingerprint"].string == firing.fingerprint.description)
            var over = firing
            over.endsAt = Clock.realtimeMilliseconds()
            notifier.send([over])
            #expect(await soon { sink.posted.count == 2 })
            #expect(sink.posted.last?.json["status"].string == "resolved")
        }
        let counts = notifier.statistics.integrations.values.first
        #expect(counts?.sent == 2 && counts?.failed == 0)
    }

    @Test(
        "A target that fails for a while is tried again, one that refuses is not, a redirect is not followed"
    )
    func failures() async throws {
        let sink = try await WebSink()
        let other = try await WebSink()
        let notifier = try notifier(
            settings(Integration(.webhook(url: .text(sink.url), http: HTTPOptions()))))
        try await running(notifier) {
            sink.answer(503, 429, 200)
            notifier.send([alert("Flaky")])
            #expect(await soon { sink.posted.count == 3 })
            #expect(await soon { notifier.statistics.integrations.values.first?.sent == 1 })
            #expect(notifier.statistics.integrations.values.first?.retries == 2)
            sink.answer(302, 400, headers: [("Location", other.url)])
            notifier.send([alert("Moved")])
            #expect(await soon { notifier.statistics.integrations.values.first?.failed == 2 })
            #expect(await soon { notifier.statistics.integrations.values.first?.sent == 2 })
        }
        #expect(other.posted.isEmpty)
    }

    @Test("A link-local target is refused before a connection is made")
    func guarded() async throws {
        let hook = Integration(
            .webhook(url: .text("http://169.254.169.254/latest"), http: HTTPOptions()))
        let outcome = try #require(await notifier(settings(hook)).test(receiver: "ops"))
        #expect(outcome[0].error?.contains("allow_link_local") ?? false)
    }

    @Test("Chat services get their own shapes, with text that cannot call anybody")
    func chats() async throws {
        let sink = try await WebSink()
        let url = Secret.text(sink.url)
        let http = HTTPOptions()
        let notifier = try notifier(
            settings(
                Integration(.slack(url: url, channel: "#ops", http: http)),
                Integration(.discord(url: url, http: http)),
                Integration(.teams(url: url, http: http)),
                Integration(.ntfy(url: url, topic: "alerts", http: http)),
                Integration(
                    .telegram(
                        url: .text("http://127.0.0.1:\(sink.port)"), token: .text("12:ab"),
                        chat: "-100", http: http))))
        try await running(notifier) {
            notifier.send([alert("Full")])
            #expect(await soon { sink.posted.count == 5 })
        }
        let posted = sink.posted
        func first(_ key: String) throws -> JSONValue {
            try #require(posted.map(\.json).first { $0[key] != .null })
        }
        #expect(posted.allSatisfy { $0.json != .null })
        let slack = try first("channel")
        let text = slack["attachments"].array[0]["title"].string
        #expect(text == "&lt;b&gt;Full&lt;/b&gt; &amp; *more*")
        let discord = try first("embeds")
        #expect(discord["allowed_mentions"]["parse"].array.isEmpty)
        #expect(discord["embeds"].array[0]["title"].string == "\\<b\\>Full\\</b\\> & \\*more\\*")
        let teams = try first("type")
        #expect(teams["attachments"].array[0]["content"]["type"].string == "AdaptiveCard")
        #expect(try first("topic")["priority"].int == 5)
        let telegram = try #require(posted.first { $0.path == "/bot12:ab/sendMessage" })
        #expect(telegram.json["chat_id"].int == -100)
        #expect(telegram.json["text"].string?.contains("&lt;b&gt;") ?? false)
    }

    @Test("A silence holds, and is listed; its end lets notifications through")
    func silenced() async throws {
        let sink = try await WebSink()
        let notifier = try notifier(
            settings(Integration(.webhook(url: .text(sink.url), http: HTTPOptions()))))
        let now = Clock.realtimeMilliseconds()
        let id = try notifier.silences.add(
            Silence(
                matchers: [Matcher("alertname", .equal, "Full")], startsAt: now,
                endsAt: now + 60_000), at: now)
        try await running(notifier) {
            notifier.send([alert("Full"), alert("Other")])
            #expect(await soon { sink.posted.count == 1 })
            #expect(await soon { (notifier.statistics.suppressed["silenced"] ?? 0) > 1 })
            #expect(sink.posted.count == 1)
            try notifier.silences.expire(id, at: Clock.realtimeMilliseconds())
            #expect(await soon { sink.posted.count == 2 })
        }
    }

    @Test("After a restart nobody is told twice; a reload goes over to other receivers")
    func restart() async throws {
        let sink = try await WebSink()
        let hook = Integration(.webhook(url: .text(sink.url), http: HTTPOptions()))
        let firing = alert("Full")
        let first = try notifier(settings(hook))
        try await running(first) {
            first.send([firing])
            #expect(await soon { first.statistics.integrations.values.first?.sent == 1 })
        }
        let second = try notifier(settings(hook))
        try await running(second) {
            second.send([firing, alert("New")])
            #expect(await soon { sink.posted.count == 2 })
            #expect(sink.posted.last?.json["groupLabels"].strings["alertname"] == "New")
            var other = settings(hook, hook)
            other.receivers[0].name = "dev"
            other.route?.receiver = "dev"
            try second.apply(other)
            #expect(await soon { sink.posted.count == 6 })
            #expect(sink.posted.last?.json["receiver"].string == "dev")
        }
    }

    @Test("A program finds what there is to tell in its environment, and nothing in its arguments")
    func exec() async throws {
        let out = directory.appending("out")
        let script =
            "printf '%s|%s|%s|%s' \"$#\" \"$ULLAGE_STATUS\" \"$ULLAGE_ALERT_1_NAME\" "
            + "\"$ULLAGE_ALERT_1_CONTAINER\" > \(out)"
        let notifier = try notifier(
            settings(Integration(.exec(ExecOptions(command: ["/bin/sh", "-c", script])))))
        try await running(notifier) {
            notifier.send([alert("Full", ["name": "$(touch /tmp/x); `id`"])])
            #expect(await soon { notifier.statistics.integrations.values.first?.sent == 1 })
        }
        #expect(contents(out) == "0|firing|Full|$(touch /tmp/x); `id`")
    }

    @Test("A program that fails, floods or hangs is said so, in bounded time")
    func execFailures() async throws {
        func error(_ command: String, timeout: Int64 = 10_000) async throws -> String {
            var options = ExecOptions(command: ["/bin/sh", "-c", command])
            options.timeout = timeout
            let notifier = try notifier(settings(Integration(.exec(options))))
            return try #require(await notifier.test(receiver: "ops"))[0].error ?? ""
        }
        #expect(
            try await error("echo no such channel >&2; exit 3").contains("exited with 3: no such"))
        #expect(try await error("exec sleep 1000", timeout: 50).contains("longer than 50 ms"))
        #expect(try await error("sleep 1000 & wait", timeout: 50).contains("killed"))
        #expect(try await error("exec >&- 2>&-; sleep 1000", timeout: 50).contains("killed"))
        #expect(try await error("head -c 10000000 /dev/zero | tr '\\0' x; exit 1").count < 500)
        #expect(try await error("kill -9 $$").contains("signal 9"))
        let missing = try notifier(
            settings(Integration(.exec(ExecOptions(command: ["/no/such/program"])))))
        #expect(await missing.test(receiver: "ops")?[0].error?.contains("No such file") ?? false)
        #expect(await missing.test(receiver: "nobody")?.count == nil)
    }
}
