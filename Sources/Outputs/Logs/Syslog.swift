// SPDX-License-Identifier: Apache-2.0

import Model

/// Log lines as syslog messages (RFC 5424), each with its length before it (RFC 6587, 3.4.1), so that
/// newlines within a message do no harm.
final class SyslogEncoder: LogEncoder {
    private let facility: Int
    private let host: [UInt8]
    private var body: [UInt8] = []
    private var message: [UInt8] = []
    private var time = LogTimeWriter()

    /// `facility` is 0 to 23 (RFC 5424, table 1).
    init(facility: Int, host: String) {
        self.facility = facility
        self.host = Self.word(host, limit: 255)
    }

    let headers: [(name: String, value: String)] = []

    var count: Int { body.count }

    func begin() { body.removeAll(keepingCapacity: true) }

    func add(_ entry: LogEntryView, of stream: ShippedStream) {
        message.removeAll(keepingCapacity: true)
        message += "<\(facility * 8 + Self.severity(entry))>1 ".utf8
        time.append(entry.timestamp, digits: 6, to: &message)
        message.append(0x20)
        message += host
        message.append(0x20)
        let name = stream.labels["container"].isEmpty ? "ullage" : stream.labels["container"]
        message += Self.word(name, limit: 48)
        message += " - ".utf8
        message += stream.labels["stream"].isEmpty ? "-".utf8 : stream.labels["stream"].utf8
        message.append(0x20)
        if stream.prepared.isEmpty { stream.prepared = Self.data(stream.labels) }
        message += stream.prepared
        message.append(0x20)
        // Without a byte order mark: what encoding a container writes is not known, which makes the
        // text MSG-ANY (RFC 5424, 6.4), and rsyslog would store the mark as part of the line.
        message.append(contentsOf: entry.bytes)
        body += "\(message.count) ".utf8
        body += message
    }

    func finish() -> (body: [UInt8], rawBytes: Int) { (body, body.count) }

    /// The severity (RFC 5424, table 2) of an entry: what its level says, or else its output.
    static func severity(_ entry: LogEntryView) -> Int {
        switch entry.level {
        case .fatal: 2
        case .error: 3
        case .warning: 4
        case .info: 6
        case .debug, .trace: 7
        case .unknown: entry.stream == .stderr ? 3 : 6
        }
    }

    /// Printable ASCII without blanks; `-` for nothing.
    private static func word(_ text: String, limit: Int) -> [UInt8] {
        let bytes = text.utf8.prefix(limit).map { $0 > 0x20 && $0 < 0x7f ? $0 : UInt8(ascii: "_") }
        return bytes.isEmpty ? [UInt8(ascii: "-")] : bytes
    }

    /// Labels as one element of structured data; 32473 is the number for documentation
    /// (RFC 5612), as no enterprise number stands for Ullage.
    private static func data(_ labels: Labels) -> [UInt8] {
        guard !labels.isEmpty else { return [UInt8(ascii: "-")] }
        var text = Array("[ullage@32473".utf8)
        for label in labels.pairs {
            text.append(0x20)
            text += label.name.utf8.prefix(32).map { byte in
                byte > 0x20 && byte < 0x7f && ![0x22, 0x3d, 0x5d].contains(byte)
                    ? byte : UInt8(ascii: "_")
            }
            text += "=\"".utf8
            for byte in label.value.utf8 {
                if byte == 0x22 || byte == 0x5c || byte == 0x5d { text.append(0x5c) }
                text.append(byte)
            }
            text.append(0x22)
        }
        text.append(UInt8(ascii: "]"))
        return text
    }
}

/// Syslog over TCP or TLS (RFC 6587, RFC 5425). There is no acknowledgement: what is in the kernel's
/// buffers when the other side dies is lost.
struct SyslogStream: StreamProtocol {
    func begin(_ connection: StreamConnection) throws {}

    func send(_ parcel: Parcel, on connection: StreamConnection) throws -> Verdict {
        try connection.send(parcel.body)
        return connection.isClosed
            ? .retry(reason: "the connection was closed", after: nil) : .accepted
    }
}

/// RELP (https://www.rsyslog.com/doc/relp.html): syslog messages that are acknowledged one by one.
final class RELPStream: StreamProtocol {
    func begin(_ connection: StreamConnection) throws {
        let offers = "relp_version=0\nrelp_software=ullage\ncommands=syslog"
        try connection.send(Array("1 open \(offers.utf8.count) \(offers)\n".utf8))
        let answer = try connection.receive(Self.frame)
        guard answer.number == 1, answer.status == 200 else {
            throw ShipError("the RELP server refuses: status \(answer.status)")
        }
    }

    func send(_ parcel: Parcel, on connection: StreamConnection) throws -> Verdict {
        var frames: [UInt8] = []
        // Numbers begin anew with each parcel: the one before is acknowledged.
        var number = 1
        var waiting: Set<Int> = []
        var rest = parcel.body[...]
        while let blank = rest.firstIndex(of: 0x20) {
            let length = Int(String(decoding: rest[..<blank], as: UTF8.self)) ?? 0
            let message = rest[(blank + 1)..<min(blank + 1 + length, rest.endIndex)]
            number += 1
            waiting.insert(number)
            frames += "\(number) syslog \(message.count) ".utf8
            frames += message
            frames.append(0x0a)
            rest = rest[message.endIndex...]
        }
        try connection.send(frames)
        var refused = 0
        while !waiting.isEmpty {
            let answer = try connection.receive(Self.frame)
            guard waiting.remove(answer.number) != nil else { continue }
            if answer.status >= 500 { refused += 1 }
        }
        guard refused > 0 else { return .accepted }
        return .retry(reason: "the RELP server could not take \(refused) messages", after: nil)
    }

    /// One `TXNR rsp LENGTH [SP DATA] LF` at the start, with the status its data begins with.
    private static func frame(
        _ bytes: [UInt8]
    ) throws -> (count: Int, result: (number: Int, status: Int))? {
        let words = bytes.prefix(64).split(separator: 0x20, maxSplits: 3)
        guard words.count >= 3 else { return nil }
        let length = words[2].prefix { (0x30...0x39).contains($0) }
        guard let number = Int(String(decoding: words[0], as: UTF8.self)),
            let count = Int(String(decoding: length, as: UTF8.self)), count < 1 << 20
        else { throw ShipError("the answer is not RELP") }
        // A blank before the data, and a newline at the end.
        let start = length.endIndex + (count > 0 ? 1 : 0)
        let end = start + count + 1
        guard bytes.count >= end else { return nil }
        guard String(decoding: words[1], as: UTF8.self) == "rsp" else {
            if String(decoding: words[1], as: UTF8.self) == "serverclose" {
                throw ShipError("the RELP server closes the session")
            }
            return (end, (-1, 200))
        }
        let status = Int(String(decoding: bytes[start..<min(end, start + 3)], as: UTF8.self)) ?? 200
        return (end, (number, status))
    }
}
