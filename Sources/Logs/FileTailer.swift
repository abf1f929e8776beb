// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
public import Model
public import SystemPackage

/// Reads one container's log from where a checkpoint says, over all its files: those put aside
/// (renamed, copied, compressed) first, then the one that is written. Used by one thread.
///
/// It holds nothing of the files but unfinished lines, and of these the checkpoint knows where they
/// begin. So whoever stores each batch together with its checkpoint has every record once,
/// whatever is killed when. An unfinished record is read again from its start, because a writer
/// whose disk was full cuts it off and writes another in its place.
///
/// A file is known by its inode and a checksum of its first bytes; after a copy or compression the
/// checksum alone finds it. What is no record is passed over to the next newline, and a gap entry
/// says how much it was.
public final class FileTailer {
    /// What was met, since the tailer was made.
    public struct Statistics: Hashable, Sendable {
        /// Bytes that were no records.
        public var damagedBytes: UInt64 = 0
        /// Times the log went on in another file.
        public var rotations: UInt64 = 0
        /// Times the file was cut off.
        public var truncations: UInt64 = 0
        /// Times the file read last was gone, so that lines may be missing.
        public var losses: UInt64 = 0

        /// All zero.
        public init() {}
    }

    private let path: String
    private var parser: RecordParser
    private let format: LogFormat
    private var assembler: LineAssembler
    private let memory: TailBuffer
    private var input: LogInput?
    /// What the file read last is known by; empty before the first.
    private var known: LogCheckpoint
    /// The offset of the first record not read.
    private var offset = 0
    /// Where each stream's first record stands that is not stored, after a restart.
    private var skip = [0, 0]
    private var isPassing = false
    private var damaged = 0
    private var lastTime: Int64

    /// What was met.
    public private(set) var statistics = Statistics()

    /// Bytes of a line that are one entry at most; a longer line is several, all but the last
    /// partial.
    public static let maxLine = LineAssembler.maxLine
    /// Bytes of one record at most: a line of `maxLine` bytes in which each is escaped would be
    /// longer, but no writer makes such records.
    private static let maxRecord = 4 << 20
    private static let firstBuffer = 256 << 10
    private static let headLimit = 1024

    /// A tailer of the log at `path` that goes on at a checkpoint. `buffer` may be shared with
    /// others of the same thread.
    public init(
        path: String, format: LogFormat, checkpoint: LogCheckpoint,
        buffer: TailBuffer = TailBuffer(), transform: (any LogTransform)? = nil
    ) {
        self.path = path
        self.format = format
        assembler = LineAssembler(transform)
        memory = buffer
        parser = RecordParser(format)
        known = checkpoint
        lastTime = checkpoint.time
        resume()
    }

    private func resume() {
        offset = Int(clamping: known.offset)
        skip = [Int(clamping: known.stdoutOffset), Int(clamping: known.stderrOffset)]
    }

    /// Whether a line has begun and not ended.
    public var hasUnfinished: Bool { assembler.hasUnfinished }

    /// Gives back the descriptor, which an idle log does not need.
    public func release() { input = nil }

    /// Adds what is there to `batch`, about `quota` bytes of the file at most, and sets its
    /// checkpoint. Returns whether there may be more. Throws when the file cannot be opened.
    public func read(into batch: inout LogBatch, quota: Int) throws(Errno) -> Bool {
        if input == nil {
            guard try open(&batch) else { return false }
        }
        checkTruncation(&batch)
        var left = quota
        while left > 0 {
            guard let current = input else {
                guard try open(&batch) else { return false }
                continue
            }
            let taken = consume(current, &batch)
            left -= taken
            if taken > 0 { continue }
            guard let next = successor(of: current) else {
                finish(&batch)
                return false
            }
            // What was written between the last read and the renaming.
            if consume(current, &batch) > 0 { continue }
            leave(current, &batch)
            try start(next)
        }
        finish(&batch)
        return true
    }

    /// Adds lines that have begun and not ended as partial entries: their container has exited, or
    /// waits for an answer.
    public func endUnfinished(into batch: inout LogBatch) {
        assembler.end(into: &batch)
        finish(&batch)
    }

    // MARK: Files

