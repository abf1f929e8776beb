// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The container's log in Docker's json-file format, one object a line:
///
///     {"log":"text\n","stream":"stdout","time":"2026-01-31T12:00:00.123456789Z"}
///
/// Order of keys, escapes, partial records and the time's trimmed zeros are those of
/// `daemon/logger/jsonfilelog` in moby. Records of one read share its time, as those of one line do
/// there.
///
/// A full disk never blocks the container: what was written of a batch is cut back to whole
/// records, the rest is dropped and counted, and the next batch tries again.
struct JSONLog {
    private let descriptor: Int32
    private let output: UnsafeMutablePointer<UInt8>
    private var used = 0
    private var recordsPending: UInt64 = 0
    private var size: Int64
    private var time = Message()
    let counters: Counters

    private static let capacity = 1 << 17
    /// A record's bytes before escaping; Docker splits longer lines here.
    static let maxRecord = 16384
    /// What one record may take when every byte becomes `\u00xx`, with its frame.
    private static let maxEncoded = maxRecord * 6 + 128

    init(path: UnsafePointer<CChar>, counters: StaticString) {
        descriptor = ul_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o640)
        guard descriptor >= 0 else {
            Starter.fail(code: 125, doing: "opening the log file", error: ul_errno())
        }
        size = Int64(lseek(descriptor, 0, SEEK_END))
        output = .allocate(capacity: Self.capacity)
        self.counters = Counters(path: counters)
        _ = fchmod(descriptor, 0o640)
    }

    /// Takes the time that the records which follow carry.
    mutating func stampNow() {
        time.clear()
        Timestamp.add(Clock.nanoseconds(), to: &time)
    }

    /// Adds a record of at most `maxRecord` bytes; `isWhole` when a newline ended it.
    mutating func add(
        _ bytes: UnsafePointer<UInt8>, _ count: Int, isWhole: Bool, stream: LogStreamIndex
    ) {
        if used + Self.maxEncoded > Self.capacity { flush() }
        put("{\"log\":\"")
        used += JSONEscape.encode(bytes, count, into: output + used)
        put(isWhole ? "\\n\",\"stream\":\"" : "\",\"stream\":\"")
        put(stream == .stdout ? "stdout" : "stderr")
        put("\",\"time\":\"")
        memcpy(output + used, time.bytes, time.count)
        used += time.count
        put("\"}\n")
        recordsPending += 1
    }

    /// Writes what was added.
    mutating func flush() {
        guard used > 0 else { return }
        var done = 0
        while done < used {
            let written = write(descriptor, output + done, used - done)
            if written < 0 && ul_errno() == EINTR { continue }
            if written <= 0 { break }
            done += written
        }
        if done < used { keepWholeRecords(of: done) } else { size += Int64(done) }
        used = 0
        recordsPending = 0
    }

    /// Cuts the file after the last whole record among the first `written` bytes of the batch.
    private mutating func keepWholeRecords(of written: Int) {
        var whole = written
        while whole > 0 && output[whole - 1] != UInt8(ascii: "\n") { whole -= 1 }
        var kept: UInt64 = 0
        for i in 0..<whole where output[i] == UInt8(ascii: "\n") { kept += 1 }
        size += Int64(whole)
        _ = ftruncate(descriptor, Int(size))
        counters.addDropped(recordsPending - kept)
    }

    private mutating func put(_ text: StaticString) {
        memcpy(output + used, text.utf8Start, text.utf8CodeUnitCount)
        used += text.utf8CodeUnitCount
    }
}

/// Which output a record came from.
enum LogStreamIndex {
    case stdout
    case stderr
}

/// RFC 3339 with nanoseconds in UTC, trailing zeros of the fraction trimmed, as Go prints it.
enum Timestamp {
    static func add(_ nanoseconds: Int64, to text: inout Message) {
        let seconds = nanoseconds / 1_000_000_000
        var fraction = nanoseconds % 1_000_000_000
        let (year, month, day) = date(daysSinceEpoch: seconds / 86400)
        let second = seconds % 86400
        text.add(year)
        text.add("-")
        two(month, &text)
        text.add("-")
        two(day, &text)
        text.add("T")
        two(second / 3600, &text)
        text.add(":")
        two(second / 60 % 60, &text)
        text.add(":")
        two(second % 60, &text)
        if fraction > 0 {
            text.add(".")
            var place: Int64 = 100_000_000
            while fraction > 0 {
                text.add(UInt8(ascii: "0") + UInt8(fraction / place))
                fraction %= place
                place /= 10
            }
        }
        text.add("Z")
    }

    private static func two(_ value: Int64, _ text: inout Message) {
        text.add(UInt8(ascii: "0") + UInt8(value / 10))
        text.add(UInt8(ascii: "0") + UInt8(value % 10))
    }

    /// The civil date of a day count, in the proleptic Gregorian calendar: years are counted from
    /// March, so that the leap day is the last of its year.
    private static func date(daysSinceEpoch days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
