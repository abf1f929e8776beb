// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Starts a shim and hears from it whether the container runs.
enum ShimProcess {
    /// Returns when the container's command was executed, or throws what the shim says. The shim
    /// then lives on without us.
    static func start(
        _ program: String, directory: ContainerDirectory, outputs: AttachedOutputs?
    ) throws(RuntimeError) {
        let (pid, report) = try hear(program, directory, [], outputs)
        if report == "ok\n" { return }
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        throw failure(report, directory)
    }

    /// Has a new shim take over the container of one that was killed. Returns when it has.
    static func attach(
        _ program: String, directory: ContainerDirectory, state: ContainerDirectory.State,
        areOutputsHeld: Bool
    ) throws(RuntimeError) {
        let (pid, report) = try hear(
            program, directory,
            [
                "\(state.initPid)", "\(state.initStartTicks)", "\(state.startedAtMs)",
                areOutputsHeld ? "held" : "free",
            ])
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        if report != "ok\n" { throw failure(report, directory) }
    }

    /// Starts a shim, with arguments after the directory for a takeover, and gives its answer.
    private static func hear(
        _ program: String, _ directory: ContainerDirectory, _ takeover: [String],
        _ outputs: AttachedOutputs? = nil
    ) throws(RuntimeError) -> (pid: pid_t, report: String) {
        var reader: Int32 = -1
        var writer: Int32 = -1
        guard ul_pipe(&reader, &writer) == 0 else { throw .system("cannot make a pipe") }
        defer { close(reader) }
        let spawned = Result { () throws(RuntimeError) in
            try spawn(program, directory, takeover, report: writer, outputs)
        }
        close(writer)
        outputs?.closeWriters()
        let pid = try spawned.get()
        return (pid, readAll(reader))
    }

    private static func spawn(
        _ program: String, _ directory: ContainerDirectory, _ takeover: [String], report: Int32,
        _ outputs: AttachedOutputs?
    ) throws(RuntimeError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let log = directory.path + "/shim.log"
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0o640)
        posix_spawn_file_actions_adddup2(&actions, report, 3)
        if let outputs {
            posix_spawn_file_actions_adddup2(&actions, outputs.writers.stdout, 4)
            posix_spawn_file_actions_adddup2(&actions, outputs.writers.stderr, 5)
        }
        posix_spawn_file_actions_addclosefrom_np(&actions, outputs == nil ? 4 : 6)
        let words =
            [program] + (takeover.isEmpty ? [] : ["--attach"]) + [directory.path] + takeover
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var pid: pid_t = 0
        let code = posix_spawn(&pid, program, &actions, nil, &arguments, &environment)
        guard code == 0 else { throw .system("cannot start the shim \(program)", code) }
        return pid
    }

    private static func readAll(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 8192)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes {
                read(descriptor, $0.baseAddress.map { $0 + count }, $0.count - count)
            }
            if got < 0, errno == EINTR { continue }
            if got <= 0 { break }
            count += got
        }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// `CODE REASON`, as the shim writes it.
    private static func failure(_ report: String, _ directory: ContainerDirectory) -> RuntimeError {
        let parts = report.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, let code = Int32(parts[0]) else {
            return RuntimeError(
                .system,
                "the shim ended before the container ran; \(directory.path)/shim.log may "
                    + "say why")
        }
        let reason = parts[1].split(separator: "\n").first ?? ""
        return RuntimeError(
            code == 125 ? .system : .command, "cannot start the container: \(reason)",
            exitCode: code)
    }
}
