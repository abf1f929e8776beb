// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model

/// What the readers of one query share.
final class ReadingTools {
    let query: LogQuery
    let matcher: LineMatcher
    let searches: BlockSearches
    /// Blocks decompressed, and blocks that index or filter ruled out.
    var blocksRead = 0
    var blocksSkipped = 0

    /// Tools for so many readers. What each finds ahead of what is asked for waits in memory, so that many
    /// readers look no further than the next block.
    init(_ query: LogQuery, readers: Int) throws {
        self.query = query
        matcher = try LineMatcher(query.filters)
        let threads = BlockSearches.threads
        searches = BlockSearches(most: threads > 1 ? 4 * threads / max(1, readers) : 1)
    }

    /// What tells the entries wanted; nil when that is not for the readers to say.
    var searched: LineMatcher? { matcher.isEmpty || query.context > 0 ? nil : matcher }

    func wants(_ header: BlockHeader) -> Bool {
        guard header.minTime <= query.end, header.maxTime >= query.start else { return false }
        if header.gaps > 0 { return true }
        let levels = query.levels.reduce(UInt16(0)) { $0 | 1 << UInt16($1.rawValue) }
        let streams = query.streams.reduce(UInt8(0)) { $0 | 1 << $1.rawValue }
        return (levels == 0 || levels & header.levels != 0)
            && (streams == 0 || streams & header.streams != 0)
    }

    func wants(_ place: BlockReader.Place) -> Bool {
        guard place.timestamp >= query.start, place.timestamp <= query.end else { return false }
        if Flags.isGap(place.flags) { return true }
        return (query.levels.isEmpty || query.levels.contains(Flags.level(place.flags)))
            && (query.streams.isEmpty || query.streams.contains(Flags.stream(place.flags)))
    }
}

/// Reads one container's log for a query, block by block, in either direction.
///
/// The head is read before the segments are listed. The writer puts a block in the segment before
/// it takes it out of the head, so nothing is missed, and sequences tell what is in both.
final class ContainerReader {
    private enum Step {
        case block(file: Int, BlockPlace)
        case head(HeadBlocks.Block)
        case gap(entries: Int64, time: Int64, file: String)
    }

    let identity: LogIdentity
    private let directory: String
    private let origin: Int
    private let tools: ReadingTools
    private let from: Int64

    private var names: [String]
    private var head: [HeadBlocks.Block]
    /// Which file of `names` is looked at next; `names.count` stands for the head.
    private var nextFile: Int
    private var lastIndex: SegmentIndex?
    private var steps: ArraySlice<Step> = []
    private var segment: OpenSegment?
    private var pending = LogEntryQueue()
    /// Takes entries where they lie instead of `pending`; false when it wants no more.
    private var visitor: ((LogEntryView) -> Bool)?
    private var isStopped = false

    init(_ identity: LogIdentity, directory: String, origin: Int, tools: ReadingTools) {
        self.identity = identity
        self.directory = directory
        self.origin = origin
        self.tools = tools
        from = tools.query.from[identity.id] ?? 0
        head = HeadBlocks.read(path: directory + "/" + SegmentName.head, after: 0)
        names = SegmentName.segments(in: directory)
        nextFile = 0
        var end: Int64 = 0
        if let last = names.last, let file = try? LogFile(path: path(last), flags: O_RDONLY) {
            lastIndex = try? SegmentIndex.read(file)
            end = lastIndex?.blocks.last?.header.endSequence ?? 0
        }
        head.removeAll { $0.header.firstSequence < end }
        if tools.query.backward { nextFile = names.count }
    }

    private func path(_ name: String) -> String { directory + "/" + name }

    /// When the next entry was written, without taking it; nil when there are no more.
    func peek() throws -> Int64? {
        while pending.isEmpty {
            guard try refill() else { return nil }
        }
        return pending.firstTime
    }

    /// Takes the entry that `peek` found; `body` must not keep it.
    func take(_ body: (LogEntryView) throws -> Void) rethrows {
        defer { pending.removeFirst() }
        try pending.withFirst(body)
    }

