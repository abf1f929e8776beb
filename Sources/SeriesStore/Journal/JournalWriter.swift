// SPDX-License-Identifier: Apache-2.0

import Codecs
import Glibc
import Linux
import Model
import SystemPackage

/// One journal file, open to append: the samples of one section, tick by tick, with the names that
/// they need, so that a file can be read without anything else.
///
/// Owned by the store's state. A write that fails takes back what it wrote of the frame; the next
/// that succeeds repeats the names and begins anew with a key.
final class JournalFile: Sendable {
    let number: Int64
    let path: String
    private let descriptor: OwnedDescriptor

    init(
        directory: String, number: Int64, prefix: String = JournalFile.prefix
    ) throws(Errno) {
        self.number = number
        path = JournalFile.path(directory, number, prefix: prefix)
        descriptor = try OwnedDescriptor(
            opening: path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o640)
    }

    static let prefix = "journal-"

    static func path(
        _ directory: String, _ number: Int64, prefix: String = JournalFile.prefix
    ) -> String {
        "\(directory)/\(prefix)\(number)"
    }

    /// The numbers of the journals in a directory, oldest first.
    static func numbers(in directory: String, prefix: String = JournalFile.prefix) -> [Int64] {
        Files.names(in: directory)
            .compactMap { number(of: $0, prefix: prefix) }.sorted()
    }

    /// The number of the journal that is called so; nil for any other file.
    static func number(of name: String, prefix: String = JournalFile.prefix) -> Int64? {
        name.hasPrefix(prefix) ? Int64(name.dropFirst(prefix.count)) : nil
    }

    /// Writes at `offset`; on failure the file is as long as before.
    func write(_ bytes: [UInt8], at offset: Int64) throws(Errno) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                pwrite(
                    descriptor.raw, $0.baseAddress?.advanced(by: done), bytes.count - done,
                    off_t(offset) + off_t(done))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let code = count < 0 ? errno : EIO
                _ = ftruncate(descriptor.raw, off_t(offset))
                throw Errno(rawValue: code)
            }
            done += count
        }
    }

    /// Waits until all that was written is on the disk.
    func sync() throws(Errno) {
        if fdatasync(descriptor.raw) != 0 { throw Errno(rawValue: errno) }
    }
}

/// Turns ticks into frames and writes them.
struct JournalWriter {
    static let version: UInt8 = 2
    /// Ticks of a timeline after which names and values are written that need nothing before them:
    /// damage costs at most so many.
    private static let keyInterval = 128

    let file: JournalFile
    private(set) var offset: Int64 = 0
    private(set) var isDirty = false
    private var timelines: [UInt16: Timeline] = [:]
    private var metrics: Set<UInt32> = []
    private var targets: Set<UInt32> = []
    private var identities: Set<UInt32> = []
    private var frames: [UInt8] = []
    private var hasHeader = false

    private struct Timeline {
        var codec = TickCodec()
        var columns = 0
        var sinceKey = JournalWriter.keyInterval
    }

    init(_ file: JournalFile) { self.file = file }

