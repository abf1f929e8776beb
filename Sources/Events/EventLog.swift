// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Linux
public import Model
import Synchronization

/// The events of containers on disk: files of JSON lines, the newest appended to, the oldest
/// removed when all are larger than allowed. Safe to use from any thread.
///
/// A line is written by one write(2), so a kill leaves whole lines; one that power failed in the
/// middle of is cut off when the log is opened. Events are few, and each is worth more than a
/// sample, so every line is there for other processes at once; the disk has it when the kernel
/// writes it back.
public final class EventLog: Sendable {
    /// What was written and what was not.
    public struct Statistics: Hashable, Sendable {
        /// Events written since the start, by kind.
        public var written: [ContainerEvent.Kind: Int64] = [:]
        /// Events that could not be written.
        public var dropped: Int64 = 0
        /// Bytes on disk.
        public var bytes: Int64 = 0
    }

    private struct State {
        var segments: [Segment] = []
        var next: Int64 = 1
        var statistics = Statistics()
    }

    /// A file, named after its first event.
    struct Segment {
        let first: Int64
        var bytes: Int64
    }

    private let directory: String
    private let maxBytes: Int64
    private let state = Mutex(State())

    /// Bytes of a file, above which another is begun: a sixteenth of what all may have.
    private var segmentBytes: Int64 { max(4096, maxBytes / 16) }
    /// A line is never longer: texts are cut to 512 characters.
    private static let maxLine = 32768
    private static let maxSegments = 64

    /// Opens the log in `directory`, which is made, keeping at most `maxBytes`.
    public init(directory: String, maxBytes: Int64) throws(EventLogError) {
        self.directory = directory
        self.maxBytes = max(65536, maxBytes)
        if mkdir(directory, 0o750) != 0, errno != EEXIST {
            throw EventLogError(doing: "cannot make", path: directory, code: errno)
        }
        state.withLock { state in
            state.segments = Self.segments(in: directory)
            guard let last = state.segments.indices.last else { return }
            let (next, bytes) = repair(state.segments[last])
            state.next = next
            state.segments[last].bytes = bytes
            state.statistics.bytes = state.segments.reduce(0) { $0 + $1.bytes }
        }
    }

    /// Counts since the start.
    public var statistics: Statistics { state.withLock { $0.statistics } }

    /// The number of the newest event; 0 before the first.
    public var last: Int64 { state.withLock { $0.next - 1 } }

    /// Writes an event down. What cannot be written is counted.
    public func append(_ event: ContainerEvent) {
        state.withLock { state in
            var line = EventRecord.encode(event, number: state.next)
            line.append(0x0a)
            guard line.count <= Self.maxLine, write(line, &state) else {
                state.statistics.dropped += 1
                return
            }
            state.next += 1
            state.statistics.written[event.kind, default: 0] += 1
        }
    }

    /// The lines of the events asked for, oldest first, each a JSON object.
    public func select(_ query: EventQuery) -> [[UInt8]] {
        var result: [[UInt8]] = []
        forEach(after: query.after) { line, event in
            guard query.accepts(event) else { return }
            result.append(Array(line))
            // Cut now and then, so that a long log with a small limit takes little memory.
            if result.count >= 2 * query.limit + 64 {
                result.removeFirst(result.count - query.limit)
            }
        }
        return Array(result.suffix(query.limit))
    }

    /// Goes through the log, oldest first. Lines that cannot be read are left out.
    func forEach(
        after number: Int64 = 0, _ body: (ArraySlice<UInt8>, EventRecord.Stored) -> Void
    ) {
        let segments = state.withLock { $0.segments }
        for (i, segment) in segments.enumerated() {
            // The next file's first event says whether this one has any that is wanted.
            if i + 1 < segments.count, segments[i + 1].first <= number + 1 { continue }
            guard let bytes = read(segment) else { continue }
            for line in bytes.split(separator: 0x0a) {
                if let event = EventRecord.decode(line) { body(line, event) }
            }
        }
    }

    // MARK: Files

    private func path(_ first: Int64) -> String {
        let digits = String(first)
        return "\(directory)/\(String(repeating: "0", count: max(0, 12 - digits.count)))"
            + "\(digits).jsonl"
    }

    private static func segments(in directory: String) -> [Segment] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var result: [Segment] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
                field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name.hasSuffix(".jsonl"), let first = Int64(name.dropLast(6)) else { continue }
            var status = stat()
            guard stat("\(directory)/\(name)", &status) == 0 else { continue }
            result.append(Segment(first: first, bytes: Int64(status.st_size)))
        }
        return Array(result.sorted { $0.first < $1.first }.suffix(maxSegments))
    }

    private func read(_ segment: Segment) -> [UInt8]? {
        let file = ul_open(path(segment.first), O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: Int(min(segment.bytes, 2 * segmentBytes)))
        let count = bytes.withUnsafeMutableBytes { pread(file, $0.baseAddress, $0.count, 0) }
        return count < 0 ? nil : Array(bytes[..<count])
    }

    /// Cuts off a line that was not finished, and gives the number of the next event and the size.
    private func repair(_ segment: Segment) -> (next: Int64, bytes: Int64) {
        guard let bytes = read(segment) else { return (segment.first, 0) }
        let end = (bytes.lastIndex(of: 0x0a) ?? -1) + 1
        if end < bytes.count || Int64(bytes.count) < segment.bytes {
            truncate(path(segment.first), off_t(end))
        }
        let lines = bytes[..<end].split(separator: 0x0a)
        let last = lines.lazy.reversed().compactMap { EventRecord.decode($0)?.number }.first
        return ((last ?? segment.first - 1) + 1, Int64(end))
    }

    private func write(_ line: [UInt8], _ state: inout State) -> Bool {
        if state.segments.last.map({ $0.bytes >= segmentBytes }) ?? true {
            state.segments.append(Segment(first: state.next, bytes: 0))
        }
        let at = state.segments.count - 1
        let file = ul_open(
            path(state.segments[at].first),
            O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o640)
        guard file >= 0 else { return false }
        defer { close(file) }
        let written = line.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        guard written == line.count else {
            // Half a line would spoil the next one too.
            if written > 0 { ftruncate(file, off_t(state.segments[at].bytes)) }
            return false
        }
        state.segments[at].bytes += Int64(written)
        state.statistics.bytes += Int64(written)
        while state.statistics.bytes > maxBytes, state.segments.count > 1 {
            unlink(path(state.segments[0].first))
            state.statistics.bytes -= state.segments.removeFirst().bytes
        }
        return true
    }
}

/// Why the log cannot be opened.
public struct EventLogError: Error, CustomStringConvertible {
    /// What was being done, to what, and the system's reason.
    public let description: String

    init(doing: String, path: String, code: Int32) {
        description = "\(doing) \(path) for events: \(String(cString: strerror(code)))"
    }
}
