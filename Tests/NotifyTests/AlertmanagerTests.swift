// SPDX-License-Identifier: Apache-2.0

import Codecs
import Foundation
import Linux
import Logging
import Model
import TestSupport
import Testing

@testable import Notify

/// Debian's Alertmanager as the other side.
@Suite("Alertmanager")
struct AlertmanagerTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("alertmanager") }

    /// A running Alertmanager, ended with its owner.
    private final class Alertmanager {
        private let process = Process()
        private let port: Int

        init(port: Int, in directory: TemporaryDirectory, config: [String] = []) throws {
            self.port = port
            let file = try directory.write(
                "route: {receiver: x}\nreceivers: [{name: x}]\n", to: "alertmanager.yml")
            process.executableURL = URL(filePath: "/usr/bin/prometheus-alertmanager")
            process.arguments =
                [
                    "--config.file=\(file)", "--storage.path=\(directory.appending("am"))",
                    "--web.listen-address=127.0.0.1:\(port)", "--cluster.listen-address=",
                ] + config
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
        }

        deinit { stop() }

        func stop() {
            process.terminate()
            process.waitUntilExit()
        }

        /// What it lists: the fingerprint of each alert that is active.
        func active() -> [String] {
            let curl = Process()
            curl.executableURL = URL(filePath: "/usr/bin/curl")
            curl.arguments = ["-s", "http://127.0.0.1:\(port)/api/v2/alerts"]
            let pipe = Pipe()
            curl.standardOutput = pipe
            guard (try? curl.run()) != nil else { return [] }
            let data = (try? pipe.fileHandleForReading.readToEnd()) ?? Data()
            curl.waitUntilExit()
            let alerts = JSONValue(Array(data))?.array ?? []
            return alerts.compactMap { $0["fingerprint"].string }.sorted()
        }
    }

    /// A port nobody listens on.
    private func freePort() async throws -> Int { try await WebSink.freePort() }

    private func notifier(_ urls: [String]) throws -> Notifier {
        var settings = NotifySettings()
        settings.alertmanagers = try urls.map { AlertmanagerOptions(url: try TargetURL($0)) }
        return try Notifier(
            settings, directory: directory.path,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, firstWait: 20)
    }

    private func alert(_ name: String) -> Alert {
        let now = Clock.realtimeMilliseconds()
        return Alert(
            labels: ["alertname": name, "name": "web", "note": "a\"b\\c\né"],
            annotations: ["summary": "\(name) is full"], value: 1, state: .firing, activeAt: now,
            startsAt: now, endsAt: now + 240_000)
    }

    @Test("Alerts reach it under the same fingerprint, firing and resolved, over its absences")
    func endToEnd() async throws {
        let port = try await freePort()
        let url = "http://127.0.0.1:\(port)"
        let notifier = try notifier([url])
        let task = Task { await notifier.run() }
        defer { task.cancel() }
        let alerts = [alert("A"), alert("B")]
        // It is down: a day's worth of resending piles up as one alert each.
        for _ in 0..<1440 { notifier.send(alerts) }
        #expect(await soon { (notifier.statistics.alertmanagers[url]?.errors ?? 0) > 4 })
        #expect((notifier.statistics.alertmanagers[url]?.queued ?? 99) <= 2)
        var server = try Alertmanager(port: port, in: directory)
        let expected = alerts.map(\.fingerprint.description).sorted()
        #expect(await soon { server.active() == expected })
        // It is down again while one alert is resolved, and learns of it when it is back.
        server.stop()
        var over = alerts[0]
        over.endsAt = Clock.realtimeMilliseconds()
        notifier.send([over, alerts[1]])
        server = try Alertmanager(port: port, in: directory)
        #expect(await soon { server.active() == [alerts[1].fingerprint.description] })
        #expect(notifier.statistics.droppedAlerts == 0)
    }

    @Test("Each of several gets every alert; one that is down does not hold the others")
    func several() async throws {
        let (sink, port) = (try await WebSink(), try await freePort())
        let urls = ["http://127.0.0.1:\(port)", "http://127.0.0.1:\(sink.port)/prefix/"]
        let notifier = try notifier(urls)
        let task = Task { await notifier.run() }
        defer { task.cancel() }
        let many = (0..<600).map { alert("Many\($0)") }
        notifier.send(many)
        #expect(await soon { sink.posted.map(\.json.array.count).reduce(0, +) == 600 })
        #expect(sink.posted.map(\.json.array.count).max() == 256)
        #expect(sink.posted.allSatisfy { $0.path == "/prefix/api/v2/alerts" })
        #expect(notifier.statistics.alertmanagers.count == 2)
    }

    @Test("What finds no room is dropped, oldest first, and counted")
    func overflow() {
        let queue = AlertQueue(capacity: 10)
        let alerts = (0..<15).map { alert("A\($0)") }
        #expect(queue.offer(alerts) == 5)
        #expect(queue.offer([alerts[14]]) == 0, "the same alert takes no more room")
        #expect(queue.count == 10)
        #expect(queue.giveBack(Array(alerts.prefix(2))) == 2, "newer ones stay")
    }
}
