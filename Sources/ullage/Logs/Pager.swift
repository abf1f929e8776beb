// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A program that shows long output page by page: `ULLAGE_PAGER`, `PAGER`, or less.
struct Pager {
    private let process: pid_t

    /// Puts a pager before stdout; nil when stdout is no terminal, or none can be started.
    static func start() -> Pager? {
        guard Terminal.isInteractive else { return nil }
        let command =
            (getenv("ULLAGE_PAGER") ?? getenv("PAGER")).map { String(cString: $0) }
            ?? "less -FRSXMK"
        guard !command.isEmpty, command != "cat" else { return nil }
        var ends: [Int32] = [0, 0]
        guard pipe2(&ends, Int32(O_CLOEXEC)) == 0 else { return nil }
        defer { close(ends[0]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO)
        let words: [String] = ["sh", "-c", command]
        let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        defer { arguments.forEach { free($0) } }
        var process = pid_t()
        guard posix_spawn(&process, "/bin/sh", &actions, nil, arguments + [nil], environ) == 0
        else {
            close(ends[1])
            return nil
        }
        fflush(nil)
        dup2(ends[1], STDOUT_FILENO)
        close(ends[1])
        return Pager(process: process)
    }

    /// Ends the output and waits for the reader to have seen it.
    func finish() {
        close(STDOUT_FILENO)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
    }
}
