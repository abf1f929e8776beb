// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

@testable import Logs

/// An entry of the journal, made of its fields.
private func entry(_ number: Int, _ fields: KeyValuePairs<String, String>) -> JournalEntry {
    var entry = JournalEntry()
    let hex = String(number, radix: 16)
    entry.begin(
        cursor: "s=0123456789abcdef;i=\(hex);b=1;m=1;t=\(hex);x=1", microseconds: UInt64(number))
    for (name, value) in fields {
        Array("\(name)=\(value)".utf8).withUnsafeBytes { entry.take($0) }
    }
    return entry
}

@Suite("Whose an entry of the journal is")
struct JournalOwnerTests {
    private let id = String(repeating: "0a", count: 32)
    private var owners = JournalOwners(units: ["*.service"])

    private func owner(_ fields: KeyValuePairs<String, String>) -> JournalOwners.Owner? {
        owners.owner(of: entry(1, fields))
    }

    @Test("Engines outside of containers are believed, and root's are") mutating func engines() {
        let field = "CONTAINER_ID_FULL"
        #expect(owner([field: id, "_UID": "0"]) == .container(id))
        #expect(
            owner([
                field: id, "_UID": "0",
                "_SYSTEMD_CGROUP": "/machine.slice/libpod-conmon-\(id).scope",
            ]) == .container(id))
        // A process in a container, which has journald's socket.
        let inside = "/system.slice/docker-\(String(repeating: "f", count: 64)).scope"
        #expect(owner([field: id, "_UID": "0", "_SYSTEMD_CGROUP": inside]) == nil)
        #expect(owner([field: "../etc", "_UID": "0"]) == nil)
        #expect(owner([field: id]) == nil)
    }

    @Test("A user is believed of the user's own containers only") mutating func users() {
        let fields: KeyValuePairs = [
            "CONTAINER_ID_FULL": id, "_UID": "1000", "_SYSTEMD_UNIT": "user@1000.service",
        ]
        #expect(owner(fields) == .unit("user@1000.service"))
        let identity = LogIdentity(id: id, name: "web", createdAt: 5)
        for (path, isJournaled, expected) in [
            ("/user.slice/user-1000.slice/user@1000.service/a.scope", true, true),
            ("/user.slice/user-1000.slice/user@1000.service/a.scope", false, false),
            ("/user.slice/user-1001.slice/user@1001.service/a.scope", true, false),
        ] {
            owners.containers[id] = JournaledContainer(
                identity: identity, cgroupPath: path, isJournaled: isJournaled)
            #expect((owner(fields) == .container(id)) == expected, "\(path) \(isJournaled)")
        }
    }

    @Test("Units are known by journald's word, by the first process', and by their cgroups")
    mutating func units() {
        #expect(owner(["_SYSTEMD_UNIT": "a.service"]) == .unit("a.service"))
        #expect(owner(["_SYSTEMD_UNIT": "session-1.scope"]) == nil)
        #expect(owner(["UNIT": "a.service", "_PID": "1"]) == .unit("a.service"))
        #expect(owner(["UNIT": "a.service", "_PID": "7"]) == nil)
        func path(_ unit: String, _ fields: KeyValuePairs<String, String>) -> String {
            owners.identity(of: .unit(unit), entry(1, fields)).id
        }
        #expect(path("a.service", [:]) == "/system.slice/a.service")
        #expect(
            path("get-ty@1.service", [:])
                == #"/system.slice/system-get\x2dty.slice/get-ty@1.service"#)
        #expect(
            path(
                "a.service",
                ["_SYSTEMD_UNIT": "a.service", "_SYSTEMD_CGROUP": "/b.slice/a.service/sub"])
                == "/b.slice/a.service")
    }

    @Test("An identity has what the engine said") mutating func identities() {
        let made = owners.identity(
            of: .container(id),
            entry(
                5000,
                ["CONTAINER_NAME": "web", "IMAGE_NAME": "nginx", "_COMM": "dockerd"]))
        #expect(made.name == "web" && made.createdAt == 5)
        #expect(made.labels == ["engine": "docker", "image": "nginx"])
    }
}

