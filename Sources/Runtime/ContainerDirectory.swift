// SPDX-License-Identifier: Apache-2.0

import CLinux
import FoundationEssentials
import Glibc
import Model

/// One container's directory, `DATA/containers/<id>/`:
///
///     config.json      what was asked for; written once by `ullage run`
///     shim.spec        the same for the shim, with what the host adds
///     state.json       what became of it; written by the shim, whole or not at all
///     <id>-json.log    its output in Docker's format, with .1, .2.gz and so on when it is rotated;
///                      written by the shim
///     log.counters     lines and bytes of output; mapped by the shim
///     shim.log         what the shim itself had to say
///     upper/ work/     its layer above the root file system
///     lower/ merged/   where the shim mounts, in a mount namespace of its own
struct ContainerDirectory: Hashable, Sendable {
    let path: String
    let id: String

    var log: String { "\(path)/\(id)-json.log" }
    var config: String { path + "/config.json" }
    var state: String { path + "/state.json" }
    var counters: String { path + "/log.counters" }

    /// Files larger than this are not ours.
    private static let sizeLimit = 1 << 20

    init(containers: String, id: String) {
        path = containers + "/" + id
        self.id = id
    }

    /// `config.json`.
    struct Config: Codable {
        var version = 1
        var name: String
        var rootfs: String
        var command: [String]
        var labels: [String: String]
        var generation: Int
        var createdAtMs: Int64
        var cgroupPath: String
        var memoryBytes: Int64?
        var cpus: Double?
        var pids: Int64?
        var logDriver: String?
        var logOptions: [String: String]?
    }

    /// `state.json`.
    struct State: Codable {
        var version = 1
        var state: String
        var initPid: Int32
        var initStartTicks: UInt64
        var shimPid: Int32
        var shimStartTicks: UInt64
        var startedAtMs: Int64
        var finishedAtMs: Int64?
        var exitCode: Int32?
        var oomKilled: Bool?
        var cpuUsec: Int64?
        var memoryPeakBytes: Int64?
        var readBytes: Int64?
        var writtenBytes: Int64?

        /// What the container used, as far as its shim could tell.
        var totals: ContainerTotals {
            var totals = ContainerTotals()
            totals.cpuSeconds = cpuUsec.map { Double($0) / 1e6 }
            totals.memoryPeak = memoryPeakBytes
            totals.readBytes = readBytes
            totals.writtenBytes = writtenBytes
            return totals
        }
    }

    /// What the files say; nil when they are absent, half written or not ours.
    func load() -> (container: Container, state: State?)? {
        parse().map { (Self.settled($0.container, $0.state), $0.state) }
    }

    /// The same, without a look at whether the processes are there.
    func parse() -> (container: Container, state: State?)? {
        guard let config: Config = decode("config.json") else { return nil }
        var container = Container(
            engine: .embedded, id: id, name: config.name, image: config.rootfs, state: .created,
            createdAt: config.createdAtMs)
        container.labels = config.labels
        container.command = config.command
        container.generation = config.generation
        container.cgroupPath = config.cgroupPath
        container.limits = Container.Limits(
            memory: config.memoryBytes, cpus: config.cpus, pids: config.pids)
        switch config.logDriver {
        case "none": container.logSource = .none
        case "journald": container.logSource = .journal
        default: container.logSource = .jsonFile(path: log)
        }
        container.logCountersPath = counters
        guard let state: State = decode("state.json") else { return (container, nil) }
        container.startedAt = state.startedAtMs
        if state.state == "exited" {
            container.state = .exited
            container.exitCode = state.exitCode
            container.finishedAt = state.finishedAtMs
            container.oomKilled = state.oomKilled ?? false
            container.totals = state.totals
        }
        return (container, state)
    }

    /// The container with what its processes tell.
    static func settled(_ parsed: Container, _ state: State?) -> Container {
        guard let state else { return parsed }
        var container = parsed
        if state.state != "exited" {
            container.initPID = state.initPid
            container.initStartTicks = state.initStartTicks
            container.state =
                Process.isAlive(state.initPid, state.initStartTicks) ? .running : .dead
        }
        if container.state != .running {
            container.initPID = nil
            container.initStartTicks = nil
            container.cgroupPath = nil
        }
        return container
    }

    /// Writes `config.json`.
    func write(_ config: Config) throws(RuntimeError) {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(config) else {
            throw RuntimeError(.invalid, "cannot write the container's configuration as JSON")
        }
        try write(Array(data), to: "config.json", mode: 0o644)
    }

    /// Writes a file of the directory under another name first, so that no reader sees a part.
    func write(_ bytes: [UInt8], to name: String, mode: mode_t) throws(RuntimeError) {
        let temporary = "\(path)/\(name).new"
        let file = ul_open(
            temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode)
        guard file >= 0 else { throw .system("cannot write \(temporary)") }
        let written = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        let code = errno
        close(file)
        guard written == bytes.count else {
            unlink(temporary)
            throw .system("cannot write \(temporary)", written < 0 ? code : ENOSPC)
        }
        guard rename(temporary, "\(path)/\(name)") == 0 else {
            throw .system("cannot name \(path)/\(name)")
        }
    }

    private func decode<T: Decodable>(_ name: String) -> T? {
        guard let bytes = read(name) else { return nil }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try? decoder.decode(T.self, from: Data(bytes))
    }

    /// The bytes of a regular file of the directory.
    func read(_ name: String) -> [UInt8]? {
        let file = ul_open("\(path)/\(name)", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            status.st_size <= Self.sizeLimit
        else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        let count = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
        return count == bytes.count ? bytes : nil
    }
}
