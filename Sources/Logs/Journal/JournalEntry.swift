// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
import Model

/// What is wanted of one entry of the journal (systemd.journal-fields(7)). Fields whose name begins
/// with `_` are journald's own word; the others are the writer's.
struct JournalEntry {
    /// The fields that are looked at.
    enum Field: Int, CaseIterable {
        case message, priority, messageID
        case containerID, containerName, imageName, partial, epoch, ordinal, time
        case unit, objectUnit, dropped
        case trustedUnit, trustedCgroup, trustedUID, trustedPID, trustedCommand, transport

        /// The field's name in the journal.
        var name: String {
            switch self {
            case .message: "MESSAGE"
            case .priority: "PRIORITY"
            case .messageID: "MESSAGE_ID"
            case .containerID: "CONTAINER_ID_FULL"
            case .containerName: "CONTAINER_NAME"
            case .imageName: "IMAGE_NAME"
            case .partial: "CONTAINER_PARTIAL_MESSAGE"
            case .epoch: "CONTAINER_LOG_EPOCH"
            case .ordinal: "CONTAINER_LOG_ORDINAL"
            case .time: "SYSLOG_TIMESTAMP"
            case .unit: "UNIT"
            case .objectUnit: "OBJECT_SYSTEMD_UNIT"
            case .dropped: "N_DROPPED"
            case .trustedUnit: "_SYSTEMD_UNIT"
            case .trustedCgroup: "_SYSTEMD_CGROUP"
            case .trustedUID: "_UID"
            case .trustedPID: "_PID"
            case .trustedCommand: "_COMM"
            case .transport: "_TRANSPORT"
            }
        }
    }

    /// When journald took it, in microseconds since the epoch.
    private(set) var microseconds: UInt64 = 0
    /// Where it stands.
    private(set) var position = JournalPosition()
    /// What it is found by again.
    private(set) var cursor = ""
    private var values = [[UInt8]](repeating: [], count: Field.allCases.count)
    private var isPresent = [Bool](repeating: false, count: Field.allCases.count)

    private static let names = Field.allCases.map { Array($0.name.utf8) }
    /// Bytes of a field that is no message.
    private static let shortLimit = 4096

    /// Reads the present entry of a journal.
    mutating func read(_ reader: JournalReader) throws(JournalError) {
        begin(cursor: try reader.cursor(), microseconds: try reader.time())
        try reader.forEachField { take($0) }
    }

    /// Forgets the fields of the entry before.
    mutating func begin(cursor: String, microseconds: UInt64) {
        for i in isPresent.indices { isPresent[i] = false }
        self.cursor = cursor
        position = JournalPosition(cursor)
        self.microseconds = microseconds
    }

    /// Takes one field, `NAME=value`; of several of one name the first counts.
    mutating func take(_ bytes: UnsafeRawBufferPointer) {
        guard let equals = bytes.firstIndex(of: 0x3d) else { return }
        guard
            let i = Self.names.firstIndex(where: { $0.count == equals && bytes.starts(with: $0) }),
            !isPresent[i]
        else { return }
        let value = UnsafeRawBufferPointer(rebasing: bytes[(equals + 1)...])
        let isLong = i == Field.message.rawValue
        values[i].removeAll(keepingCapacity: value.count > 1024)
        values[i].append(contentsOf: isLong ? value[...] : value.prefix(Self.shortLimit))
        isPresent[i] = true
    }

    /// A field's bytes; nil without it.
    func bytes(_ field: Field) -> [UInt8]? {
        isPresent[field.rawValue] ? values[field.rawValue] : nil
    }

    /// A field as text; nil without it.
    func text(_ field: Field) -> String? {
        bytes(field).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A field as a number; nil when it is none.
    func number(_ field: Field) -> UInt64? { text(field).flatMap { UInt64($0) } }

    /// Whether a field has this text.
    func has(_ field: Field, _ value: StaticString) -> Bool {
        guard isPresent[field.rawValue] else { return false }
        return value.withUTF8Buffer { $0.elementsEqual(values[field.rawValue]) }
    }

    /// How serious syslog's numbers say it is.
    static func level(priority: UInt64) -> LogLevel {
        switch priority {
        case 0...2: .fatal
        case 3: .error
        case 4: .warning
        case 5, 6: .info
        default: .debug
        }
    }
}

/// Where an entry stands among those of its journal, out of its cursor
/// (`s=<source>;i=<number>;b=<boot>;m=...;t=<time>;x=...`, numbers in hexadecimal).
struct JournalPosition: Hashable {
    /// Whose numbers they are: a checksum of the source's name; 0 for none.
    var source: UInt64 = 0
    /// The entry's number among those of its source, which grow.
    var number: UInt64 = 0
    /// When journald took it, in microseconds since the epoch.
    var microseconds: UInt64 = 0

    /// No entry's.
    init() {}

    /// Where a cursor's entry stands; all zero for what is no cursor.
    init(_ cursor: String) {
        for part in cursor.utf8.split(separator: 0x3b) where part.count > 2 {
            let value = part.dropFirst(2)
            switch part.first {
            case UInt8(ascii: "s"):
                source = value.reduce(0xcbf2_9ce4_8422_2325) {
                    ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3
                }
            case UInt8(ascii: "i"): number = UInt64(String(Substring(value)), radix: 16) ?? 0
            case UInt8(ascii: "t"): microseconds = UInt64(String(Substring(value)), radix: 16) ?? 0
            default: break
            }
        }
    }
}
