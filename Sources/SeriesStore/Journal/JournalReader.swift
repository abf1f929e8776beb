// SPDX-License-Identifier: Apache-2.0

import Codecs
import Glibc
import Linux
import Model
import SystemPackage

/// Reads a journal file back into stretches of samples.
struct JournalReader {
    /// What was read.
    struct Result {
        var stretches: [(timeline: UInt16, stretch: Stretch)] = []
        /// Stretches of bytes that are no frames, and frames that could not be used.
        var damaged = 0
        var frames = 0
        /// Whole ticks that needed one that was damaged.
        var lostTicks = 0
        /// Whether the file is of a newer version, and was left alone.
        var isNewer = false
    }

    private struct Timeline {
        var codec = TickCodec()
        var stretch = Stretch.toSeal
        /// Whether a tick was lost: those that follow need a key before them.
        var isSpoilt = false
    }

    private var timelines: [UInt16: Timeline] = [:]
    private var metrics: [UInt64: UInt32] = [:]
    private var targets: [UInt64: UInt32] = [:]
    private var identities: [UInt64: UInt32] = [:]
    private var packer = Packer()
    /// Frames that are whole but make no sense.
    private var unusable = 0
    private var result = Result()

    /// Reads `bytes`, with the series registered in `table`.
    static func read(_ bytes: [UInt8], into table: inout SeriesTable) -> Result {
        var reader = JournalReader()
        reader.result.damaged = bytes.withUnsafeBytes { all in
            JournalFrame.read(all) { payload, isAfterDamage in
                if isAfterDamage { reader.spoil() }
                reader.frame(payload, &table)
            }
        }
        reader.result.damaged += reader.unusable
        for (number, timeline) in reader.timelines.sorted(by: { $0.key < $1.key })
        where !timeline.stretch.times.isEmpty {
            reader.result.stretches.append((number, timeline.stretch))
        }
        return reader.result
    }

    private mutating func spoil() {
        for number in timelines.keys { timelines[number]?.isSpoilt = true }
    }

    private mutating func frame(_ bytes: UnsafeRawBufferPointer, _ table: inout SeriesTable) {
        guard !result.isNewer else { return }
        var at = 1
        let isWhole: Bool
        switch bytes[0] {
        case JournalFrame.Kind.header:
            isWhole = bytes.count >= 6 && bytes[1..<5].elementsEqual("ULGJ".utf8)
            if isWhole, bytes[5] > JournalWriter.version { result.isNewer = true }
        case JournalFrame.Kind.definitions: isWhole = define(bytes, &at, &table)
        case JournalFrame.Kind.tick: isWhole = tick(bytes, &at)
        default: isWhole = false
        }
        result.frames += 1
        if !isWhole { unusable += 1 }
    }

    private mutating func define(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int, _ table: inout SeriesTable
    ) -> Bool {
        guard let number = Varint.read(bytes, at: &at), number <= UInt64(UInt16.max),
            let first = Varint.read(bytes, at: &at), first <= 1 << 24,
            let count = Varint.read(bytes, at: &at), count <= UInt64(bytes.count)
        else { return false }
        var timeline = timelines.removeValue(forKey: UInt16(number)) ?? Timeline()
        defer { timelines[UInt16(number)] = timeline }
        for index in 0..<Int(count) {
            guard let series = series(bytes, &at, &table) else { return false }
            timeline.stretch.setColumn(Int(first) + index, series)
        }
        return true
    }

    /// The slot of the next series, `none` when what it needs was lost; nil for damage.
    private mutating func series(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int, _ table: inout SeriesTable
    ) -> UInt32? {
        guard let metric = Varint.read(bytes, at: &at) else { return nil }
        if metric & 1 == 1 {
            guard let descriptor = readMetric(bytes, &at) else { return nil }
            metrics[metric >> 1] = table.metric(descriptor)
        }
        guard let target = Varint.read(bytes, at: &at) else { return nil }
        if target & 1 == 1 {
            guard let labels = readBytes(bytes, &at) else { return nil }
            targets[target >> 1] = table.target(LabelsCoding.decode(labels))
        }
        guard let identity = Varint.read(bytes, at: &at) else { return nil }
        if identity & 1 == 1 {
            guard let name = readBytes(bytes, &at), let labels = readBytes(bytes, &at) else {
                return nil
            }
            identities[identity >> 1] = table.identity(
                SeriesTable.Identity(
                    name: String(decoding: name, as: UTF8.self),
                    labels: LabelsCoding.decode(labels)))
        }
        guard let metric = metrics[metric >> 1], let target = targets[target >> 1],
            let identity = identities[identity >> 1]
        else { return SeriesTable.none }
        return table.register(metric: metric, target: target, identity: identity)
    }

    private func readBytes(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int
    ) -> UnsafeRawBufferPointer? {
        guard let length = Varint.read(bytes, at: &at), length <= UInt64(bytes.count - at) else {
            return nil
        }
        defer { at += Int(length) }
        return UnsafeRawBufferPointer(rebasing: bytes[at..<(at + Int(length))])
    }

    private func readMetric(
        _ bytes: UnsafeRawBufferPointer, _ at: inout Int
    ) -> MetricDescriptor? {
        var texts: [String] = []
        for _ in 0..<4 {
            guard let text = readBytes(bytes, &at) else { return nil }
            texts.append(String(decoding: text, as: UTF8.self))
        }
        return MetricDescriptor(
            texts[0], MetricType(rawValue: texts[1]) ?? .unknown, unit: texts[2], help: texts[3])
    }

    private mutating func tick(_ bytes: UnsafeRawBufferPointer, _ at: inout Int) -> Bool {
        guard let raw = Varint.read(bytes, at: &at), raw <= UInt64(UInt16.max) else { return false }
        let number = UInt16(raw)
        // Taken out and put back, so that its arrays are changed in place.
        var timeline = timelines.removeValue(forKey: number) ?? Timeline()
        defer { timelines[number] = timeline }
        guard at < bytes.count else { return false }
        let isKey = bytes[at] & 1 == 1
        guard isKey || !(timeline.isSpoilt || timeline.codec.exponents.isEmpty) else {
            result.lostTicks += 1
            return true
        }
        guard let header = timeline.codec.decodeHeader(bytes, at: &at) else {
            timeline.isSpoilt = true
            return false
        }
        timeline.isSpoilt = false
        if header.width > timeline.stretch.columns.count {
            timeline.stretch.setColumn(header.width - 1, SeriesTable.none)
        }
        if let last = timeline.stretch.times.last, header.time <= last { return false }
        var isWhole = true
        _ = timeline.stretch.addTick(at: header.time, &packer) { values, bits in
            if let count = timeline.codec.decodeColumns(
                header, bytes, at: &at, into: values, bits)
            {
                return count
            }
            bits.update(repeating: 0)
            isWhole = false
            return 0
        }
        if !isWhole { timeline.isSpoilt = true }
        return isWhole
    }
}
