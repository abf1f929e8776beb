// SPDX-License-Identifier: Apache-2.0

import Codecs
import Linux
import Model
import SystemPackage

/// The files of samples that were sent to the store and are not in the database yet.
///
/// A file is a row of `JournalFrame`s, each a request, synced before it is answered. Payload of a
/// frame, after the byte `kind`, as one snappy block:
///
///     series    varint, how many follow; for each
///     row       varint, its number in this file << 1; bit 0: what it is follows
///     names     family, type, unit, help, sample's name, labels: each with its length as varint
///     samples   varint, how many follow
///     times     signed varints, each the difference to the one before
///     values    8 bytes each, little-endian
struct ReceivedJournal {
    static let prefix = "received-"
    static let kind: UInt8 = 3
    /// Bytes of a frame's payload after decompression.
    private static let largest = 256 << 20

    private var file: JournalFile?
    private var offset: Int64 = 0
    private var next: Int64 = 1
    private var defined: Set<Int> = []
    /// Files whose samples are on their way into the database.
    private var closed: [Int64] = []
    /// Of those, the damaged ones, which are kept.
    private var damagedFiles: Set<Int64> = []

    /// Bytes of all files.
    private(set) var bytes: Int64 = 0

    init() {}

    /// Writes the samples of a request down, and waits for the disk. Throws `fileTooLarge` when all
    /// files together would become larger than `limit`.
    mutating func append(
        _ batch: [(row: Int, series: BackfillSeries)], directory: String, limit: Int64
    ) throws(Errno) {
        var payload: [UInt8] = []
        Varint.append(UInt64(batch.count), to: &payload)
        var new: [Int] = []
        for (row, series) in batch {
            let isNew = !defined.contains(row)
            Varint.append(UInt64(row) << 1 | (isNew ? 1 : 0), to: &payload)
            if isNew {
                defined.insert(row)
                new.append(row)
                Self.define(series, to: &payload)
            }
            let count = min(series.timestamps.count, series.values.count)
            Varint.append(UInt64(count), to: &payload)
            var before: Milliseconds = 0
            for time in series.timestamps.prefix(count) {
                Varint.appendSigned(time &- before, to: &payload)
                before = time
            }
            for value in series.values.prefix(count) {
                withUnsafeBytes(of: value.bitPattern.littleEndian) { payload += $0 }
            }
        }
        do throws(Errno) { try write(payload, directory, limit) } catch {
            for row in new { defined.remove(row) }
            throw error
        }
    }

    private static func define(_ series: BackfillSeries, to payload: inout [UInt8]) {
        let family = series.descriptor
        for text in [
            family.name, family.type.rawValue, family.unit, family.help, series.sampleName,
        ] {
            Varint.append(UInt64(text.utf8.count), to: &payload)
            payload += text.utf8
        }
        let labels = LabelsCoding.encode(series.labels)
        Varint.append(UInt64(labels.count), to: &payload)
        payload += labels
    }

    private mutating func write(
        _ payload: [UInt8], _ directory: String, _ limit: Int64
    ) throws(Errno) {
        var frame: [UInt8] = []
        let start = JournalFrame.begin(&frame)
        frame.append(Self.kind)
        frame += Snappy.compress(payload)
        JournalFrame.end(&frame, start: start)
        guard bytes + Int64(frame.count) <= limit else { throw .fileTooLarge }
        let file: JournalFile
        if let open = self.file {
            file = open
        } else {
            file = try JournalFile(directory: directory, number: next, prefix: Self.prefix)
            (self.file, offset) = (file, 0)
            next += 1
        }
        try file.write(frame, at: offset)
        try file.sync()
        offset += Int64(frame.count)
        bytes += Int64(frame.count)
    }

    /// Ends the file: what is in memory of it goes to the database now.
    mutating func close() {
        guard let file else { return }
        closed.append(file.number)
        self.file = nil
        defined.removeAll()
    }

