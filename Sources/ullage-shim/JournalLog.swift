// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Records as entries of systemd's journal, by its native protocol (systemd.io, "Native Journal
/// Protocol"): one datagram an entry, `NAME=value\n` for text and `NAME\n`, a little-endian 64-bit
/// length, the bytes and `\n` for what may hold anything. An entry too large for a datagram goes as
/// a sealed memory file whose descriptor is the whole message.
///
/// The fields are Docker's (`daemon/logger/journald` in moby). CONTAINER_LOG_EPOCH names this
/// shim's life and CONTAINER_LOG_ORDINAL counts its records, those that could not be delivered
/// included, so a reader sees exactly what is missing.
///
/// A full queue keeps the sender waiting, at most `sendSeconds`; without a journald the sender
/// waits `outageMilliseconds` once, and then drops, counts, and looks for it ten times a second.
struct JournalLog {
    private let path: UnsafePointer<CChar>
    private var socket: Int32 = -1
    /// The fields that all entries share.
    private let shared: UnsafeMutablePointer<UInt8>
    private let sharedLength: Int
    private var fields = Message()
    private var ordinal: UInt64 = 0
    private var partialID = (stdout: Message(), stderr: Message())
    private var time = Message()
    private var timeValue: Int64 = -1
    /// When journald was first missed and last looked for, in milliseconds; 0 when it is there.
    private var outageSince: Int64 = 0
    private var lastAttempt: Int64 = 0
    private let counters: Counters

    private static let sendSeconds: Int32 = 5
    private static let outageMilliseconds: Int64 = 2000
    private static let retryMilliseconds: Int64 = 100

