// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Model
import Runtime
import TestSupport
import Testing

/// Real containers, which need root.
let isRoot = geteuid() == 0

@Suite("Containers", .enabled(if: isRoot, "running containers needs root"))
struct ContainerTests {
    let directory: TemporaryDirectory
    let rootfs: String
    let runtime: Runtime

    init() throws {
        directory = try TemporaryDirectory("runtime")
        rootfs = try makeBusyboxRoot(in: directory)
        runtime = Runtime(dataDirectory: directory.appending("data"), shimPath: Products.shim)
    }

    /// Runs a shell script to its end and gives the container and its log.
    func finished(
        _ script: String, name: String = "test", _ change: (inout ContainerSpec) -> Void = { _ in }
    ) throws -> (container: Container, code: Int32, log: String) {
        var spec = ContainerSpec(name: name, rootfs: rootfs, command: ["/bin/sh", "-c", script])
        change(&spec)
        let started = try runtime.run(spec)
        let code = try runtime.awaitEnd(started)
        guard case .jsonFile(let path) = started.logSource else { return (started, code, "") }
        return (try runtime.find(name), code, contents(path) ?? "")
    }

    /// What the container wrote to stdout, decoded by Foundation's JSON reader.
    func output(_ log: String) throws -> String {
        struct Record: Decodable {
            var log: String
            var stream: String
            var time: String
        }
        return try log.split(separator: "\n").map {
            try JSONDecoder().decode(Record.self, from: Data($0.utf8))
        }.filter { $0.stream == "stdout" }.map(\.log).joined()
    }

    @Test("The exit code of the command is the container's")
    func exitCode() throws {
        let (container, code, _) = try finished("exit 7")
        #expect(code == 7)
        #expect(container.state == .exited)
        #expect(container.exitCode == 7)
        #expect(container.oomKilled == false)
        #expect((container.finishedAt ?? 0) >= (container.startedAt ?? .max))
    }

    @Test("A command that a signal ended has 128 and the signal's number")
    func signalCode() throws {
        // Signals sent from inside do not end a namespace's first process, so a child dies of one.
        #expect(try finished("sh -c 'kill -9 $$'; exit $?").code == 137)
    }

    @Test("Output is written byte for byte as Docker writes it")
    func logFormat() throws {
        let script = #"""
            printf 'plain\n'; printf '\ttab "quote" back\\slash <a>&b\r\n'
            printf '\303\251 ok \377\376 \342\200\250 \360\237\230\200\n'; printf '\n'; printf 'no end'
            """#
        let log = try finished(script).log
        let texts = log.split(separator: "\n").map { line in
            String(line[..<(line.firstRange(of: "\",\"stream\":")?.lowerBound ?? line.endIndex)])
        }
        #expect(
            texts == [
                #"{"log":"plain\n"#,
                #"{"log":"\u0009tab \"quote\" back\\slash \u003ca\u003e\u0026b\r\n"#,
                "{\"log\":\"é ok \\ufffd\\ufffd \\u2028 😀\\n",
                #"{"log":"\n"#,
                #"{"log":"no end"#,
            ])
        let tail = #/"stream":"stdout","time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z"}$/#
        for line in log.split(separator: "\n") { #expect(line.contains(tail), "\(line)") }
    }

    @Test("stderr is kept apart, and long lines are split after 16,384 bytes")
    func streamsAndPartials() throws {
        let script =
            "echo oops >&2; dd if=/dev/zero bs=20000 count=1 2>/dev/null | tr '\\0' x; echo"
        let records = try finished(script.replacing("tr", with: "busybox tr")).log
            .split(separator: "\n")
        #expect(records.contains { $0.hasPrefix(#"{"log":"oops\n","stream":"stderr""#) })
        let long = records.filter { $0.hasPrefix(#"{"log":"xxx"#) }
        #expect(long.count == 2)
        #expect(
            long.first?.hasPrefix("{\"log\":\"" + String(repeating: "x", count: 16384) + "\"")
                == true)
        #expect(long.last?.contains(#"x\n","stream":"stdout""#) == true)
    }

    @Test("Lines and bytes of output are counted in log.counters")
    func counters() throws {
        let container = try finished("echo 1; echo 22; echo 333 >&2").container
        let path = try #require(container.logCountersPath)
        let bytes = try Data(contentsOf: URL(filePath: path))
        #expect(bytes.count == 128)
        #expect(String(decoding: bytes.prefix(8), as: UTF8.self) == "ULGLOGC1")
        let words = bytes.dropFirst(8).withUnsafeBytes { Array($0.bindMemory(to: UInt64.self)) }
        #expect(
            Array(words.prefix(8)) == [2, 1, 5, 4, 0, 5, 4, 0],
            "what was written is counted as settled")
    }

    @Test("The container has namespaces of its own and is root only inside")
    func namespaces() throws {
        let (_, code, log) = try finished(
            "for n in mnt pid net ipc uts user cgroup; do busybox readlink /proc/self/ns/$n; done; "
                + "id -u; cat /proc/self/uid_map; hostname; busybox stat -c %u /bin/busybox")
        #expect(code == 0)
        let lines = try output(log).split(separator: "\n").map(String.init)
        for (i, name) in ["mnt", "pid", "net", "ipc", "uts", "user", "cgroup"].enumerated() {
            let host = try FileManager.default.destinationOfSymbolicLink(
                atPath: "/proc/self/ns/\(name)")
            #expect(lines[i].hasPrefix("\(name):["))
            #expect(lines[i] != host, "\(name) is shared with the host")
        }
        #expect(lines[7] == "0")
        #expect(lines[8].split(separator: " ") == ["0", "100000", "65536"])
        #expect(lines[9].count == 12)
        #expect(lines[10] == "0", "the image's files belong to the container's root")
    }

    @Test("The container is confined: Docker's capabilities, no new privileges, a seccomp filter")
    func confinement() throws {
        let (_, _, log) = try finished(
            "cat /proc/self/status; busybox unshare -U true || echo refused; "
                + "busybox mount -t tmpfs x /mnt || echo no mount; echo x >/proc/sys/kernel/hostname "
                + "|| echo read-only")
        let text = try output(log)
        #expect(text.contains("CapEff:\t00000000a80425fb"))
        #expect(text.contains("CapBnd:\t00000000a80425fb"))
        #expect(text.contains("NoNewPrivs:\t1"))
        #expect(text.contains("Seccomp:\t2"))
        #expect(text.contains("refused"))
        #expect(text.contains("no mount"))
        #expect(text.contains("read-only"))
    }

    @Test("What the container writes goes to its own layer, not to the root file system")
    func layer() throws {
        let (container, code, _) = try finished("echo data >/new; rm /bin/true")
        #expect(code == 0)
        #expect(contents(rootfs + "/new") == nil)
        #expect(FileManager.default.fileExists(atPath: rootfs + "/bin/true"))
        let upper = directory.appending("data/containers/\(container.id)/upper/new")
        #expect(contents(upper) == "data\n")
    }

    @Test("Environment, working directory and arguments arrive as given")
    func environment() throws {
        let (_, _, log) = try finished("echo \"$GREETING\"; echo \"$PATH\"; busybox pwd") {
            $0.environment = ["GREETING=héllo world"]
            $0.workingDirectory = "/bin"
        }
        let lines = try output(log).split(separator: "\n")
        #expect(lines.first == "héllo world")
        #expect(lines.last == "/bin")
    }
}
