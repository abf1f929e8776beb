// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The container's log in Docker's json-file format, one object a line:
///
///     {"log":"text\n","stream":"stdout","attrs":{"k":"v"},"time":"2026-01-31T12:00:00.12Z"}
///
/// Order of keys, escapes, partial records, the time's trimmed zeros and the rule of rotation
/// (before a record, when the file has reached its size) are those of `daemon/logger/jsonfilelog`
/// and `loggerutils` in moby. Records of one read share its time.
///
/// A full disk never blocks the container: what was written of a batch is cut back to whole
/// records, the rest is dropped and counted, and the next batch tries again. The first record
/// after a loss says how much is missing, marked by the attribute `ullage.gap`.
struct JSONLog {
    let path: UnsafePointer<CChar>
    var descriptor: Int32
    /// Bytes in the file.
    var size: Int64 = 0
    /// When to rotate: at `maxSize`, or later when the last attempt failed.
    var rotateAt: Int64
    /// Bytes a file may have before it is rotated; 0 for no limit.
    let maxSize: Int64
    /// Files to keep, the present one included.
    let maxFile: Int
    let compresses: Bool
    var compressor = Compressor()

    private let output: UnsafeMutablePointer<UInt8>
    private let capacity: Int
    private var used = 0
    private var pending: UInt64 = 0
    /// Records and bytes lost since the last that was written.
    private var lostRecords: UInt64 = 0
    private var lostBytes: UInt64 = 0
    private var time = Message()
    private var timeValue: Int64 = -1
    private let attributes: UnsafePointer<CChar>
    private let attributesLength: Int
    private let counters: Counters

    /// What a record takes besides its text and attributes, at most.
    private static let frame = 128

    init(_ spec: Spec, counters: Counters) {
        path = spec.value("log")
        maxSize = Int64(atol(spec.value("log-max-size")))
        rotateAt = maxSize
        maxFile = max(1, atol(spec.value("log-max-file")))
        compresses = Text.equal(spec.value("log-compress"), "true")
        attributes = spec.value("log-attrs")
        attributesLength = strlen(attributes)
        capacity = (1 << 17) + attributesLength
        output = .allocate(capacity: capacity)
        self.counters = counters
        descriptor = -1
        guard open() else {
            Starter.fail(code: 125, doing: "opening the log file", error: ul_errno())
        }
        if compresses { compressNext() }
    }

    /// Opens the file that has the log's name now, cutting off a record that a killed shim began.
    private mutating func open() -> Bool {
        let flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        let file = ul_open(path, flags, 0o640)
        guard file >= 0 else { return false }
        var status = stat()
        guard fstat(file, &status) == 0, ul_is_regular(status.st_mode) != 0 else {
            close(file)
            ul_set_errno(EINVAL)
            return false
        }
        _ = fchmod(file, 0o640)
        if descriptor >= 0 { close(descriptor) }
        descriptor = file
        size = Int64(status.st_size)
        var position = size
        while position > 0 {
            let length = Int(min(4096, position))
            guard pread(file, output, length, Int(position) - length) == length else { break }
            var end = length
            while end > 0 && output[end - 1] != 0x0a { end -= 1 }
            position -= Int64(length - end)
            if end > 0 { break }
        }
        if position < size, ftruncate(file, Int(position)) == 0 { size = position }
        return true
    }

    /// Opens the file anew, for who has moved it away (SIGUSR1).
    mutating func reopen() {
        flush()
        _ = open()
    }

    /// Adds a record to the batch.
    mutating func add(_ record: Record) {
        let most = record.count * 6 + attributesLength + Self.frame
        if maxSize > 0, size + Int64(used) >= rotateAt {
            flush()
            if size >= rotateAt { rotate() }
        }
        if used + most > capacity { flush() }
        put("{\"log\":\"")
        used += JSONEscape.encode(record.bytes, record.count, into: output + used)
        put(record.isWhole ? "\\n\",\"stream\":\"" : "\",\"stream\":\"")
        put(record.stream == .stdout ? "stdout\"" : "stderr\"")
        if attributesLength > 0 {
            put(",\"attrs\":")
            memcpy(output + used, attributes, attributesLength)
            used += attributesLength
        }
        if timeValue != record.time {
            timeValue = record.time
            time.clear()
            Timestamp.add(record.time, to: &time)
        }
        put(",\"time\":\"")
        memcpy(output + used, time.bytes, time.count)
        used += time.count
        put("\"}\n")
        pending += 1
    }

    /// Notes a loss that happened before the records reached this driver.
    mutating func noteLoss(records: UInt64, bytes: UInt64) {
        flush()
        lostRecords += records
        lostBytes += bytes
        _ = writeGap()
    }

    /// Writes the batch.
    mutating func flush() {
        guard used > 0 else { return }
        defer {
            used = 0
            pending = 0
        }
        guard lostRecords + lostBytes == 0 || writeGap() else {
            lostRecords += pending
            return counters.addDropped(pending)
        }
        let done = write(output, used)
        if done < used { keepWholeRecords(of: done) }
    }

    /// How many bytes were written.
    private mutating func write(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int {
        var done = 0
        while done < count {
            let written = CLinux.write(descriptor, bytes + done, count - done)
            if written < 0 && ul_errno() == EINTR { continue }
            if written <= 0 { break }
            done += written
        }
        size += Int64(done)
        return done
    }

    /// Cuts the file after the last whole record among the first `written` bytes of the batch.
    private mutating func keepWholeRecords(of written: Int) {
        var whole = written
        while whole > 0 && output[whole - 1] != UInt8(ascii: "\n") { whole -= 1 }
        var kept: UInt64 = 0
        for i in 0..<whole where output[i] == UInt8(ascii: "\n") { kept += 1 }
        cut(written - whole)
        lostRecords += pending - kept
        counters.addDropped(pending - kept)
    }

    /// Takes the last bytes off the file, wherever it ends now.
    private mutating func cut(_ bytes: Int) {
        size = Int64(lseek(descriptor, 0, SEEK_END))
        guard bytes > 0, ftruncate(descriptor, max(0, Int(size) - bytes)) == 0 else { return }
        size = max(0, size - Int64(bytes))
    }

    /// Writes a record that says what is missing before it.
    private mutating func writeGap() -> Bool {
        var text = Message()
        defer { text.free() }
        text.add("{\"log\":\"[ullage: ")
        if lostRecords > 0 {
            text.add(Int64(clamping: lostRecords))
            text.add(" records of output were dropped here]")
        } else {
            text.add("up to ")
            text.add(Int64(clamping: lostBytes))
            text.add(" bytes of output were lost here: the shim was killed]")
        }
        text.add("\\n\",\"stream\":\"stderr\",\"attrs\":{\"ullage.gap\":\"records=")
        text.add(Int64(clamping: lostRecords))
        text.add(" bytes=")
        text.add(Int64(clamping: lostBytes))
        text.add("\"},\"time\":\"")
        Timestamp.add(Clock.nanoseconds(), to: &text)
        text.add("\"}\n")
        let done = write(text.bytes, text.count)
        guard done == text.count else {
            cut(done)
            return false
        }
        lostRecords = 0
        lostBytes = 0
        return true
    }

    private mutating func put(_ text: StaticString) {
        memcpy(output + used, text.utf8Start, text.utf8CodeUnitCount)
        used += text.utf8CodeUnitCount
    }
}
