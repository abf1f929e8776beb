// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logs
import Model
import Runtime
import SystemPackage

/// Prints containers' records: stdout to stdout, stderr to stderr.
struct LogOutput {
    var timestamps = false
    /// Leaves control characters as they are, also on a terminal.
    var raw = false

    /// Prints a container's log from its last `tail` records, or from its start; goes on with
    /// what is added for as long as `isRunning` says, when it is given.
    func show(
        _ container: Container, tail: Int?, since: Int64 = .min, isRunning: (() -> Bool)?
    ) throws {
        guard case .jsonFile(let path) = container.logSource else {
            guard isRunning == nil else { return }
            throw Failure(
                .no,
                "\(Terminal.safe(container.name)) keeps no log that can be read here: it was started "
                    + "with the log driver `none`, or its engine logs elsewhere")
        }
        let follower: JSONFileFollower
        do { follower = try JSONFileFollower(path: path) } catch {
            throw Failure(
                error == .permissionDenied ? .permission : .io,
                "cannot read the log of "
                    + "\(Terminal.safe(container.name)) at \(path): \(error)")
        }
        if let tail { follower.seek(toLast: tail) }
        while true {
            let wasRunning = isRunning?() ?? false
            follower.read { record, time in
                if record.timestamp >= since { print(record, time) }
            }
            guard wasRunning else { break }
            follower.wait(milliseconds: 200)
        }
        if follower.damaged > 0 {
            Terminal.writeError("ullage: \(follower.damaged) damaged records were passed over\n")
        }
    }

    /// Prints a container's outputs as they come, on a terminal line by line.
    func show(_ outputs: AttachedOutputs) {
        var waiting: [LogStream: [UInt8]] = [:]
        outputs.read { stream, bytes in
            let descriptor = stream == .stdout ? STDOUT_FILENO : STDERR_FILENO
            guard !raw, isatty(descriptor) == 1 else {
                return Terminal.write(Array(bytes), to: descriptor)
            }
            var text = waiting.removeValue(forKey: stream) ?? []
            text += bytes
            while let end = text.firstIndex(of: 0x0a) {
                writeLine(Array(text[..<end]), "\n", to: descriptor)
                text.removeFirst(end + 1)
            }
            if text.count > 1 << 14 {
                writeLine(text, "", to: descriptor)
                text = []
            }
            waiting[stream] = text
        }
        for (stream, text) in waiting where !text.isEmpty {
            writeLine(text, "", to: stream == .stdout ? STDOUT_FILENO : STDERR_FILENO)
        }
    }

    private func writeLine(_ text: [UInt8], _ end: StaticString, to descriptor: Int32) {
        var line: [UInt8] = []
        TerminalText.append(text, to: &line)
        end.withUTF8Buffer { line += $0 }
        Terminal.write(line, to: descriptor)
    }

    private func print(_ record: LogRecord, _ time: String) {
        let descriptor = record.stream == .stdout ? STDOUT_FILENO : STDERR_FILENO
        var line: [UInt8] = timestamps ? Array((time + " ").utf8) : []
        if raw || isatty(descriptor) == 0 {
            line += record.bytes
        } else {
            TerminalText.append(record.bytes, to: &line)
        }
        if !record.isPartial { line.append(0x0a) }
        Terminal.write(line, to: descriptor)
    }
}
