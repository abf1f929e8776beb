// SPDX-License-Identifier: Apache-2.0

import CLinux

/// `log.counters`: what the container wrote, kept in a mapped file so that the agent reads it
/// without asking and nothing is lost when the shim is killed.
///
/// 128 bytes: the magic `ULGLOGC1`, then little-endian 64-bit counts of lines on stdout, lines on
/// stderr, bytes on stdout, bytes on stderr, records dropped, and of the bytes on stdout and stderr
/// that have left the shim: written, or counted as dropped. What was read but has not left is lost
/// when a shim is killed, and its successor knows how much that is. Then a number that is not 0
/// while a read is under way: the most it may take from an output without its being counted yet.
/// The rest is 0.
struct Counters {
    private let words: UnsafeMutablePointer<UInt64>
    private static let length = 128
    private static let count = length / 8

    /// Opens the file; with `isNew` all counts start at zero.
    init(path: StaticString, isNew: Bool) {
        let descriptor = Text.with(path) {
            ul_open($0, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
        }
        var memory: UnsafeMutableRawPointer?
        // Room is taken now: a page without a block would end the shim when it is touched later.
        if descriptor >= 0, posix_fallocate(descriptor, 0, Self.length) == 0 {
            memory = ul_map_shared(descriptor, Self.length)
        }
        close(descriptor)
        let words =
            memory ?? UnsafeMutableRawPointer.allocate(byteCount: Self.length, alignment: 8)
        self.words = words.bindMemory(to: UInt64.self, capacity: Self.count)
        memcpy(words, "ULGLOGC1", 8)
        if isNew || memory == nil { for i in 1..<Self.count { self.words[i] = 0 } }
    }

    /// Notes that up to so many bytes are being read, or with 0 that what was read is counted.
    func noteReading(_ most: Int) { ul_store(words + 8, UInt64(most)) }

    func add(bytes: Int, stream: LogStreamIndex) { ul_add(words + 3 + stream.index, UInt64(bytes)) }

    func add(lines: UInt64, stream: LogStreamIndex) { ul_add(words + 1 + stream.index, lines) }

    func addDropped(_ records: UInt64) { ul_add(words + 5, records) }

    /// Notes that bytes of an output have left the shim.
    func addSettled(bytes: UInt64, stream: LogStreamIndex) {
        ul_add(words + 6 + stream.index, bytes)
    }

    /// The bytes that a shim before this one read and did not pass on; counted as settled now.
    func takeUnsettled() -> UInt64 {
        var lost = words[8]
        words[8] = 0
        for i in 0..<2 where words[3 + i] > words[6 + i] {
            lost += words[3 + i] - words[6 + i]
            words[6 + i] = words[3 + i]
        }
        return lost
    }
}
