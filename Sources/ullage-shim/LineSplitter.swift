// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Cuts one output into records: at each newline, and after `Record.maxBytes` bytes without one.
struct LineSplitter {
    let stream: LogStreamIndex
    private let pending: UnsafeMutablePointer<UInt8>
    private var count = 0
    /// Parts of the present line that were passed on, and the time they carry.
    private var parts: UInt32 = 0
    private var firstTime: Int64 = 0

    init(_ stream: LogStreamIndex) {
        self.stream = stream
        pending = .allocate(capacity: Record.maxBytes)
    }

    /// Adds what was read at `time`, and is counted, to the log, keeping an unfinished line for the next time.
    mutating func add(
        _ bytes: UnsafePointer<UInt8>, _ length: Int, at time: Int64, to log: Log
    ) {
        var at = 0
        var lines: UInt64 = 0
        while at < length {
            let room = Record.maxBytes - count
            let scan = min(length - at, room)
            if let newline = memchr(bytes + at, 0x0a, scan) {
                let end = UnsafeRawPointer(newline) - UnsafeRawPointer(bytes)
                finish(bytes + at, end - at, isWhole: true, at: time, in: log)
                at = end + 1
                lines += 1
            } else if scan == room {
                finish(bytes + at, scan, isWhole: false, at: time, in: log)
                at += scan
            } else {
                memcpy(pending + count, bytes + at, scan)
                count += scan
                at += scan
            }
        }
        log.counters.add(lines: lines, stream: stream)
    }

    /// Adds what is left when the output ends without a newline.
    mutating func end(at time: Int64, in log: Log) {
        guard count > 0 else { return }
        log.counters.add(lines: 1, stream: stream)
        finish(pending, 0, isWhole: false, at: time, in: log)
    }

    private mutating func finish(
        _ bytes: UnsafePointer<UInt8>, _ length: Int, isWhole: Bool, at time: Int64,
        in log: Log
    ) {
        if !isWhole || parts > 0 {
            if parts == 0 { firstTime = time }
            parts += 1
        }
        var record = Record(
            bytes: bytes, count: length, stream: stream, isWhole: isWhole, part: parts,
            time: parts > 0 ? firstTime : time)
        if count > 0 {
            if length > 0 { memcpy(pending + count, bytes, length) }
            record.bytes = UnsafePointer(pending)
            record.count += count
            count = 0
        }
        log.add(record)
        if isWhole { parts = 0 }
    }
}