    /// Deletes the files that `close` ended.
    mutating func removeClosed(directory: String) {
        for number in closed {
            let path = JournalFile.path(directory, number, prefix: Self.prefix)
            bytes -= Files.size(path)
            let kept = "\(path).damaged-\(Clock.realtimeMilliseconds() / 1000)"
            if damagedFiles.contains(number), (try? Files.rename(path, to: kept)) != nil {
                continue
            }
            Files.remove(path)
        }
        closed = []
    }

    /// Reads what is in a directory into a table; gives how many places were damaged.
    mutating func replay(directory: String, into table: inout ReceivedTable) -> Int {
        var damaged = 0
        for number in JournalFile.numbers(in: directory, prefix: Self.prefix) {
            next = max(next, number + 1)
            closed.append(number)
            let path = JournalFile.path(directory, number, prefix: Self.prefix)
            bytes += Files.size(path)
            guard let content = Files.read(path) else {
                damaged += 1
                damagedFiles.insert(number)
                continue
            }
            var rows: [Int: Int] = [:]
            var unusable = 0
            unusable += content.withUnsafeBytes { all in
                JournalFrame.read(all) { payload, _ in
                    guard payload.first == Self.kind,
                        let body = Snappy.decompress(
                            Array(payload.dropFirst()), limit: Self.largest),
                        Self.read(body, &rows, into: &table)
                    else {
                        unusable += 1
                        return
                    }
                }
            }
            damaged += unusable
            if unusable > 0 { damagedFiles.insert(number) }
        }
        return damaged
    }

    /// Whether a payload could be read.
    private static func read(
        _ payload: [UInt8], _ rows: inout [Int: Int], into table: inout ReceivedTable
    ) -> Bool {
        payload.withUnsafeBytes { bytes in
            var reader = PayloadReader(bytes: bytes)
            guard let count = reader.number() else { return false }
            for _ in 0..<count {
                guard let tag = reader.number() else { return false }
                let number = Int(tag >> 1)
                if tag & 1 == 1 {
                    guard let series = reader.definition() else { return false }
                    rows[number] = table.row(of: series, limit: .max)
                }
                guard let samples = reader.samples() else { return false }
                // Its definition was in a frame that is damaged.
                guard let row = rows[number] else { continue }
                var outcome = ReceiveOutcome()
                table.add(samples.times, samples.values, to: row, &outcome)
            }
            return true
        }
    }
}

/// Reads a payload of `ReceivedJournal`, never beyond its end.
private struct PayloadReader {
    let bytes: UnsafeRawBufferPointer
    var at = 0

    mutating func number() -> UInt64? { Varint.read(bytes, at: &at) }

    private mutating func piece() -> UnsafeRawBufferPointer? {
        guard let length = number(), length <= UInt64(bytes.count - at) else { return nil }
        defer { at += Int(length) }
        return UnsafeRawBufferPointer(rebasing: bytes[at..<(at + Int(length))])
    }

    private mutating func text() -> String? { piece().map { String(decoding: $0, as: UTF8.self) } }

    mutating func definition() -> BackfillSeries? {
        guard let family = text(), let type = text(), let unit = text(), let help = text(),
            let name = text(), let labels = piece()
        else { return nil }
        return BackfillSeries(
            descriptor: MetricDescriptor(
                family, MetricType(rawValue: type) ?? .unknown, unit: unit, help: help),
            sampleName: name, labels: LabelsCoding.decode(labels), timestamps: [], values: [])
    }

    mutating func samples() -> (times: [Milliseconds], values: [Double])? {
        guard let count = number(), count <= UInt64(bytes.count - at) else { return nil }
        var times: [Milliseconds] = []
        var time: Milliseconds = 0
        for _ in 0..<count {
            guard let step = Varint.readSigned(bytes, at: &at) else { return nil }
            time &+= step
            times.append(time)
        }
        guard bytes.count - at >= Int(count) * 8 else { return nil }
        var values: [Double] = []
        for _ in 0..<count {
            let bits = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            values.append(Double(bitPattern: UInt64(littleEndian: bits)))
            at += 8
        }
        return (times, values)
    }
}