    /// Calls `body` with every entry that is left; false when it wanted no more.
    func forEach(_ body: (LogEntryView) throws -> Bool) throws -> Bool {
        var failure: (any Error)?
        func visit(_ view: LogEntryView) -> Bool {
            do { return try body(view) } catch {
                failure = error
                return false
            }
        }
        return try withoutActuallyEscaping(visit) { visit in
            visitor = visit
            defer { visitor = nil }
            // What was copied before comes first, and gaps are copied.
            repeat {
                while !isStopped, !pending.isEmpty {
                    pending.withFirst { isStopped = !visit($0) }
                    pending.removeFirst()
                }
            } while try !isStopped && refill()
            if let failure { throw failure }
            return !isStopped
        }
    }

    /// Reads the next block that has entries wanted; false at the end.
    private func refill() throws -> Bool {
        pending.removeAll()
        while pending.isEmpty {
            if isStopped || tools.query.isCancelled() { return false }
            guard let step = tools.query.backward ? steps.popLast() : steps.popFirst() else {
                guard try plan() else { return false }
                continue
            }
            switch step {
            case .block(let file, let place): try read(place, of: file)
            case .head(let block):
                // A damaged head is a write that was not finished.
                try collect(
                    try tools.searches.search(block.header, block.body, tools.searched), file: nil)
            case .gap(let entries, let time, let file): addGap(entries, time, file)
            }
        }
        return true
    }

    /// Lists the steps of the next file; false when there is none.
    private func plan() throws -> Bool {
        let backward = tools.query.backward
        guard (0...names.count).contains(nextFile) else { return false }
        let number = nextFile
        nextFile += backward ? -1 : 1
        if number == names.count {
            steps =
                head.filter { $0.header.endSequence > from && tools.wants($0.header) }
                .map { .head($0) }[...]
            return true
        }
        let name = names[number]
        let isLast = number == names.count - 1
        // A later segment's name tells where this one ends: what is before `from` is not opened.
        if !isLast, let next = SegmentName.firstSequence(names[number + 1]), next <= from {
            return true
        }
        var index = isLast ? lastIndex : nil
        if index == nil, let file = try? LogFile(path: path(name), flags: O_RDONLY) {
            index = try SegmentIndex.read(file)
        }
        // Retention may have removed it since it was listed.
        guard let index else { return true }
        segment = try? OpenSegment(number, path(name), index)
        steps = list(index, number, isLast: isLast)[...]
        return true
    }

    private func list(_ index: SegmentIndex, _ number: Int, isLast: Bool) -> [Step] {
        var result: [Step] = []
        var expected = SegmentName.firstSequence(names[number]) ?? 0
        func gap(_ next: Int64, _ time: Int64) {
            let missing = next - max(expected, from)
            guard missing > 0, time >= tools.query.start, time <= tools.query.end else { return }
            result.append(.gap(entries: missing, time: time, file: names[number]))
        }
        let allowed = allowedBlocks(index.blocks, number)
        let hasContext = tools.query.context > 0
        let near = hasContext ? allowed.map { spread($0, over: index.blocks) } : allowed
        for (i, place) in index.blocks.enumerated() {
            gap(place.header.firstSequence, place.header.minTime)
            expected = place.header.endSequence
            guard expected > from else { continue }
            if tools.wants(place.header), near?[i] != false {
                result.append(.block(file: number, place))
            } else {
                tools.blocksSkipped += 1
            }
        }
        if !isLast, let next = SegmentName.firstSequence(names[number + 1]) {
            gap(next, index.blocks.last?.header.maxTime ?? 0)
        }
        return result
    }

    /// What the filters of a segment's blocks say, as far as they are asked before the blocks are read:
    /// those of a segment with a table, and all when lines around matches are wanted.
    private func allowedBlocks(_ blocks: [BlockPlace], _ number: Int) -> [Bool]? {
        guard tools.matcher.usesFilter, let segment, segment.number == number else { return nil }
        let hasContext = tools.query.context > 0
        guard hasContext || segment.filterTable != nil else { return nil }
        var allowed = [Bool](repeating: true, count: blocks.count)
        if let table = segment.filterTable {
            allowed = FilterTable(blocks, at: table)
                .mayMatch(blocks, in: segment.file, tools.matcher)
        }
        for i in blocks.indices {
            if blocks[i].header.gaps > 0 {
                allowed[i] = true
            } else if hasContext, allowed[i], blocks[i].header.filterBytes > 0 {
                allowed[i] = (try? mayMatch(blocks[i], in: segment)) != false
            }
        }
        return allowed
    }

