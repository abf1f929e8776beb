// SPDX-License-Identifier: Apache-2.0

import CLinux

/// `log.counters`: what the container wrote, kept in a mapped file so that the agent reads it
/// without asking and nothing is lost when the shim is killed.
///
/// 48 bytes: the magic `ULGLOGC1`, then little-endian 64-bit counts of lines on stdout, lines on
/// stderr, bytes on stdout, bytes on stderr, and records dropped.
struct Counters {
    private let words: UnsafeMutablePointer<UInt64>
    private static let length = 48

    init(path: StaticString) {
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
        self.words = words.bindMemory(to: UInt64.self, capacity: 6)
        memcpy(words, "ULGLOGC1", 8)
        for i in 1..<6 { self.words[i] = 0 }
    }

    func add(lines: UInt64, bytes: Int, stream: LogStreamIndex) {
        let isError = stream == .stderr
        words[isError ? 2 : 1] &+= lines
        words[isError ? 4 : 3] &+= UInt64(bytes)
    }

    func addDropped(_ records: UInt64) { words[5] &+= records }
}
