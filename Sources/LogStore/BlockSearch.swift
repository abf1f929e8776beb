// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import Model

/// One block that is searched: read, decompressed, and the entries found that may be wanted. Used for
/// one block after the other, by one thread at a time.
final class BlockSearch {
    enum Outcome {
        case found
        case damaged
        case failed(LogStoreError)
    }

    let block: BlockReader
    private(set) var outcome = Outcome.found
    /// The indexes of the entries that may be wanted, ascending; nil for all.
    private(set) var found: [Int]?

    init() throws(LogStoreError) { block = try BlockReader() }

    /// Searches a block of a segment. Without a `matcher` all entries may be wanted.
    func search(_ place: BlockPlace, of segment: OpenSegment, _ matcher: LineMatcher?) {
        let header = place.header
        do throws(LogStoreError) {
            let body = try segment.file.bytes(
                at: place.offset + BlockHeader.size + Int(header.filterBytes),
                count: Int(header.metaStored) + Int(header.textStored))
            search(header, body, matcher)
        } catch { outcome = .failed(error) }
    }

    /// Searches a block that was read.
    func search(_ header: BlockHeader, _ body: [UInt8], _ matcher: LineMatcher?) {
        guard body.withUnsafeBytes({ block.load(header, body: $0) }) else {
            outcome = .damaged
            return
        }
        outcome = .found
        guard let matcher else {
            found = nil
            return
        }
        var indexes = found ?? []
        indexes.removeAll(keepingCapacity: true)
        if header.gaps > 0 {
            for i in 0..<block.places.count
            where Flags.isGap(block.places[i].flags) || matcher.matches(block.bytes(i)) {
                indexes.append(i)
            }
        } else {
            matcher.forEachMatch(in: block) { indexes.append($0) }
        }
        found = indexes
    }
}

/// Searches blocks that follow one another, several at a time: to decompress and to match takes far
/// longer than what is done with the lines that match.
///
/// How many are searched ahead of the one that is asked for grows from one on, so that whoever wants a
/// few lines alone pays for a few blocks alone.
final class BlockSearches {
    /// Threads that search for one query.
    static let threads = max(1, min(4, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))))

    /// A block that was searched, valid until the next search.
    typealias Searched = (header: BlockHeader, search: BlockSearch)

    /// How many blocks to search at once at most.
    private let most: Int
    private var searches: [BlockSearch] = []
    /// How many blocks to search at once the next time.
    private(set) var ahead = 1

    /// `most` bounds the blocks in memory.
    init(most: Int) { self.most = max(1, most) }

    /// Searches these blocks of a segment; they come in this order.
    func search(
        _ places: [BlockPlace], of segment: OpenSegment, _ matcher: LineMatcher?
    ) throws(LogStoreError) -> [Searched] {
        while searches.count < places.count { searches.append(try BlockSearch()) }
        ahead = matcher == nil ? 1 : min(ahead * 2, most)
        if places.count == 1 {
            searches[0].search(places[0], of: segment, matcher)
        } else {
            searchAtOnce(places, of: segment, matcher)
        }
        return zip(places, searches).map { ($0.header, $1) }
    }

    private func searchAtOnce(
        _ places: [BlockPlace], of segment: OpenSegment, _ matcher: LineMatcher?
    ) {
        searches.withUnsafeBufferPointer { searches in
            // Safe: each search has a number of its own and is touched by the one call that has it; all
            // calls are over before this returns.
            nonisolated(unsafe) let searches = searches
            DispatchQueue.concurrentPerform(iterations: places.count) { i in
                searches[i].search(places[i], of: segment, matcher)
            }
        }
    }

    /// Searches a block that was read.
    func search(
        _ header: BlockHeader, _ body: [UInt8], _ matcher: LineMatcher?
    ) throws(LogStoreError) -> [Searched] {
        if searches.isEmpty { searches.append(try BlockSearch()) }
        searches[0].search(header, body, matcher)
        return [(header, searches[0])]
    }
}
