// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The two ends of a command: data goes to stdout, messages to stderr.
enum Terminal {
    /// Whether stdout is a terminal.
    static var isInteractive: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Columns of the terminal; without one to ask, what `COLUMNS` says, or 80.
    static var width: Int { size.columns }

    /// Columns and rows of the terminal; without one to ask, `COLUMNS` and `LINES`, or 80 by 24.
    static var size: (columns: Int, rows: Int) {
        var size = winsize()
        if ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 {
            return (Int(size.ws_col), size.ws_row > 0 ? Int(size.ws_row) : 24)
        }
        return (environment("COLUMNS") ?? 80, environment("LINES") ?? 24)
    }

    private static func environment(_ name: String) -> Int? {
        guard let text = getenv(name), let value = Int(String(cString: text)) else { return nil }
        return (1...10_000).contains(value) ? value : nil
    }

    /// Whether the locale's encoding is UTF-8: the first set of `LC_ALL`, `LC_CTYPE` and `LANG`
    /// decides; with none set the locale is POSIX, which is ASCII.
    static var isUTF8: Bool {
        for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
            guard let text = getenv(name), text.pointee != 0 else { continue }
            let locale = String(cString: text).lowercased()
            return locale.contains("utf-8") || locale.contains("utf8")
        }
        return false
    }

    /// Whether to colour: a terminal, and `NO_COLOR` unset or empty (https://no-color.org).
    static var usesColour: Bool {
        guard isInteractive else { return false }
        guard let value = getenv("NO_COLOR") else { return true }
        return value.pointee == 0
    }

    /// Writes to stdout; ends the program quietly when nobody reads any more.
    static func write(_ text: String) { write(Array(text.utf8)) }

    /// Writes bytes to stdout; ends the program quietly when nobody reads any more.
    static func write(_ bytes: [UInt8]) { write(bytes, to: STDOUT_FILENO) }

    /// Writes to stderr.
    static func writeError(_ text: String) { write(Array(text.utf8), to: STDERR_FILENO) }

    /// Writes all of `bytes` to a descriptor.
    static func write(_ bytes: [UInt8], to descriptor: Int32) {
        bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count, let base = buffer.baseAddress {
                let written = Glibc.write(descriptor, base + done, buffer.count - done)
                if written > 0 {
                    done += written
                } else if errno == EPIPE {
                    exit(0)
                } else if errno != EINTR {
                    return
                }
            }
        }
    }

    /// Writes JSON to stdout. On a terminal, characters that could move the cursor or hide text
    /// are written as JSON escapes, which mean the same to a program.
    static func writeJSON(_ bytes: [UInt8]) {
        guard isInteractive else { return write(bytes) }
        var text = ""
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            if isHarmful(scalar), scalar != "\n", scalar != "\t" {
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        write(text)
    }

    /// Text from a container made harmless: control, escape and bidirectional characters are
    /// shown as `\u{..}`, so that a name cannot move the cursor or forge a line.
    static func safe(_ text: String, limit: Int = 256) -> String {
        var result = ""
        var length = 0
        for scalar in text.unicodeScalars {
            guard length < limit else { return result + "…" }
            length += 1
            if isHarmful(scalar) {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Control, escape and bidirectional characters; all are below U+10000.
    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00...0x1f, 0x7f...0x9f, 0x061c, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069:
            true
        default: false
        }
    }
}
