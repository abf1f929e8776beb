// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Which words a block holds (a Bloom filter): a block without the word looked for is not read.
///
/// A word is a run of letters, digits and `_`, and of bytes above 0x7f, and of at most 64 bytes.
/// The filter is made as large as for the fullest block and then folded in halves for as long as
/// no more than half of its bits are set: 7 bits a word then make at most one wrong "maybe" in
/// 128. (Bloom 1970; the second hash of Kirsch and Mitzenmacher 2006.)
struct TokenFilter {
    static let maxBytes = 1 << 16
    private static let hashes = 7
    /// No filter is smaller.
    static let minBytes = 64

    private let bits: UnsafeMutablePointer<UInt64>

    init() {
        bits = .allocate(capacity: Self.maxBytes / 8)
        bits.initialize(repeating: 0, count: Self.maxBytes / 8)
    }

    func deallocate() { bits.deallocate() }

    /// Forgets all words.
    func clear() { bits.update(repeating: 0, count: Self.maxBytes / 8) }

    /// 1 for a byte of a word.
    private static let isWord: [UInt8] = (0..<256).map {
        let byte = UInt8($0)
        let digit = (0x30...0x39).contains(byte)
        let letter = (0x61...0x7a).contains(byte | 0x20) && byte < 0x80
        return digit || letter || byte == 0x5f || byte >= 0x80 ? 1 : 0
    }

    /// Whether a byte belongs to a word.
    static func isWordByte(_ byte: UInt8) -> Bool { isWord[Int(byte)] == 1 }

    private static let prime: UInt64 = 0x9e37_79b9_7f4a_7c15

    @inline(__always)
    private static func mix(_ hash: UInt64) -> UInt64 {
        var h = hash
        h = (h ^ h >> 32) &* 0xd6e8_feb8_6659_fd93
        return h ^ h >> 32
    }

    /// Adds the words of `text`.
    func add(_ text: UnsafeRawBufferPointer) {
        guard let base = text.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        let mask = UInt64(Self.maxBytes * 8 - 1)
        Self.isWord.withUnsafeBufferPointer { table in
            guard let isWord = table.baseAddress else { return }
            var at = 0
            let end = text.count
            while at < end {
                while at < end, isWord[Int(base[at])] == 0 { at &+= 1 }
                let start = at
                var hash = Self.prime
                while at < end, isWord[Int(base[at])] != 0 {
                    hash = (hash ^ UInt64(base[at])) &* 0x0000_0100_0000_01b3
                    at &+= 1
                }
                guard at > start, at &- start <= 64 else { continue }
                var h = Self.mix(hash)
                let step = h >> 32 | 1
                for _ in 0..<Self.hashes {
                    let bit = h & mask
                    bits[Int(bit >> 6)] |= 1 << (bit & 63)
                    h = h &+ step
                }
            }
        }
    }

    /// The filter's bytes, folded.
    func folded() -> [UInt8] {
        var words = Self.maxBytes / 8
        while words * 8 > Self.minBytes {
            let half = words / 2
            var set = 0
            for i in 0..<half { set += (bits[i] | bits[i + half]).nonzeroBitCount }
            if set > half * 32 { break }
            for i in 0..<half { bits[i] |= bits[i + half] }
            words = half
        }
        return [UInt8](UnsafeRawBufferPointer(start: bits, count: words * 8))
    }

    /// The hash of a word to look for; nil for what is no word, or too long for one.
    static func hash(_ word: some Collection<UInt8>) -> UInt64? {
        guard !word.isEmpty, word.count <= 64, word.allSatisfy(isWordByte) else { return nil }
        return mix(word.reduce(prime) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 })
    }

    /// Whether a block may hold the word.
    static func mayContain(_ hash: UInt64, _ filter: UnsafeRawBufferPointer) -> Bool {
        mayContain(hash, size: filter.count) { filter[$0] }
    }

    /// The same for a filter of which `byte` gives single bytes. One bit that is not set answers, and
    /// half of them are not, so that of a filter that lies on disk two bytes are enough as a rule.
    static func mayContain(_ hash: UInt64, size: Int, _ byte: (Int) -> UInt8) -> Bool {
        guard size >= minBytes, size & (size - 1) == 0 else { return true }
        let mask = UInt64(size * 8 - 1)
        var h = hash
        let step = h >> 32 | 1
        for _ in 0..<hashes {
            let bit = h & mask
            if byte(Int(bit >> 3)) & 1 << UInt8(bit & 7) == 0 { return false }
            h = h &+ step
        }
        return true
    }
}
