// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import Runtime
import TestSupport
import Testing

/// Shims that are killed.
@Suite("Takeover", .enabled(if: isRoot, "running containers needs root"))
struct TakeoverTests {
    let host: LogHost

    init() throws { host = try LogHost() }

    @Test("A container goes on when its shim is killed, and a new one has what it wrote meanwhile")
    func takeover() throws {
        let container = try host.start(
            "trap 'exit 5' TERM; trap go=1 USR1; echo before; "
                + "while [ -z \"$go\" ]; do busybox usleep 5000; done; "
                + "echo between; echo oops >&2; echo >/said; "
                + "while :; do busybox usleep 5000; done")
        let directory = host.directoryPath(container)
        let files = LogFiles(directory: directory, id: container.id)
        #expect(try eventually { try files.lines() == ["before"] })
        let first = try host.shimPID(container)
        kill(first, SIGKILL)
        #expect(eventually { host.isGone(first) })
        kill(try #require(container.initPID), SIGUSR1)
        #expect(eventually { contents(directory + "/upper/said") != nil }, "it is not blocked")
        #expect(try host.runtime.find("test").state == .running)

        let result = host.runtime.takeOverOrphans()
        #expect(result.taken.map(\.id) == [container.id] && result.failed.isEmpty)
        #expect(try host.shimPID(container) != first)
        #expect(host.runtime.takeOverOrphans().taken.isEmpty, "once is enough")
        #expect(try eventually { try files.lines() == ["before", "between"] })
        #expect(try eventually { try files.lines(of: "stderr") == ["oops"] })

        try host.runtime.stop(try host.runtime.find("test"), timeout: 10)
        let ended = try host.runtime.find("test")
        #expect(ended.state == .exited)
        #expect(ended.exitCode == nil, "only its first shim would have been told")
        #expect(throws: RuntimeError.self) { try host.runtime.wait(ended) }
    }

    @Test("Who watches the containers gives one without a shim another")
    func watched() async throws {
        let container = try host.start("while :; do echo tick; busybox usleep 5000; done")
        let takeovers = AsyncStream<Takeover>.makeStream()
        let discoverer = EmbeddedDiscoverer(runtime: host.runtime) {
            takeovers.continuation.yield($0)
        }
        let watch = Task { try await discoverer.run { _ in } }
        let first = try host.shimPID(container)
        kill(first, SIGKILL)
        let takeover = await takeovers.stream.first { _ in true }
        #expect(takeover?.taken.map(\.id) == [container.id])
        #expect(try host.shimPID(container) != first)
        watch.cancel()
        try await watch.value
        try host.runtime.remove(try host.runtime.find("test"), force: true)
    }

    /// The writer's lines are of one length and numbered, so whatever is missing shows.
    @Test(
        "Killed again and again while the log rotates: each loss is small and told, none is twice")
    func killedWhileRotating() throws {
        let container = try host.start(
            "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); echo \"line $i of output, numbered\"; done",
            options: ["max-size": "20k", "max-file": "1000", "compress": "true"])
        var generator = SeededGenerator(seed: 4)
        let outputs = HeldOutputs(runtime: host.runtime)
        outputs.update()
        var kills = 0
        while host.runtime.isRunning(container) {
            try host.awaitOutput(of: container, bytes: .random(in: 0...60000, using: &generator))
            guard let pid = try? host.shimPID(container), !host.isGone(pid) else { continue }
            kill(pid, SIGKILL)
            #expect(eventually { host.isGone(pid) })
            kills += 1
            let result = host.runtime.takeOverOrphans(outputs)
            #expect(result.failed.isEmpty)
        }
        #expect(kills > 20, "the writer was too fast for the test to mean something")
        #expect(try host.runtime.find("test").state == .exited)
        try check(LogFiles(directory: host.directoryPath(container), id: container.id))
    }

    /// Every number once and in order, except where a gap record stands.
    private func check(_ files: LogFiles) throws {
        var last = 0
        var isAfterGap = false
        var gaps = 0
        for record in try files.records() {
            if let gap = record.attrs?["ullage.gap"] {
                isAfterGap = true
                gaps += 1
                let bytes = gap.split(separator: "=").last.flatMap { Int($0) } ?? .max
                // One read of each output and what it had of an unfinished line.
                #expect(bytes <= 2 * 65536 + 16384, "\(gap)")
                continue
            }
            let words = (record.log ?? "").split(separator: " ")
            guard words.count == 5, words[0] == "line", let number = Int(words[1]),
                words[4] == "numbered\n"
            else {
                #expect(isAfterGap, "half a line without a gap: \(record)")
                continue
            }
            if isAfterGap { #expect(number > last) } else { #expect(number == last + 1) }
            last = number
            isAfterGap = false
        }
        #expect(isAfterGap || last == 100_000)
        print("killed shims left \(gaps) gaps; the last line is \(last)")
    }
}
