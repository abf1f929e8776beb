// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Linux
import Model

/// Tells by running a program, with what there is to tell in its environment: no shell, no text of
/// an alert in an argument, an end to its time and to its output.
struct ExecSender: Sender {
    let options: ExecOptions

    /// Bytes of output that are looked at; the rest is read and forgotten.
    static let maxOutput = 4096
    /// Bytes of the payload; the kernel takes 128 KiB for one variable (execve(2)).
    static let maxPayload = 120_000
    /// Alerts with variables of their own.
    static let maxAlerts = 20

    func send(_ notification: Notification) async -> Outcome {
        await withCheckedContinuation { done in
            BlockingThread.start("notify-exec") { done.resume(returning: run(notification)) }
        }
    }

    /// What the program finds in its environment.
    static func environment(_ notification: Notification) -> [String] {
        let message = MessageText(notification)
        var values: [(String, String)] = [
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("ULLAGE_STATUS", notification.status), ("ULLAGE_RECEIVER", notification.receiver),
            ("ULLAGE_GROUP_KEY", notification.groupKey), ("ULLAGE_TITLE", message.title),
            ("ULLAGE_TEXT", message.plain), ("ULLAGE_SEVERITY", message.severity),
            ("ULLAGE_ALERT_COUNT", String(notification.alerts.count)),
        ]
        for (i, alert) in notification.alerts.prefix(maxAlerts).enumerated() {
            let prefix = "ULLAGE_ALERT_\(i + 1)_"
            let isOver = alert.isResolved(at: notification.time)
            values += [
                (prefix + "NAME", alert.name), (prefix + "STATUS", isOver ? "resolved" : "firing"),
                (prefix + "SUMMARY", alert.annotations["summary"]),
                (prefix + "DESCRIPTION", alert.annotations["description"]),
                (prefix + "CONTAINER", alert.labels["name"]),
                (prefix + "FINGERPRINT", alert.fingerprint.description),
            ]
        }
        let payload = AlertmanagerJSON.webhook(notification)
        if payload.count <= maxPayload {
            values.append(("ULLAGE_JSON", String(decoding: payload, as: UTF8.self)))
        }
        return values.map { name, value in
            let text = value.unicodeScalars.filter { $0 != "\0" }.map(String.init).joined()
            return "\(name)=\(String(decoding: text.utf8.prefix(maxPayload), as: UTF8.self))"
        }
    }

    private func run(_ notification: Notification) -> Outcome {
        guard let program = options.command.first else { return .failed("the command is empty") }
        var pipe: [Int32] = [-1, -1]
        guard pipe2(&pipe, O_CLOEXEC | O_NONBLOCK) == 0 else {
            return .retry("cannot run \(program): \(String(cString: strerror(errno)))", after: nil)
        }
        var pid: pid_t = 0
        let code = spawn(program, Self.environment(notification), output: pipe[1], &pid)
        close(pipe[1])
        defer { close(pipe[0]) }
        guard code == 0 else {
            return .failed("cannot run \(program): \(String(cString: strerror(code)))")
        }
        let (status, output) = wait(for: pid, output: pipe[0])
        let words = HTTPPoster.printable(output)
        let said = words.isEmpty ? "" : ": \(words)"
        guard let status else {
            return .retry(
                "\(program) ran longer than \(options.timeout) ms and was killed\(said)", after: nil
            )
        }
        if status == 0 { return .sent() }
        if status & 0x7f != 0 {
            return .retry("\(program) was killed by signal \(status & 0x7f)\(said)", after: nil)
        }
        return .retry("\(program) exited with \(status >> 8 & 0xff)\(said)", after: nil)
    }

    private func spawn(
        _ program: String, _ environment: [String], output: Int32, _ pid: inout pid_t
    ) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        // A group of its own, so that what it starts can be killed with it; signals as usual.
        var all = sigset_t()
        var none = sigset_t()
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
        posix_spawnattr_setflags(&attributes, Int16(flags))
        let arguments = options.command.map { strdup($0) } + [nil]
        let variables = environment.map { strdup($0) } + [nil]
        defer { for text in arguments + variables { free(text) } }
        return posix_spawn(&pid, program, &actions, &attributes, arguments, variables)
    }

    /// Waits for the program's end and reads its output; a nil status when its time was over.
    private func wait(for pid: pid_t, output: Int32) -> (status: Int32?, output: [UInt8]) {
        let deadline = Clock.monotonicNanoseconds() + options.timeout * 1_000_000
        var text: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        let handle = ul_pidfd_open(pid)
        defer { if handle >= 0 { close(handle) } }
        while true {
            let left = (deadline - Clock.monotonicNanoseconds()) / 1_000_000
            guard left > 0 else { break }
            var polls = [
                pollfd(fd: handle, events: Int16(POLLIN), revents: 0),
                pollfd(fd: output, events: Int16(POLLIN), revents: 0),
            ]
            // Without a handle of the process, look at it ten times a second.
            _ = poll(&polls, 2, Int32(clamping: handle >= 0 ? left : min(left, 100)))
            var count = 1
            while count > 0 {
                count = read(output, &part, part.count)
                if count > 0 { text += part.prefix(min(count, Self.maxOutput - text.count)) }
            }
            var status: Int32 = 0
            if waitpid(pid, &status, WNOHANG) == pid {
                kill(-pid, SIGKILL)
                return (status, text)
            }
            // Its output is closed while it runs on: wait for its end alone, do not spin.
            if polls[1].revents & Int16(POLLHUP) != 0 { break }
        }
        return (rest(pid, handle, deadline), text)
    }

    /// Waits for the end alone; kills at the deadline.
    private func rest(_ pid: pid_t, _ handle: Int32, _ deadline: Int64) -> Int32? {
        var status: Int32 = 0
        while true {
            let left = (deadline - Clock.monotonicNanoseconds()) / 1_000_000
            if waitpid(pid, &status, WNOHANG) == pid { return status }
            guard left > 0 else { break }
            var poll = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
            _ = Glibc.poll(&poll, 1, Int32(clamping: handle >= 0 ? left : min(left, 100)))
        }
        kill(-pid, SIGKILL)
        waitpid(pid, &status, 0)
        return nil
    }
}
