// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import Runtime
import TestSupport
import Testing

/// Logs of containers where something is wrong with the disk, or somebody else rotates.
@Suite("Logs in trouble", .enabled(if: isRoot, "running containers needs root"))
struct LogTroubleTests {
    let host: LogHost

    init() throws { host = try LogHost() }

    private static let waiting =
        "while [ -z \"$go\" ]; do busybox usleep 5000; done; echo after"

    @Test("On a full disk the container is not blocked; losses are told; it goes on by itself")
    func fullDisk() throws {
        let mount = host.directory.appending("small")
        try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
        // Mounting needs a namespace that may; elsewhere this case says nothing.
        guard Glibc.mount("tmpfs", mount, "tmpfs", 0, "size=4m") == 0 else { return }
        defer { umount2(mount, Int32(MNT_DETACH)) }
        let ballast = mount + "/ballast"
        try Data(count: 1 << 20).write(to: URL(filePath: ballast))
        let runtime = Runtime(dataDirectory: mount + "/data", shimPath: Products.shim)
        var spec = ContainerSpec(
            name: "test", rootfs: host.rootfs,
            command: ["/bin/sh", "-c", "trap go=1 USR1; busybox seq 1 100000; " + Self.waiting])
        spec.log = LogOptions(options: [:])
        let container = try runtime.run(spec)
        let run = FinishedRun(
            container: container, code: 0, directory: mount + "/data/containers/\(container.id)")
        // All of it is taken from the container though three quarters find no room.
        #expect(try eventually { try run.counters()[0] == 100_000 })
        #expect(try run.counters()[4] > 0)
        #expect(runtime.isRunning(container))
        unlink(ballast)
        kill(try #require(container.initPID), SIGUSR1)
        _ = try runtime.awaitEnd(container)

        var expected = 1
        var gaps = 0
        for record in try run.files.records() {
            if record.attrs?["ullage.gap"] != nil {
                gaps += 1
            } else if record.log == "after\n" {
                #expect(gaps > 0, "a gap stands where lines are missing")
                expected = -1
            } else if gaps == 0 {
                #expect(record.log == "\(expected)\n")
                expected += 1
            }
        }
        #expect(expected == -1 && gaps > 0)
        try runtime.remove(try runtime.find("test"), force: true)
    }

    @Test(
        "In a directory that turns read-only nothing is lost silently, and it rotates again after")
    func readOnlyDirectory() throws {
        let container = try host.start(
            "trap 'go=1$go' USR1; echo ready; while [ -z \"$go\" ]; do busybox usleep 5000; done; "
                + "busybox seq 1 5000; while [ \"$go\" != 11 ]; do busybox usleep 5000; done; "
                + "busybox seq 5001 5100; echo after",
            options: ["max-size": "20k", "max-file": "3"])
        let directory = host.directoryPath(container)
        let run = FinishedRun(container: container, code: 0, directory: directory)
        let process = try #require(container.initPID)
        // Before the trap is set a signal to the first process of a container has no effect.
        #expect(try eventually { try run.counters()[0] == 1 })
        // What is open stays writable, as with a file system that a remount finds in use; whatever is
        // opened, renamed or removed from now on is refused.
        let remount = UInt(MS_REMOUNT | MS_BIND | MS_RDONLY)
        guard Glibc.mount(directory, directory, nil, UInt(MS_BIND), nil) == 0,
            Glibc.mount(nil, directory, nil, remount, nil) == 0
        else {
            umount2(directory, Int32(MNT_DETACH))
            return
        }
        kill(process, SIGUSR1)
        #expect(try eventually { try run.counters()[0] == 5001 })
        #expect(host.runtime.isRunning(container))
        umount2(directory, Int32(MNT_DETACH))
        kill(process, SIGUSR1)
        _ = try host.runtime.awaitEnd(container)

        var last = 0
        var isGapBefore = true
        for record in try run.files.records() {
            if record.attrs?["ullage.gap"] != nil {
                isGapBefore = true
            } else if let number = Int((record.log ?? "").dropLast()) {
                #expect(number == last + 1 || isGapBefore, "\(number) after \(last)")
                (last, isGapBefore) = (number, false)
            } else {
                #expect(record.log == "ready\n" || record.log == "after\n")
            }
        }
        #expect(last == 5100)
        #expect(run.files.paths.count > 1)
    }

    @Test("SIGUSR1 opens the log anew, for those who rotate from outside")
    func reopen() throws {
        let container = try host.start("trap go=1 USR1; echo before; " + Self.waiting)
        let files = LogFiles(directory: host.directoryPath(container), id: container.id)
        #expect(try eventually { try files.lines() == ["before"] })
        let path = try #require(files.paths.first)
        #expect(rename(path, host.directory.appending("aside")) == 0)
        kill(try host.shimPID(container), SIGUSR1)
        #expect(eventually { contents(path) != nil })
        kill(try #require(container.initPID), SIGUSR1)
        _ = try host.runtime.awaitEnd(container)
        #expect(try files.lines() == ["after"])
        #expect(contents(host.directory.appending("aside"))?.contains("before") == true)
    }
}
