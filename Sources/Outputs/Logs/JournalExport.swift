// SPDX-License-Identifier: Apache-2.0

import Model

/// Log lines in the journal's export format, as systemd-journal-remote takes them at `/upload`
/// (https://systemd.io/JOURNAL_EXPORT_FORMATS/#journal-export-format).
///
/// The fields are those that Docker's driver for the journal writes. `ULLAGE_SEQUENCE` is the line's
/// number within its log: with `CONTAINER_ID_FULL` it tells a line that came twice.
final class JournalExportEncoder: LogEncoder {
    private let host: [UInt8]
    private var body: [UInt8] = []

    /// A name longer than this is cut: the journal takes no longer ones.
    private static let longestName = 64

    init(host: String) { self.host = Array(host.utf8) }

    let headers = [(name: "Content-Type", value: "application/vnd.fdo.journal")]

    var count: Int { body.count }

    func begin() { body.removeAll(keepingCapacity: true) }

    func add(_ entry: LogEntryView, of stream: ShippedStream) {
        body += "__REALTIME_TIMESTAMP=\(max(0, entry.timestamp) / 1000)\n".utf8
        if stream.prepared.isEmpty { stream.prepared = fields(of: stream) }
        body += stream.prepared
        body += "PRIORITY=\(SyslogEncoder.severity(entry))\n".utf8
        if entry.sequence >= 0 { body += "ULLAGE_SEQUENCE=\(entry.sequence)\n".utf8 }
        if entry.isPartial { body += "CONTAINER_PARTIAL_MESSAGE=true\n".utf8 }
        if entry.isGap { body += "ULLAGE_GAP=1\n".utf8 }
        Self.append(Array("MESSAGE".utf8), entry.bytes, to: &body)
        body.append(0x0a)
    }

    func finish() -> (body: [UInt8], rawBytes: Int) { (body, body.count) }

    /// What all lines of a stream have.
    private func fields(of stream: ShippedStream) -> [UInt8] {
        var text: [UInt8] = []
        func append(_ name: String, _ value: some Collection<UInt8>) {
            Array(value).withUnsafeBytes { Self.append(Array(name.utf8), $0, to: &text) }
        }
        let container = stream.labels["container"]
        append("_HOSTNAME", host)
        append("CONTAINER_ID", stream.id.utf8.prefix(12))
        append("CONTAINER_ID_FULL", stream.id.utf8)
        if !container.isEmpty {
            append("CONTAINER_NAME", container.utf8)
            append("SYSLOG_IDENTIFIER", container.utf8)
        }
        for label in stream.labels.pairs where label.name != "container" {
            append(Self.name(label.name), label.value.utf8)
        }
        return text
    }

    /// A label's name as a field's: capitals, digits and underscores.
    private static func name(_ label: String) -> String {
        let bytes =
            "LABEL_".utf8
            + label.utf8.map { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a: byte
                case 0x61...0x7a: byte - 0x20
                default: UInt8(ascii: "_")
                }
            }
        return String(decoding: bytes.prefix(longestName), as: UTF8.self)
    }

    /// `NAME=value`, or with its length where the value has a newline or another control character.
    private static func append(
        _ name: [UInt8], _ value: UnsafeRawBufferPointer, to output: inout [UInt8]
    ) {
        output += name
        if value.contains(where: { $0 < 0x20 && $0 != 0x09 }) {
            output.append(0x0a)
            withUnsafeBytes(of: UInt64(value.count).littleEndian) { output += $0 }
        } else {
            output.append(UInt8(ascii: "="))
        }
        output.append(contentsOf: value)
        output.append(0x0a)
    }
}