@Suite("A log in the journal")
struct JournaledLogTests {
    private final class Sink: LogSink {
        nonisolated(unsafe) var lines: [String] = []
        nonisolated(unsafe) var checkpoint = LogCheckpoint()
        func checkpoint(of identity: LogIdentity) -> LogCheckpoint { checkpoint }
        func flush(_ identity: LogIdentity) {}
        func close(_ identity: LogIdentity) {}
        func append(_ batch: borrowing LogBatch, of identity: LogIdentity) {
            var at = 0
            for item in batch.items {
                let text = String(decoding: batch.text[at..<(at + item.length)], as: UTF8.self)
                at += item.length
                let mark = item.isGap ? "gap " : item.stream == .stderr ? "err " : ""
                lines.append("\(mark)\(item.level.name) \(text)\(item.isPartial ? "+" : "")")
            }
            checkpoint = batch.checkpoint
        }
    }

    private let identity = LogIdentity(id: "a", name: "a", createdAt: 0)
    private let sink = Sink()

    private func log() -> JournaledLog { JournaledLog(identity, sink.checkpoint, nil) }

    private func take(
        _ log: JournaledLog, _ entries: [JournalEntry], isContainer: Bool = true
    ) throws -> [String] {
        sink.lines = []
        for entry in entries { log.take(entry, isContainer: isContainer, before: "") }
        try log.deliver(to: sink)
        return sink.lines
    }

    @Test("Priorities are outputs for containers and levels for units")
    func priorities() throws {
        let entries = [
            entry(1, ["MESSAGE": "INFO fine", "PRIORITY": "6"]),
            entry(2, ["MESSAGE": "odd", "PRIORITY": "3"]),
            entry(3, ["MESSAGE": "by conmon", "PRIORITY": "4"]),
        ]
        #expect(
            try take(log(), entries) == ["info INFO fine", "err unknown odd", "warn by conmon"])
        sink.checkpoint = LogCheckpoint()
        let more = entries + [entry(4, ["MESSAGE": "just printed", "PRIORITY": "6"])]
        #expect(
            try take(log(), more, isContainer: false) == [
                "info INFO fine", "error odd", "warn by conmon", "info just printed",
            ])
    }

    @Test("Pieces are put together, and after a restart nothing is missing or twice")
    func restarts() throws {
        let entries = [
            entry(1, ["MESSAGE": "one"]),
            entry(2, ["MESSAGE": "a ", "CONTAINER_PARTIAL_MESSAGE": "true"]),
            entry(3, ["MESSAGE": "between", "PRIORITY": "3"]),
            entry(4, ["MESSAGE": "line"]),
            entry(5, ["MESSAGE": "last"]),
        ]
        let whole = ["unknown one", "err unknown between", "unknown a line", "unknown last"]
        for cut in 0...entries.count {
            sink.checkpoint = LogCheckpoint()
            let first = log()
            let before = try take(first, Array(entries[..<cut]))
            // The journal is read again from before the oldest piece that waits.
            let again = max(0, (first.firstHeld ?? cut + 1) - 1)
            let after = try take(log(), Array(entries[again...]))
            #expect(before + after == whole, "cut at \(cut)")
        }
    }

    @Test("Records that journald did not take are a gap, and so is what it says it left out")
    func ordinals() throws {
        let log = log()
        func numbered(_ i: Int, epoch: String = "e") -> JournalEntry {
            entry(
                i,
                [
                    "MESSAGE": "\(i)", "CONTAINER_LOG_EPOCH": epoch,
                    "CONTAINER_LOG_ORDINAL": "\(i)",
                ])
        }
        #expect(
            try take(log, [numbered(1), numbered(2), numbered(5), numbered(9, epoch: "f")]) == [
                "unknown 1", "unknown 2", "gap unknown 2 records did not reach the journal",
                "unknown 5", "unknown 9",
            ])
        let suppressed = entry(
            20,
            [
                "MESSAGE": "Suppressed 12 messages from a.service", "_TRANSPORT": "driver",
                "MESSAGE_ID": "a596d6fe7bfa4994828e72309e95d61e",
            ])
        #expect(JournalOwners(units: ["a.*"]).owner(of: suppressed) == .unit("a.service"))
        #expect(
            try take(log, [suppressed]) == [
                "gap unknown journald left out 12 entries: its rate limit was exceeded"
            ])
    }
}