    /// Writes the newest tick of a stretch, and the names that are new in it; gives how many
    /// samples that were. With `columns`, those whose bit is not set are left out. Throws
    /// `fileTooLarge` when the file would become longer than `limit`.
    mutating func append(
        _ stretch: Stretch, timeline number: UInt16, table: SeriesTable, columns: [UInt64]?,
        limit: Int64
    ) throws(Errno) -> Int {
        guard let time = stretch.times.last else { return 0 }
        frames.removeAll(keepingCapacity: true)
        if !hasHeader { appendHeader() }
        var timeline = timelines[number] ?? Timeline()
        let isKey = timeline.sinceKey >= Self.keyInterval
        if isKey {
            // All names again, so that what follows needs nothing before it.
            metrics.removeAll(keepingCapacity: true)
            targets.removeAll(keepingCapacity: true)
            identities.removeAll(keepingCapacity: true)
            define(stretch.columns[...], from: 0, number, table)
        } else if timeline.columns < stretch.columns.count {
            define(stretch.columns[timeline.columns...], from: timeline.columns, number, table)
        }
        let start = JournalFrame.begin(&frames)
        frames.append(JournalFrame.Kind.tick)
        Varint.append(UInt64(number), to: &frames)
        var written = 0
        stretch.withLastRow { values, bits in
            func encode(_ bits: UnsafeBufferPointer<UInt64>, into frames: inout [UInt8]) {
                timeline.codec.encode(
                    values, bits, width: stretch.columns.count, time: time, isKey: isKey,
                    into: &frames)
            }
            guard let columns else { return encode(bits, into: &frames) }
            let wanted = zip(columns, bits).map { $0 & $1 }
            written = wanted.reduce(0) { $0 + $1.nonzeroBitCount }
            wanted.withUnsafeBufferPointer { encode($0, into: &frames) }
        }
        JournalFrame.end(&frames, start: start)
        do throws(Errno) {
            guard offset + Int64(frames.count) <= limit else { throw .fileTooLarge }
            try file.write(frames, at: offset)
        } catch {
            forget()
            throw error
        }
        offset += Int64(frames.count)
        isDirty = true
        hasHeader = true
        timeline.columns = stretch.columns.count
        timeline.sinceKey = isKey ? 1 : timeline.sinceKey + 1
        timelines[number] = timeline
        return written
    }

    /// Says that what was written is on the disk.
    mutating func synced(_ length: Int64) { if length == offset { isDirty = false } }

    /// Begins anew: whatever the next frame needs is written again.
    private mutating func forget() {
        timelines.removeAll()
        metrics.removeAll()
        targets.removeAll()
        identities.removeAll()
        hasHeader = offset > 0
    }

    private mutating func appendHeader() {
        let start = JournalFrame.begin(&frames)
        frames += [JournalFrame.Kind.header] + Array("ULGJ".utf8) + [Self.version]
        JournalFrame.end(&frames, start: start)
    }

    /// A frame with the series of new columns, and the metrics, targets and identities they need.
    private mutating func define(
        _ slots: ArraySlice<UInt32>, from first: Int, _ timeline: UInt16, _ table: SeriesTable
    ) {
        let start = JournalFrame.begin(&frames)
        frames.append(JournalFrame.Kind.definitions)
        Varint.append(UInt64(timeline), to: &frames)
        Varint.append(UInt64(first), to: &frames)
        Varint.append(UInt64(slots.count), to: &frames)
        for slot in slots {
            let one = table.series[Int(slot)]
            if appendNumber(one.metric, isNew: metrics.insert(one.metric).inserted) {
                let metric = table.metrics[Int(one.metric)].descriptor
                for text in [metric.name, metric.type.rawValue, metric.unit, metric.help] {
                    append(text)
                }
            }
            if appendNumber(one.target, isNew: targets.insert(one.target).inserted) {
                append(LabelsCoding.encode(table.targets[one.target]?.labels ?? Labels()))
            }
            if appendNumber(one.identity, isNew: identities.insert(one.identity).inserted) {
                let identity = table.identities[one.identity]
                append(identity?.name ?? "")
                append(LabelsCoding.encode(identity?.labels ?? Labels()))
            }
        }
        JournalFrame.end(&frames, start: start)
    }

    /// A number, and whether what it stands for follows; gives the latter.
    private mutating func appendNumber(_ number: UInt32, isNew: Bool) -> Bool {
        Varint.append(UInt64(number) << 1 | (isNew ? 1 : 0), to: &frames)
        return isNew
    }

    private mutating func append(_ text: String) { append(Array(text.utf8)) }

    private mutating func append(_ bytes: [UInt8]) {
        Varint.append(UInt64(bytes.count), to: &frames)
        frames += bytes
    }
}
