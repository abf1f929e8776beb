// SPDX-License-Identifier: Apache-2.0

import Codecs
import Foundation
import Model
import Outputs
import SeriesStore
import TestSupport
import Testing

/// Protocols over TCP, with the receiver of `Tests/Shipping`.
@Suite("Protocols over TCP and TLS")
struct StreamTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("stream") }

    private func receiver(_ arguments: String...) throws -> (server: Server, port: Int) {
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Shipping/stream_receiver.py").path
        let file = directory.appending("port")
        let records = directory.appending("records")
        let server = try Server("/usr/bin/python3", port: 0) { _ in
            ["-B", script] + arguments + ["--port-file", file, "--records", records]
        }
        _ = eventually { contents(file) != nil }
        return (server, Int(contents(file) ?? "") ?? 0)
    }

    private func taken() -> [JSONValue] {
        (contents(directory.appending("records")) ?? "").split(separator: "\n")
            .compactMap { JSONValue(Array($0.utf8)) }
    }

    private func start(
        _ kind: SinkOptions.Kind, _ destination: SinkOptions.Destination,
        _ change: (inout SinkOptions) -> Void = { _ in }
    ) throws -> Delivery {
        var options = SinkOptions(name: "sink", kind: kind, destination: destination)
        options.delivery = .hasty
        options.wire.host = "host-1"
        change(&options)
        let store = try SeriesStore.open(directory: directory.appending("empty"))
        let delivery = try Delivery.make(
            options, stores: ShipStores(feed: store, logs: FewLogs()),
            directory: directory.appending("ship")
        ) { _ in }
        delivery.start()
        return delivery
    }

    private func stream(_ port: Int) throws -> StreamTarget {
        try StreamTarget(address: "127.0.0.1:\(port)")
    }

    @Test("Syslog messages carry time, host, container, severity and labels")
    func syslog() throws {
        let (server, port) = try receiver("syslog")
        defer { withExtendedLifetime(server) {} }
        let delivery = try start(.syslog, .stream(try stream(port)))
        #expect(eventually { taken().count >= 50 }, "\(delivery.snapshot())")
        delivery.stop()
        let messages = taken().compactMap { $0["message"].string }
        #expect(messages.count == 50)
        let first = messages.first { $0.hasSuffix("line 0 of 0 ü") } ?? ""
        #expect(first.hasPrefix("<131>1 2023-11-14T22:13:20.000000Z host-1 web - stdout [ullage@"))
        #expect(first.contains("image=\"nginx\""))
        #expect(messages.contains { $0.contains("container=\"o\\\"ther\"") })
    }

    @Test(
        "RELP acknowledges each message; a connection that breaks loses none", arguments: [0, 17])
    func relp(drop: Int) throws {
        let (server, port) = try receiver("relp", "--drop", "\(drop)")
        defer { withExtendedLifetime(server) {} }
        let delivery = try start(.relp, .stream(try stream(port)))
        #expect(eventually { delivery.snapshot().records >= 50 }, "\(delivery.snapshot())")
        delivery.stop()
        let messages = taken().compactMap { $0["message"].string }
        #expect(Set(messages).count == 50)
        #expect(messages.count <= 60)
        #expect((delivery.snapshot().attempts["retry"] ?? 0) == (drop > 0 ? 1 : 0))
    }

    @Test("Forward acknowledges chunks, with and without a key", arguments: [false, true])
    func forward(secured: Bool) throws {
        let (server, port) =
            secured
            ? try receiver(
                "forward", "--drop", "17", "--shared-key", "k", "--user", "u", "--password", "p")
            : try receiver("forward", "--drop", "17")
        defer { withExtendedLifetime(server) {} }
        let delivery = try start(.forward, .stream(try stream(port))) {
            $0.wire.tag = "docker.logs"
            guard secured else { return }
            $0.wire.sharedKey = .value("k")
            $0.wire.user = "u"
            $0.wire.password = .value("p")
        }
        #expect(eventually { delivery.snapshot().records >= 50 }, "\(delivery.snapshot())")
        delivery.stop()
        let objects = taken().map { $0["object"] }
        let logs = FewLogs()
        for origin in 0..<2 {
            let lines = objects.filter {
                ($0["container"].string == "web") == (origin == 0)
            }.compactMap { $0["log"].string }
            #expect(
                Set(lines)
                    == Set(
                        (0..<25).map { String(decoding: logs.line($0, origin), as: UTF8.self) }))
        }
        #expect(objects.count <= 60)
        #expect(objects.allSatisfy { $0["tag"].string == "docker.logs" })
    }

    @Test("A wrong shared key is told, without the key")
    func wrongKey() throws {
        let (server, port) = try receiver("forward", "--shared-key", "right")
        defer { withExtendedLifetime(server) {} }
        let delivery = try start(.forward, .stream(try stream(port))) {
            $0.wire.sharedKey = .value("hunter2")
        }
        #expect(eventually { delivery.snapshot().lastError?.contains("refuses the key") == true })
        delivery.stop()
        #expect(!"\(delivery.snapshot())".contains("hunter2"))
        #expect(taken().isEmpty)
    }

    @Test("TLS checks the certificate's name, its time and who signed it")
    func tls() throws {
        let (file, key) = try directory.certificate("logs.test")
        let (server, port) = try receiver("syslog", "--tls", file, key)
        defer { withExtendedLifetime(server) {} }
        for (ca, name, words) in [
            (nil, "logs.test", "CERTIFICATE_VERIFY_FAILED"),
            (file, "other.test", ""), (file, "logs.test", nil),
        ] as [(String?, String, String?)] {
            var target = try stream(port)
            target.tls = TLSOptions()
            target.tls?.caFile = ca
            target.tls?.serverName = name
            target.timeout = 3000
            let delivery = try start(.syslog, .stream(target))
            if let words {
                #expect(
                    eventually {
                        delivery.snapshot().lastError.map { words.isEmpty || $0.contains(words) }
                            == true
                    })
                #expect(taken().isEmpty)
            } else {
                #expect(eventually { taken().count >= 50 }, "\(delivery.snapshot())")
            }
            delivery.stop()
        }
    }

    @Test("A file gets JSON lines, and none twice when it is full")
    func file() throws {
        let path = directory.appending("logs.jsonl")
        let delivery = try start(.file, .file(path))
        #expect(eventually { delivery.snapshot().records >= 50 })
        delivery.stop()
        let lines = (contents(path) ?? "").split(separator: "\n")
        #expect(lines.count == 50)
        #expect(lines.allSatisfy { JSONValue(Array($0.utf8)) != nil })
    }
}