    /// Opens the file the checkpoint is of, or the oldest that is newer.
    private func open(_ batch: inout LogBatch) throws(Errno) -> Bool {
        let files = LogFileName.all(of: path)
        if let found = find(files) {
            input = try LogInput(found.path, isCompressed: found.isCompressed)
            if known.inode != found.inode || known.device != found.device { identify() }
            return true
        }
        // A file that was there from the start, or one whose writing began after what was stored.
        guard let first = files.first(where: { $0.path == path || $0.modified >= lastTime }) else {
            return false
        }
        if !known.isEmpty {
            statistics.losses += 1
            addGap("the log file read last is gone: lines may be missing", &batch)
            assembler.end(into: &batch)
        }
        try start(first)
        return true
    }

    private func start(_ file: LogFileName) throws(Errno) {
        input = try LogInput(file.path, isCompressed: file.isCompressed)
        offset = 0
        skip = [0, 0]
        isPassing = false
        identify()
    }

    /// Which of the files is the one the checkpoint is of.
    private func find(_ files: [LogFileName]) -> LogFileName? {
        guard !known.isEmpty else { return nil }
        func hasHead(_ file: LogFileName) -> Bool {
            guard let input = try? LogInput(file.path, isCompressed: file.isCompressed) else {
                return false
            }
            let head = input.head(limit: Int(known.headLength))
            return head.length == Int(known.headLength) && head.hash == known.headHash
        }
        let same = files.first {
            $0.inode == known.inode && $0.device == known.device && hasHead($0)
        }
        return same ?? (known.headLength >= 32 ? files.first(where: hasHead) : nil)
    }

    /// Notes what the open file is known by: no more than what was read as whole records, since the
    /// rest may be cut off again.
    private func identify() {
        guard let input else { return }
        known.device = input.device
        known.inode = input.inode
        let head = input.head(limit: min(Self.headLimit, offset))
        known.headHash = head.hash
        known.headLength = UInt32(head.length)
    }

