// SPDX-License-Identifier: Apache-2.0

import Glibc
public import Model

/// How much a log has of what, within a stretch of time.
public struct LogTally: Hashable, Sendable {
    /// Lines by how serious they are.
    public var levels: [LogLevel: Int] = [:]
    /// Lines of stderr among them.
    public var stderrLines = 0
    /// Bytes of text.
    public var bytes = 0
    /// Entries that tell of missing lines.
    public var gaps = 0
    /// The first and the last time, in nanoseconds; nil for none.
    public var times: ClosedRange<Int64>?
    /// Bytes on disk of the whole log, whatever the stretch.
    public var storedBytes = 0

    /// Nothing.
    public init() {}

    /// Lines, gaps not among them.
    public var lines: Int { levels.values.reduce(0, +) }

    /// Adds another's.
    public mutating func add(_ other: LogTally) {
        levels.merge(other.levels, uniquingKeysWith: +)
        stderrLines += other.stderrLines
        bytes += other.bytes
        gaps += other.gaps
        storedBytes += other.storedBytes
        if let more = other.times {
            times =
                min(
                    times?.lowerBound ?? .max, more.lowerBound)...max(
                    times?.upperBound ?? .min, more.upperBound)
        }
    }

    mutating func add(_ place: BlockReader.Place) {
        if Flags.isGap(place.flags) {
            gaps += 1
            return
        }
        levels[Flags.level(place.flags), default: 0] += 1
        if Flags.stream(place.flags) == .stderr { stderrLines += 1 }
        bytes += place.length
        times =
            min(
                times?.lowerBound ?? .max, place.timestamp)...max(
                times?.upperBound ?? .min, place.timestamp)
    }
}

extension LogArchive {
    /// Counts the entries of a log from `start` to `end`, in nanoseconds. Reads the entries' places
    /// and not their text; damaged blocks are left out.
    public func tally(_ identity: LogIdentity, from start: Int64, to end: Int64) throws -> LogTally
    {
        let directory = directory(identity)
        let reader = try BlockReader()
        var tally = LogTally()
        var next: Int64 = 0
        func count(_ header: BlockHeader, _ body: () throws -> [UInt8]) rethrows {
            guard header.maxTime >= start, header.minTime <= end else { return }
            let bytes = try body()
            guard bytes.withUnsafeBytes({ reader.loadPlaces(header, body: $0) }) else { return }
            for place in reader.places where place.timestamp >= start && place.timestamp <= end {
                tally.add(place)
            }
        }
        for name in SegmentName.segments(in: directory) {
            guard let file = try? LogFile(path: directory + "/" + name, flags: O_RDONLY),
                let index = try? SegmentIndex.read(file)
            else { continue }
            tally.storedBytes += file.size
            for place in index.blocks {
                next = max(next, place.header.endSequence)
                try count(place.header) {
                    try file.bytes(
                        at: place.offset + BlockHeader.size + Int(place.header.filterBytes),
                        count: Int(place.header.metaStored) + Int(place.header.textStored))
                }
            }
        }
        for block in HeadBlocks.read(path: directory + "/" + SegmentName.head, after: next) {
            tally.storedBytes += BlockHeader.size + block.header.bodyBytes
            count(block.header) { block.body }
        }
        return tally
    }
}
