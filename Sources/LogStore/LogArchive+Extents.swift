// SPDX-License-Identifier: Apache-2.0

import Glibc
public import Model

extension LogArchive {
    /// See `LogQuerier`.
    public func extents(
        _ identities: [LogIdentity], from start: Int64, to end: Int64
    ) throws -> [LogExtent] {
        identities.map { identity in
            let directory = directory(identity)
            var extent = LogExtent()
            var sequence: Int64 = 0
            for name in SegmentName.segments(in: directory) {
                guard let file = try? LogFile(path: directory + "/" + name, flags: O_RDONLY),
                    let index = try? SegmentIndex.read(file)
                else { continue }
                for block in index.blocks {
                    extent.add(block.header, from: start, to: end)
                    sequence = block.header.endSequence
                }
            }
            for block in HeadBlocks.read(
                path: directory + "/" + SegmentName.head, after: sequence)
            {
                extent.add(block.header, from: start, to: end)
            }
            return extent
        }
    }
}

extension LogExtent {
    fileprivate mutating func add(_ header: BlockHeader, from start: Int64, to end: Int64) {
        guard header.count > 0, header.minTime <= end, header.maxTime >= start else { return }
        let whole = Double(header.maxTime) - Double(header.minTime)
        let part = Double(min(end, header.maxTime)) - Double(max(start, header.minTime))
        let share = whole > 0 ? part / whole : 1
        blocks += 1
        entries += max(1, Int((Double(header.count) * share).rounded()))
        // Each entry's newline is no byte of its line.
        let text = Double(header.textRaw) - Double(header.count)
        bytes += Int((max(0, text) * share).rounded())
        for output in [LogStream.stdout, .stderr]
        where header.streams & 1 << output.rawValue != 0 { streams.insert(output) }
        for level in LogLevel.allCases where header.levels & 1 << UInt16(level.rawValue) != 0 {
            levels.insert(level)
        }
    }
}