    init(_ spec: Spec, counters: Counters) {
        path = spec.value("journal-socket")
        self.counters = counters
        var epoch = Message()
        Self.addRandomID(to: &epoch)
        var length = 32 + epoch.count
        spec.forEach("journal-field") { length += strlen($0) + 16 }
        let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: length)
        var at = 0
        func add(_ source: UnsafeRawPointer, _ count: Int) {
            memcpy(bytes + at, source, count)
            at += count
        }
        spec.forEach("journal-field") { field in
            let name = strcspn(field, "=")
            guard field[name] != 0 else { return }
            let value = field + name + 1
            var count = UInt64(strlen(value)).littleEndian
            add(field, name)
            add("\n", 1)
            withUnsafeBytes(of: &count) { if let base = $0.baseAddress { add(base, 8) } }
            add(value, strlen(value))
            add("\n", 1)
        }
        add("CONTAINER_LOG_EPOCH=", 20)
        add(epoch.bytes, epoch.count)
        add("\n", 1)
        shared = bytes
        sharedLength = at
    }

    /// Sends one record.
    mutating func add(_ record: Record) {
        ordinal += 1
        if timeValue != record.time {
            timeValue = record.time
            time.clear()
            Timestamp.add(record.time, to: &time)
        }
        fields.clear()
        fields.add(record.stream == .stdout ? "PRIORITY=6\n" : "PRIORITY=3\n")
        fields.add("SYSLOG_TIMESTAMP=")
        fields.add(time.bytes, time.count)
        fields.add("\nCONTAINER_LOG_ORDINAL=")
        fields.add(Int64(clamping: ordinal))
        fields.add("\n")
        if record.part > 0 { addPartial(record) }
        fields.add("MESSAGE\n")
        var length = UInt64(record.count).littleEndian
        withUnsafeBytes(of: &length) { raw in for byte in raw { fields.add(byte) } }
        if !send(record.bytes, record.count) { counters.addDropped(1) }
    }

    /// Says that something is missing, as an entry of its own.
    mutating func noteLoss(records: UInt64, bytes: UInt64) {
        var text = Message()
        defer { text.free() }
        text.add("[ullage: output was lost here: ")
        text.add(Int64(clamping: records))
        text.add(" records were dropped, up to ")
        text.add(Int64(clamping: bytes))
        text.add(" bytes were with a shim that was killed]")
        // The ordinals of what was dropped before it got here are passed over.
        ordinal += records
        add(
            Record(
                bytes: text.bytes, count: text.count, stream: .stderr, isWhole: true, part: 0,
                time: Clock.nanoseconds()))
    }

    /// Looks for journald's socket anew at the next record.
    mutating func reopen() {
        if socket >= 0 { close(socket) }
        socket = -1
    }

    private mutating func addPartial(_ record: Record) {
        var id = record.stream == .stdout ? partialID.stdout : partialID.stderr
        if record.part == 1 {
            id.clear()
            Self.addRandomID(to: &id)
            if record.stream == .stdout { partialID.stdout = id } else { partialID.stderr = id }
        }
        if !record.isWhole { fields.add("CONTAINER_PARTIAL_MESSAGE=true\n") }
        fields.add("CONTAINER_PARTIAL_ID=")
        fields.add(id.bytes, id.count)
        fields.add("\nCONTAINER_PARTIAL_ORDINAL=")
        fields.add(Int64(record.part))
        fields.add("\nCONTAINER_PARTIAL_LAST=")
        fields.add(record.isWhole ? "true\n" : "false\n")
    }

    /// Sends shared fields, `fields` and the message; whether journald took them.
    private mutating func send(_ message: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        var parts = (iovec(), iovec(), iovec(), iovec())
        parts.0 = iovec(iov_base: shared, iov_len: sharedLength)
        parts.1 = iovec(iov_base: fields.pointer, iov_len: fields.count)
        parts.2 = iovec(iov_base: UnsafeMutablePointer(mutating: message), iov_len: count)
        var newline = UInt8(ascii: "\n")
        return withUnsafeMutablePointer(to: &newline) { newline in
            parts.3 = iovec(iov_base: newline, iov_len: 1)
            return withUnsafeMutableBytes(of: &parts) { raw in
                let vector = raw.bindMemory(to: iovec.self)
                guard let base = vector.baseAddress else { return false }
                return send(base, 4)
            }
        }
    }

    private mutating func send(_ parts: UnsafeMutablePointer<iovec>, _ count: Int) -> Bool {
        var header = msghdr()
        header.msg_iov = parts
        header.msg_iovlen = count
        var congestion = 0
        while true {
            if socket < 0, !connect() {
                if isTimeToDrop() { return false }
                poll(nil, 0, 50)
                continue
            }
            if sendmsg(socket, &header, Int32(MSG_NOSIGNAL)) >= 0 {
                outageSince = 0
                return true
            }
            switch ul_errno() {
            case EINTR: continue
            case EMSGSIZE: return sendAsFile(parts, count)
            case EAGAIN: return false
            case ENOBUFS, ENOMEM:
                congestion += 1
                if congestion > 20 { return false }
                poll(nil, 0, 10)
            default:
                // journald is gone, or has come back under the same name.
                close(socket)
                socket = -1
            }
        }
    }

    private mutating func connect() -> Bool {
        let now = Clock.milliseconds()
        if outageSince > 0, now - lastAttempt < Self.retryMilliseconds,
            now - outageSince >= Self.outageMilliseconds
        {
            return false
        }
        lastAttempt = now
        socket = ul_datagram_socket(path, Self.sendSeconds)
        return socket >= 0
    }

    /// Whether journald has been away for so long that records are dropped now.
    private mutating func isTimeToDrop() -> Bool {
        let now = Clock.milliseconds()
        if outageSince == 0 { outageSince = now }
        return now - outageSince >= Self.outageMilliseconds
    }

    private mutating func sendAsFile(
        _ parts: UnsafeMutablePointer<iovec>, _ count: Int
    ) -> Bool {
        let file = ul_memory_file()
        guard file >= 0 else { return false }
        defer { close(file) }
        var total = 0
        for i in 0..<count { total += parts[i].iov_len }
        guard writev(file, parts, Int32(count)) == total, ul_seal(file) == 0 else { return false }
        return ul_send_descriptor(socket, file) == 0
    }

    private static func addRandomID(to text: inout Message) {
        var random: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &random) { raw in
            _ = getrandom(raw.baseAddress, raw.count, 0)
            for byte in raw {
                for digit in [byte >> 4, byte & 15] {
                    text.add(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
                }
            }
        }
    }
}
