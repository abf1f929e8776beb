// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import Runtime
import TestSupport
import Testing

/// A runtime for tests of logs.
struct LogHost {
    let directory: TemporaryDirectory
    let rootfs: String
    let runtime: Runtime

    init() throws {
        directory = try TemporaryDirectory("logs")
        rootfs = try makeBusyboxRoot(in: directory)
        runtime = Runtime(dataDirectory: directory.appending("data"), shimPath: Products.shim)
    }

    /// Starts a shell script in a container.
    func start(
        _ script: String, name: String = "test", driver: String = "json-file",
        options: [String: String] = [:], outputs: AttachedOutputs? = nil,
        _ change: (inout ContainerSpec) -> Void = { _ in }
    ) throws -> Container {
        var spec = ContainerSpec(name: name, rootfs: rootfs, command: ["/bin/sh", "-c", script])
        spec.log = LogOptions(driver: driver, options: options)
        change(&spec)
        return try runtime.run(spec, outputs: outputs)
    }

    /// Runs a shell script to its end.
    func finished(
        _ script: String, name: String = "test", driver: String = "json-file",
        options: [String: String] = [:], _ change: (inout ContainerSpec) -> Void = { _ in }
    ) throws -> FinishedRun {
        let container = try start(script, name: name, driver: driver, options: options, change)
        let code = try runtime.awaitEnd(container)
        return FinishedRun(
            container: try runtime.find(name), code: code,
            directory: directoryPath(container))
    }

    /// The shim that `state.json` names.
    func shimPID(_ container: Container) throws -> pid_t {
        struct State: Decodable { var shim_pid: pid_t }
        let text = try #require(contents(directoryPath(container) + "/state.json"))
        return try JSONDecoder().decode(State.self, from: Data(text.utf8)).shim_pid
    }

    /// Whether a process has ended, waited for or not.
    func isGone(_ pid: pid_t) -> Bool {
        var status: Int32 = 0
        _ = waitpid(pid, &status, WNOHANG)
        guard let stat = contents("/proc/\(pid)/stat") else { return true }
        return stat.split(separator: ") ").last?.hasPrefix("Z") ?? true
    }

    /// Waits until a container has written so much more than now, or has ended.
    func awaitOutput(of container: Container, bytes: UInt64) throws {
        let run = FinishedRun(
            container: container, code: 0, directory: directoryPath(container))
        let begin = try run.counters()[2]
        let deadline = Date().addingTimeInterval(20)
        while Date() < deadline, runtime.isRunning(container) {
            if try run.counters()[2] >= begin + bytes { return }
        }
    }

    func directoryPath(_ container: Container) -> String {
        directory.appending("data/containers/\(container.id)")
    }
}

extension Runtime {
    /// Waits for a container's end. One that does not come to it is killed, so that its test fails
    /// and does not hold up the others.
    func awaitEnd(_ container: Container) throws -> Int32 {
        if !eventually(within: 60, { !isRunning(container) }) {
            Issue.record("\(container.name) does not end")
            try stop(container, timeout: 0)
        }
        return try wait(container)
    }
}

/// A container that has ended, and what it left.
struct FinishedRun {
    let container: Container
    let code: Int32
    let directory: String

    var files: LogFiles { LogFiles(directory: directory, id: container.id) }

    /// The first seven words of `log.counters` after its magic.
    func counters() throws -> [UInt64] {
        let bytes = try Data(contentsOf: URL(filePath: directory + "/log.counters"))
        try #require(bytes.count == 128)
        return bytes.dropFirst(8).withUnsafeBytes {
            Array($0.bindMemory(to: UInt64.self).prefix(7))
        }
    }
}

/// The files of a json-file log.
struct LogFiles {
    let directory: String
    let id: String

    /// One record, as a JSON reader that knows nothing of Ullage sees it.
    struct Record: Decodable {
        var log: String?
        var stream: String
        var attrs: [String: String]?
        var time: String
    }

    /// The paths, the oldest first. A file that was compressed stands for the one it was made of.
    var paths: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        let prefix = id + "-json.log"
        var byAge: [Int: String] = [:]
        for name in names.filter({ $0.hasPrefix(prefix) }).sorted() {
            let parts = name.dropFirst(prefix.count).split(separator: ".")
            byAge[parts.first.map { Int($0) ?? -1 } ?? 0] = directory + "/" + name
        }
        return byAge.sorted { $0.key > $1.key }.map(\.value)
    }

    /// What a path has after the log's name.
    func suffix(_ path: String) -> String {
        String(path.dropFirst(directory.count + 1 + id.count + "-json.log".count))
    }

    func text(_ path: String) throws -> String {
        guard path.hasSuffix(".gz") else { return try #require(contents(path)) }
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/gzip")
        process.arguments = ["-dc", path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "gzip refuses \(path)")
        return String(decoding: data, as: UTF8.self)
    }

    func records() throws -> [Record] {
        try paths.flatMap { path in
            try text(path).split(separator: "\n").map {
                try JSONDecoder().decode(Record.self, from: Data($0.utf8))
            }
        }
    }

    /// The lines of an output, their parts put together. The order between outputs is not known.
    func lines(of stream: String = "stdout") throws -> [String] {
        try records().filter { $0.stream == stream }.map { $0.log ?? "" }.joined()
            .split(separator: "\n").map(String.init)
    }
}

/// Numbers that are the same in each run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
