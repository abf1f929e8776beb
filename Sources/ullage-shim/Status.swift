// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Writes `state.json`, whole or not at all: a new file that takes the old one's name.
enum Status {
    /// Says `exited` only when the log is complete too, so that a shim killed before that is
    /// followed by another.
    static func write(_ container: Running, isComplete ended: Bool) {
        var json = Message()
        defer { json.free() }
        json.add("{\"version\":1,\"state\":\"")
        json.add(ended ? "exited" : "running")
        json.add("\",\"init_pid\":")
        json.add(Int64(container.initPID))
        json.add(",\"init_start_ticks\":")
        json.add(Int64(truncatingIfNeeded: container.initTicks))
        json.add(",\"shim_pid\":")
        json.add(Int64(getpid()))
        json.add(",\"shim_start_ticks\":")
        json.add(Int64(truncatingIfNeeded: ProcessTable.startTicks(getpid())))
        json.add(",\"started_at_ms\":")
        json.add(container.startedAt)
        if ended {
            json.add(",\"finished_at_ms\":")
            json.add(container.finishedAt)
            if container.exitCode >= 0 {
                json.add(",\"exit_code\":")
                json.add(Int64(container.exitCode))
            }
            json.add(",\"oom_killed\":")
            json.add(container.oomKilled ? "true" : "false")
            add(container.totals, to: &json)
        }
        json.add("}\n")
        let descriptor = ul_open(
            "state.json.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0, json.write(to: descriptor), close(descriptor) == 0,
            rename("state.json.new", "state.json") == 0
        else {
            // A full disk: the state file keeps its room from the start, so overwrite it in place.
            let file = ul_open("state.json", O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0)
            json.write(to: file)
            _ = ftruncate(file, json.count)
            close(file)
            return
        }
    }

    private static func add(_ totals: Totals, to json: inout Message) {
        if totals.cpu >= 0 {
            json.add(",\"cpu_usec\":")
            json.add(totals.cpu)
        }
        if totals.peak >= 0 {
            json.add(",\"memory_peak_bytes\":")
            json.add(totals.peak)
        }
        if totals.read >= 0 {
            json.add(",\"read_bytes\":")
            json.add(totals.read)
        }
        if totals.written >= 0 {
            json.add(",\"written_bytes\":")
            json.add(totals.written)
        }
    }
}