    /// Which blocks are so near to one that may have a match that its lines around reach them, or are
    /// at an end of the segment and may be near to one beyond.
    private func spread(_ matches: [Bool], over blocks: [BlockPlace]) -> [Bool] {
        let context = tools.query.context
        var near = [Bool](repeating: false, count: blocks.count)
        func mark(_ order: some Sequence<Int>) {
            var left = context
            for i in order {
                if matches[i] {
                    near[i] = true
                    left = context
                } else if left > 0 {
                    near[i] = true
                    left -= Int(blocks[i].header.count)
                }
            }
        }
        mark(blocks.indices)
        mark(blocks.indices.reversed())
        return near
    }

    /// Reads a block, and those after it that may as well have matches, as many as are to be searched at
    /// once.
    private func read(_ place: BlockPlace, of number: Int) throws {
        guard let segment, segment.number == number else { return }
        var places: [BlockPlace] = []
        var next: BlockPlace? = place
        while let place = next {
            if try isRuledOut(place, in: segment) {
                tools.blocksSkipped += 1
            } else {
                places.append(place)
            }
            next = places.count < tools.searches.ahead ? takeBlock(of: number) : nil
        }
        guard !places.isEmpty else { return }
        tools.blocksRead += places.count
        try collect(
            try tools.searches.search(places, of: segment, tools.searched), file: names[number])
    }

    /// The next step, if it is a block of this file.
    private func takeBlock(of number: Int) -> BlockPlace? {
        let backward = tools.query.backward
        guard case .block(number, let place) = backward ? steps.last : steps.first else {
            return nil
        }
        _ = backward ? steps.removeLast() : steps.removeFirst()
        return place
    }

    private func isRuledOut(_ place: BlockPlace, in segment: OpenSegment) throws -> Bool {
        let header = place.header
        guard tools.query.context == 0, tools.matcher.usesFilter, header.filterBytes > 0,
            header.gaps == 0
        else { return false }
        return try !mayMatch(place, in: segment)
    }

    /// Whether a block's filter allows a match. Of a sealed segment only the bits asked for are read:
    /// its filters were checked when it was sealed. A filter that is damaged allows everything.
    private func mayMatch(_ place: BlockPlace, in segment: OpenSegment) throws -> Bool {
        let start = place.offset + BlockHeader.size
        let size = Int(place.header.filterBytes)
        if segment.isSealed {
            return tools.matcher.mayMatch(size: size) { segment.file.byte(at: start + $0) ?? 0xff }
        }
        let filter = try segment.file.bytes(at: start, count: size)
        return filter.withUnsafeBytes { bytes in
            Bytes.checksum(bytes) != place.header.filterChecksum
                || tools.matcher.mayMatch(size: size) { bytes[$0] }
        }
    }

    /// Takes the entries wanted out of blocks of a file.
    private func collect(_ searched: [BlockSearches.Searched], file: String?) throws {
        // What is copied is turned round as a whole.
        let isReversed = tools.query.backward && visitor == nil
        for (header, search) in isReversed ? searched.reversed() : searched {
            switch search.outcome {
            case .found: collect(search)
            case .damaged:
                if let file { addGap(Int64(header.count), header.minTime, file) }
            case .failed(let error): throw error
            }
        }
        if tools.query.backward { pending.reverse() }
    }

    private func collect(_ search: BlockSearch) {
        let block = search.block
        let first = block.header.firstSequence
        func take(_ i: Int) {
            guard first + Int64(i) >= from, tools.wants(block.places[i]) else { return }
            if let visitor {
                if !isStopped { isStopped = !visitor(block.view(i, origin: origin)) }
                return
            }
            pending.append(block.view(i, origin: origin))
        }
        if let found = search.found {
            for i in found { take(i) }
        } else {
            for i in 0..<block.places.count { take(i) }
        }
    }

    private func addGap(_ entries: Int64, _ time: Int64, _ file: String) {
        var text =
            "\(entries) \(entries == 1 ? "entry is" : "entries are") missing: a block of "
            + "\(file) is damaged"
        text.withUTF8 { text in
            let view = LogEntryView(
                timestamp: time, stream: .stderr, level: .unknown, isGap: true, origin: origin,
                bytes: UnsafeRawBufferPointer(text))
            if let visitor {
                if !isStopped { isStopped = !visitor(view) }
            } else {
                pending.append(view)
            }
        }
    }
}
