// SPDX-License-Identifier: Apache-2.0

import Glibc
import Matching
public import Model

/// The reading side of a log store: opens its files read-only, asks no agent, and may be used
/// while one writes. What is damaged is told by gap entries, and the rest is read.
public struct LogArchive: LogQuerier {
    let path: String

    /// The archive in a store's directory, which need not exist yet.
    public init(directory: String) { path = directory }

    /// See `LogQuerier`.
    public func logs(_ matchers: [Matcher]) throws -> [LogIdentity] {
        let compiled = try CompiledMatchers(matchers)
        return LogFile.names(in: path)
            .compactMap { IdentityFile.read(directory: path + "/" + $0) }
            .filter { matchers.isEmpty || compiled.match($0.selectable) }
            .sorted { a, b in
                (a.name, a.createdAt, a.id) < (b.name, b.createdAt, b.id)
            }
    }

    /// See `LogQuerier`.
    public func select(_ query: LogQuery) throws -> any LogCursor {
        try select(query, of: try logs(query.matchers))
    }

    /// The entries asked for of these logs, whatever the query's matchers; `origin` counts along
    /// `identities`.
    public func select(_ query: LogQuery, of identities: [LogIdentity]) throws -> MergedCursor {
        let tools = try ReadingTools(query, readers: identities.count)
        let readers = identities.enumerated().map { number, identity in
            ContainerReader(
                identity, directory: directory(identity), origin: number, tools: tools)
        }
        return MergedCursor(readers, tools)
    }

    /// See `LogQuerier`.
    public func entries(
        _ query: LogQuery, of identities: [LogIdentity]
    ) throws -> any LogCursor {
        try select(query, of: identities)
    }

    /// Where the agent's reading of a container's file has come to, as far as it is written down,
    /// and the sequence that follows the entries stored until there.
    public func position(of identity: LogIdentity) -> (checkpoint: LogCheckpoint, end: Int64) {
        let directory = directory(identity)
        let head = HeadBlocks.read(path: directory + "/" + SegmentName.head, after: 0)
        var header: BlockHeader?
        if let name = SegmentName.segments(in: directory).last,
            let file = try? LogFile(path: directory + "/" + name, flags: O_RDONLY)
        {
            header = try? SegmentIndex.read(file).blocks.last?.header
        }
        if let newest = head.last?.header, newest.endSequence > header?.endSequence ?? -1 {
            header = newest
        }
        return (header?.checkpoint ?? LogCheckpoint(), header?.endSequence ?? 0)
    }

    /// The checkpoint of `position`.
    public func checkpoint(of identity: LogIdentity) -> LogCheckpoint {
        position(of: identity).checkpoint
    }

    /// A container's directory, which changes when its log does.
    public func directory(_ identity: LogIdentity) -> String {
        path + "/" + LogStore.directoryName(identity.id)
    }

    /// How large each log is, without reading its text.
    public func sizes(_ identities: [LogIdentity]) -> [LogSize] {
        identities.map { identity in
            let directory = directory(identity)
            var size = LogSize()
            var end: Int64 = 0
            for name in SegmentName.segments(in: directory) {
                guard let file = try? LogFile(path: directory + "/" + name, flags: O_RDONLY),
                    let index = try? SegmentIndex.read(file)
                else { continue }
                size.storedBytes += file.size
                for block in index.blocks {
                    size.add(block.header)
                    end = block.header.endSequence
                }
            }
            for block in HeadBlocks.read(path: directory + "/" + SegmentName.head, after: end) {
                size.storedBytes += BlockHeader.size + block.header.bodyBytes
                size.add(block.header)
            }
            return size
        }
    }
}

/// How large a log is.
public struct LogSize: Hashable, Sendable {
    /// Entries, gaps among them.
    public var entries = 0
    /// Entries that tell of missing lines.
    public var gaps = 0
    /// Bytes of the entries' text, a newline for each included.
    public var textBytes = 0
    /// Bytes on disk.
    public var storedBytes = 0
    /// The times of the first and of the last entry in nanoseconds; nil for none.
    public var times: ClosedRange<Int64>?

    mutating func add(_ header: BlockHeader) {
        entries += Int(header.count)
        gaps += Int(header.gaps)
        textBytes += Int(header.textRaw)
        guard header.minTime <= header.maxTime else { return }
        let (low, high) = (times?.lowerBound ?? .max, times?.upperBound ?? .min)
        times = min(low, header.minTime)...max(high, header.maxTime)
    }
}

/// The entries of several logs by time. Each log stays in the order in which it was written, also
/// where its clock went back.
public final class MergedCursor: LogCursor {
    private var heap: [(time: Int64, reader: ContainerReader)] = []
    /// Readers that nothing was asked of yet: each of those in `heap` holds a block's entries.
    private var untouched: [ContainerReader]
    private let tools: ReadingTools

    init(_ readers: [ContainerReader], _ tools: ReadingTools) {
        self.tools = tools
        untouched = readers
    }

    private func fill() throws {
        for reader in untouched {
            guard let time = try reader.peek() else { continue }
            heap.append((time, reader))
        }
        untouched = []
        for i in stride(from: heap.count / 2, through: 0, by: -1) { sink(i) }
    }

    /// Blocks that were decompressed, and that were ruled out without.
    public var blocks: (read: Int, skipped: Int) { (tools.blocksRead, tools.blocksSkipped) }

    /// See `LogCursor`.
    public func next() throws -> LogEntry? {
        var entry: LogEntry?
        _ = try next { entry = LogEntry($0) }
        return entry
    }

    /// See `LogCursor`.
    public func next(_ body: (LogEntryView) throws -> Void) throws -> Bool {
        if !untouched.isEmpty { try fill() }
        guard let first = heap.first else { return false }
        try first.reader.take(body)
        if let following = try first.reader.peek() {
            heap[0].time = following
        } else {
            heap.swapAt(0, heap.count - 1)
            heap.removeLast()
        }
        if heap.count > 1 { sink(0) }
        return true
    }

    /// See `LogCursor`.
    public func forEach(_ body: (LogEntryView) throws -> Bool) throws {
        var readers = Array((heap.map(\.reader) + untouched).reversed())
        (heap, untouched) = ([], [])
        while let reader = readers.popLast() {
            guard try reader.forEach(body) else { return }
        }
    }

    private func precedes(_ a: Int, _ b: Int) -> Bool {
        tools.query.backward ? heap[a].time > heap[b].time : heap[a].time < heap[b].time
    }

    private func sink(_ start: Int) {
        var at = start
        while true {
            var best = at
            for child in [2 * at + 1, 2 * at + 2] where child < heap.count && precedes(child, best)
            {
                best = child
            }
            guard best != at else { return }
            heap.swapAt(at, best)
            at = best
        }
    }
}
