// SPDX-License-Identifier: Apache-2.0

import Codecs
import Foundation
import Model
import Outputs
import SeriesStore
import TestSupport
import Testing

@Suite("systemd-journal-remote")
struct JournalRemoteTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("journal-remote") }

    /// The entries of a journal file, as journalctl reads them.
    private func entries(_ file: String) throws -> [JSONValue] {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/journalctl")
        process.arguments = ["--file", file, "--output", "json", "--all", "--no-pager"]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return text.split(separator: UInt8(ascii: "\n")).compactMap { JSONValue(Array($0)) }
    }

    /// The bytes of a field: a text, or numbers where it is none.
    private func bytes(_ value: JSONValue) -> [UInt8] {
        value.string.map { Array($0.utf8) } ?? value.array.compactMap { $0.int.map { UInt8($0) } }
    }

    @Test("It stores every line as it was, with the fields that the journal's drivers write")
    func lines() throws {
        let file = directory.appending("remote.journal")
        let server = try Server("/lib/systemd/systemd-journal-remote") {
            ["--listen-http=127.0.0.1:\($0)", "--output=\(file)", "--split-mode=none"]
        }
        var options = SinkOptions(
            name: "sink", kind: .journal,
            destination: .http(try HTTPTarget(url: "http://127.0.0.1:\(server.port)/upload")))
        options.delivery = .hasty
        options.wire.host = "host-1"
        let store = try SeriesStore.open(directory: directory.appending("empty"))
        let delivery = try Delivery.make(
            options, stores: ShipStores(feed: store, logs: FewLogs()),
            directory: directory.appending("ship")
        ) { _ in }
        delivery.start()
        #expect(eventually { delivery.snapshot().records >= 50 }, "\(delivery.snapshot())")
        delivery.stop()
        let all = try entries(file)
        #expect(all.count == 50)
        for (origin, id) in [FewLogs.web.id, FewLogs.other.id].enumerated() {
            let mine = all.filter { $0["CONTAINER_ID_FULL"].string == id }
            #expect(
                mine.map { bytes($0["MESSAGE"]) } == (0..<25).map { FewLogs().line($0, origin) })
            #expect(mine.map { $0["ULLAGE_SEQUENCE"].string } == (0..<25).map { String($0) })
        }
        let first = try #require(all.first { $0["CONTAINER_NAME"].string == "web" })
        #expect(first["__REALTIME_TIMESTAMP"].string == "1700000000000000")
        #expect(first["PRIORITY"].string == "3")
        #expect(first["SYSLOG_IDENTIFIER"].string == "web")
        #expect(first["_HOSTNAME"].string == "host-1")
        #expect(first["LABEL_IMAGE"].string == "nginx")
        withExtendedLifetime(server) {}
    }
}
