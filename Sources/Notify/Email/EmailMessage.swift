// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model

/// A notification as an e-mail (RFC 5322, MIME). The body is base64, so that no line is too long and
/// none begins with a point, and encoded words keep text of alerts out of the headers' syntax.
struct EmailMessage {
    /// The message, less the point that ends it.
    let bytes: [UInt8]

    init(_ notification: Notification, _ options: EmailOptions) {
        let message = MessageText(notification)
        let group = Fingerprint(["group": notification.groupKey])
        let domain = options.from.split(separator: "@").last.map(String.init) ?? "localhost"
        var lines = [
            "From: <\(options.from)>",
            "To: \(options.to.map { "<\($0)>" }.joined(separator: ",\r\n "))",
            "Subject: \(Self.encodedWords(message.title))",
            "Date: \(Self.date(notification.time))",
            "Message-ID: <\(UUIDText.random())@\(domain)>",
            // Firing and resolved of one group stand together in a mailbox.
            "References: <ullage-\(group)@\(domain)>",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: base64",
            "",
        ]
        lines += Self.folded(Base64Text.encode(Array(message.plain.utf8)), 76)
        bytes = Array(lines.joined(separator: "\r\n").utf8)
    }

    private static func folded(_ text: String, _ width: Int) -> [String] {
        let all = Array(text.utf8)
        return stride(from: 0, to: all.count, by: width).map {
            String(decoding: all[$0..<min($0 + width, all.count)], as: UTF8.self)
        }
    }

    /// Text as words of at most 75 characters that any mail program can read (RFC 2047).
    static func encodedWords(_ text: String) -> String {
        var words: [String] = []
        var part: [UInt8] = []
        func end() {
            if !part.isEmpty { words.append("=?utf-8?B?\(Base64Text.encode(part))?=") }
            part = []
        }
        for scalar in text.unicodeScalars {
            let bytes = Array(String(scalar == "\n" ? " " : scalar).utf8)
            if part.count + bytes.count > 45 { end() }
            part += bytes
        }
        end()
        return words.joined(separator: "\r\n ")
    }

    /// A date in UTC (RFC 5322, section 3.3).
    static func date(_ time: Milliseconds) -> String {
        var seconds = time_t(time / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) "
            + "\(parts.tm_year + 1900) \(two(parts.tm_hour)):\(two(parts.tm_min)):"
            + "\(two(parts.tm_sec)) +0000"
    }
}