    /// The file that follows one read to its end; nil while that one is written, or may be.
    private func successor(of current: LogInput) -> LogFileName? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        if UInt64(status.st_ino) == current.inode, UInt64(status.st_dev) == current.device {
            return nil
        }
        let files = LogFileName.all(of: path)
        if let found = find(files), let at = files.firstIndex(where: { $0.path == found.path }) {
            return at + 1 < files.count ? files[at + 1] : nil
        }
        return files.first { $0.path == path || $0.modified >= lastTime }
    }

    private func leave(_ current: LogInput, _ batch: inout LogBatch) {
        statistics.rotations += 1
        let size = current.size
        if size != .max, size > offset { damaged += size - offset }
        flushDamage(&batch)
        assembler.end(into: &batch)
    }

    /// Notices that the file was cut off or written anew.
    private func checkTruncation(_ batch: inout LogBatch) {
        guard let current = input else { return }
        let size = current.size
        let head = current.head(limit: Int(known.headLength))
        if head.length == Int(known.headLength), head.hash == known.headHash {
            if size < offset {
                // Cut within what was read: it goes on where it ends.
                statistics.truncations += 1
                offset = size
                isPassing = false
            }
            return
        }
        statistics.truncations += 1
        // A copy may have been made: it is then found by its head. Otherwise the file is new.
        if find(LogFileName.all(of: path)) != nil {
            input = nil
            return
        }
        assembler.end(into: &batch)
        offset = 0
        skip = [0, 0]
        isPassing = false
        identify()
    }

    // MARK: Records

    /// Reads whole records from the offset on; how many bytes they and what is no record were.
    private func consume(_ input: LogInput, _ batch: inout LogBatch) -> Int {
        if memory.bytes.count < Self.firstBuffer { memory.grow(to: Self.firstBuffer) }
        let taken = format == .local ? consumeFrames(input, &batch) : consumeLines(input, &batch)
        offset += taken
        return taken
    }

    private func consumeLines(_ input: LogInput, _ batch: inout LogBatch) -> Int {
        if format == .plain { parser.plainTime = input.modified }
        var count = input.read(at: offset, into: memory.bytes)
        while count == memory.bytes.count, !hasNewline(count) {
            guard count < Self.maxRecord else {
                // No record is that long: pass over it to the next newline.
                isPassing = true
                damaged += count
                return count
            }
            memory.grow(to: count * 4)
            count = input.read(at: offset, into: memory.bytes)
        }
        var at = 0
        let bytes = UnsafeRawBufferPointer(rebasing: memory.bytes[..<count])
        guard let base = bytes.baseAddress else { return 0 }
        while at < count, let newline = memchr(base + at, 0x0a, count - at) {
            let end = UnsafeRawPointer(newline) - base
            take(.init(rebasing: bytes[at..<end]), at: offset + at, &batch)
            at = end + 1
        }
        return at
    }

    /// The same for frames. What is no frame is passed over to where the next begins.
    private func consumeFrames(_ input: LogInput, _ batch: inout LogBatch) -> Int {
        var at = 0
        var count = input.read(at: offset, into: memory.bytes)
        while at < count {
            let bytes = UnsafeRawBufferPointer(rebasing: memory.bytes[..<count])
            switch LocalFrame.find(bytes, at: at) {
            case .whole(let message, let end):
                if let record = parser.parse(.init(rebasing: bytes[message])) {
                    accept(record, at: offset + at, &batch)
                    at = end
                    continue
                }
            case .damaged: break
            case .incomplete:
                if count < memory.bytes.count {
                    // It is being written, or was left so and others follow.
                    guard let next = LocalFrame.next(bytes, after: at) else { return at }
                    damaged += next - at
                    at = next
                    continue
                }
                guard at == 0 else { return at }
                memory.grow(to: count * 4)
                count = input.read(at: offset, into: memory.bytes)
                continue
            }
            damaged += 1
            at += 1
        }
        return at
    }

    private func hasNewline(_ count: Int) -> Bool {
        memory.bytes.baseAddress.map { memrchr($0, 0x0a, count) != nil } ?? false
    }

    private func take(_ line: UnsafeRawBufferPointer, at start: Int, _ batch: inout LogBatch) {
        if isPassing {
            isPassing = false
            damaged += line.count + 1
            return
        }
        var line = line
        if format == .plain, line.first == 0 {
            // A hole, where a writer went on at its old offset after the file was cut off.
            let hole = line.firstIndex { $0 != 0 } ?? line.count
            damaged += hole
            line = .init(rebasing: line[hole...])
        }
        var record = parser.parse(line)
        if record == nil, format == .jsonFile {
            // A record may follow on the line of one that was cut off.
            var from = 1
            while record == nil, let next = Self.nextRecord(line, from) {
                record = parser.parse(.init(rebasing: line[next...]))
                from = next + 1
                if record != nil { damaged += next }
            }
        }
        if let record {
            accept(record, at: start, &batch)
        } else {
            damaged += line.count + 1
        }
    }

    /// Takes the record just read.
    private func accept(
        _ record: RecordParser.Record, at start: Int, _ batch: inout LogBatch
    ) {
        let stream = record.stream == .stderr ? 1 : 0
        guard start >= skip[stream] else { return }
        if damaged > 0 { flushDamage(&batch, record.timestamp) }
        lastTime = max(lastTime, record.timestamp)
        let piece = LineAssembler.Piece(
            timestamp: record.timestamp, stream: record.stream, isPartial: record.isPartial,
            place: start)
        parser.text.withUnsafeBytes { assembler.add($0, piece, into: &batch) }
    }

    /// Where another json-file record begins within a line.
    private static func nextRecord(_ line: UnsafeRawBufferPointer, _ from: Int) -> Int? {
        guard let base = line.baseAddress, from < line.count else { return nil }
        let mark = #"{"log":"#
        guard let found = memmem(base + from, line.count - from, mark, mark.utf8.count) else {
            return nil
        }
        return UnsafeRawPointer(found) - base
    }

    private func addGap(_ text: String, _ batch: inout LogBatch, _ time: Int64? = nil) {
        var text = text
        text.withUTF8 {
            batch.append(
                .init($0), timestamp: time ?? max(lastTime, 0), stream: .stderr, level: .unknown,
                isGap: true)
        }
    }

    private func flushDamage(_ batch: inout LogBatch, _ time: Int64? = nil) {
        guard damaged > 0 else { return }
        statistics.damagedBytes += UInt64(damaged)
        addGap("\(damaged) bytes of the log file are no records", &batch, time)
        damaged = 0
    }

    /// Completes a batch by where reading goes on.
    private func finish(_ batch: inout LogBatch) {
        flushDamage(&batch)
        if known.headLength < UInt32(Self.headLimit) { identify() }
        var checkpoint = known
        checkpoint.stdoutOffset = UInt64(assembler.start(of: .stdout) ?? max(offset, skip[0]))
        checkpoint.stderrOffset = UInt64(assembler.start(of: .stderr) ?? max(offset, skip[1]))
        checkpoint.time = lastTime
        batch.checkpoint = checkpoint
    }
}
