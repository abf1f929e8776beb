// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Cuts one output into records: at each newline, and after `JSONLog.maxRecord` bytes without one.
struct LineSplitter {
    private let stream: LogStreamIndex
    private let pending: UnsafeMutablePointer<UInt8>
    private var count = 0

    init(_ stream: LogStreamIndex) {
        self.stream = stream
        pending = .allocate(capacity: JSONLog.maxRecord)
    }

    /// Adds what was read to the log, keeping an unfinished line for the next time.
    mutating func add(_ bytes: UnsafePointer<UInt8>, _ length: Int, to log: inout JSONLog) {
        var at = 0
        var lines: UInt64 = 0
        while at < length {
            let room = JSONLog.maxRecord - count
            let scan = min(length - at, room)
            if let newline = memchr(bytes + at, 0x0a, scan) {
                let end = UnsafeRawPointer(newline) - UnsafeRawPointer(bytes)
                finish(bytes + at, end - at, isWhole: true, in: &log)
                at = end + 1
                lines += 1
            } else if scan == room {
                finish(bytes + at, scan, isWhole: false, in: &log)
                at += scan
            } else {
                memcpy(pending + count, bytes + at, scan)
                count += scan
                at += scan
            }
        }
        log.counters.add(lines: lines, bytes: length, stream: stream)
    }

    /// Adds what is left when the output ends without a newline.
    mutating func end(in log: inout JSONLog) {
        guard count > 0 else { return }
        log.counters.add(lines: 1, bytes: 0, stream: stream)
        finish(pending, 0, isWhole: false, in: &log)
    }

    private mutating func finish(
        _ bytes: UnsafePointer<UInt8>, _ length: Int, isWhole: Bool, in log: inout JSONLog
    ) {
        guard count > 0 else {
            return log.add(bytes, length, isWhole: isWhole, stream: stream)
        }
        if length > 0 { memcpy(pending + count, bytes, length) }
        log.add(pending, count + length, isWhole: isWhole, stream: stream)
        count = 0
    }
}
