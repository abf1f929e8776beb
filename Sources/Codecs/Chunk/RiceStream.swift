// SPDX-License-Identifier: Apache-2.0

/// What both sides of a Rice code know of the numbers before: it gives the parameter of the next.
protocol RiceStatistics {
    /// The parameter of the number at `index`.
    func parameter(at index: Int) -> Int
    /// Whether zeros are so many that runs of them are written.
    var isRunning: Bool { get }
    /// Takes in the number at `index`.
    mutating func add(_ magnitude: UInt64, at index: Int)
    /// Takes in a run of zeros.
    mutating func addZeros(_ range: Range<Int>)
}

/// Signed integers, mostly small, as Rice codes whose parameter follows the numbers before, with a
/// mode for runs of zeros after the manner of JPEG-LS (ITU-T T.87, A.7).
///
/// There is no table and no header, so even short sequences are cheap; the decoder follows the
/// same statistics. Quotients of `escape` and more are followed by the whole number in 64 bits.
enum RiceStream {
    /// log2 of the length that each bit 1 stands for in run mode, by the run state: 0, 0, 0, 0, 1, 1,
    /// 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9 and so on up to 15. Four bits each,
    /// the first lowest: to look at an array is a call, around which nothing stays in registers.
    @inline(__always)
    private static func runLength(_ state: Int) -> Int {
        let lengths: UInt64 = state < 16 ? 0x3333_2222_1111_0000 : 0xfedc_ba98_7766_5544
        return Int(truncatingIfNeeded: lengths &>> UInt64((state & 15) &* 4)) & 15
    }

    private static let escape = 24
    static let largestParameter = 40

    /// Writes `values` to `output`, which has `RiceCodec.bound(values.count)` bytes; gives the bytes
    /// used.
    @inline(__always)
    static func encode(
        _ values: UnsafeBufferPointer<Int64>, _ statistics: inout some RiceStatistics,
        to output: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var writer = BitWriter(output)
        var state = 0
        var at = 0
        while at < values.count {
            if statistics.isRunning {
                var end = at
                while end < values.count, values[end] == 0 { end &+= 1 }
                statistics.addZeros(at..<end)
                var left = end &- at
                while left >= 1 &<< RiceStream.runLength(state) {
                    writer.put(1, 1)
                    left &-= 1 &<< RiceStream.runLength(state)
                    if state < 31 { state &+= 1 }
                }
                at = end
                if at >= values.count {
                    if left > 0 { writer.put(1, 1) }
                    break
                }
                writer.put(0, 1)
                writer.put(UInt64(left), RiceStream.runLength(state))
                if state > 0 { state &-= 1 }
            }
            let magnitude = ZigZag.encode(values[at])
            let parameter = statistics.parameter(at: at)
            let quotient = magnitude &>> UInt64(parameter)
            if quotient < UInt64(escape) {
                writer.put((1 &<< quotient &- 1) &<< 1, Int(quotient) &+ 1)
                writer.putWide(magnitude, parameter)
            } else {
                writer.put(1 &<< UInt64(escape) &- 1, escape)
                writer.putWide(magnitude, 64)
            }
            statistics.add(magnitude, at: at)
            at &+= 1
        }
        return writer.finish()
    }

    /// Reads as many numbers as `output` has room for; false when `bytes` ends before.
    @inline(__always)
    static func decode(
        _ bytes: UnsafeRawBufferPointer, _ statistics: inout some RiceStatistics,
        into output: UnsafeMutableBufferPointer<Int64>
    ) -> Bool {
        var decoder = Decoder(bytes, statistics, into: output)
        decoder.finish()
        statistics = decoder.statistics
        return !decoder.isOverrun
    }

    /// Reads two codes that have nothing to do with one another, a number of each in turn: where one
    /// number ends is known late, and meanwhile the processor works at the other.
    @inline(__always)
    static func decode<Statistics: RiceStatistics>(
        _ first: Decoder<Statistics>, _ second: Decoder<Statistics>
    ) -> (Bool, Bool) {
        var first = first
        var second = second
        while !first.isDone, !second.isDone {
            first.readPlain(with: &second)
            if !first.isDone { first.step() }
            if !second.isDone { second.step() }
        }
        first.finish()
        second.finish()
        return (!first.isOverrun, !second.isOverrun)
    }

    /// One code that is being read.
    struct Decoder<Statistics: RiceStatistics> {
        private(set) var statistics: Statistics
        private var reader: BitReader
        private var state = 0
        private var at = 0
        private let output: UnsafeMutableBufferPointer<Int64>

        @inline(__always)
        init(
            _ bytes: UnsafeRawBufferPointer, _ statistics: Statistics,
            into output: UnsafeMutableBufferPointer<Int64>
        ) {
            reader = BitReader(bytes)
            self.statistics = statistics
            self.output = output
        }

        @inline(__always)
        var isDone: Bool { at >= output.count }

        /// Whether more was read than there is, which means nothing then.
        var isOverrun: Bool { reader.isOverrun }

        /// Reads what is left.
        @inline(__always)
        mutating func finish() {
            while !isDone {
                readPlain()
                if !isDone { step() }
            }
        }

        /// Reads as long as numbers are in one word each, which nearly all are.
        @inline(__always)
        private mutating func readPlain() {
            // In variables of its own: what is written to `output` could be a part of `self`.
            var (next, known, place) = (at, statistics, reader.position)
            let (count, last) = (output.count, reader.lastWhole)
            while next < count, place <= last, !known.isRunning,
                let plain = reader.plain(
                    place, known.parameter(at: next), limit: RiceStream.escape)
            {
                output[next] = ZigZag.decode(plain.magnitude)
                known.add(plain.magnitude, at: next)
                next &+= 1
                place = plain.end
            }
            (at, statistics, reader.position) = (next, known, place)
        }

        /// The same for two codes in turn.
        @inline(__always)
        mutating func readPlain(with other: inout Self) {
            var (next, known, place) = (at, statistics, reader.position)
            var (otherNext, otherKnown, otherPlace) = (
                other.at, other.statistics, other.reader.position
            )
            let (count, last) = (output.count, reader.lastWhole)
            let (otherCount, otherLast) = (other.output.count, other.reader.lastWhole)
            while next < count, otherNext < otherCount, place <= last, otherPlace <= otherLast,
                !known.isRunning, !otherKnown.isRunning,
                let plain = reader.plain(
                    place, known.parameter(at: next), limit: RiceStream.escape),
                let otherPlain = other.reader.plain(
                    otherPlace, otherKnown.parameter(at: otherNext), limit: RiceStream.escape)
            {
                output[next] = ZigZag.decode(plain.magnitude)
                other.output[otherNext] = ZigZag.decode(otherPlain.magnitude)
                known.add(plain.magnitude, at: next)
                otherKnown.add(otherPlain.magnitude, at: otherNext)
                next &+= 1
                otherNext &+= 1
                place = plain.end
                otherPlace = otherPlain.end
            }
            (at, statistics, reader.position) = (next, known, place)
            (other.at, other.statistics, other.reader.position) = (
                otherNext, otherKnown, otherPlace
            )
        }

        /// Reads the next number, with the run of zeros before it.
        @inline(__always)
        mutating func step() {
            if statistics.isRunning {
                readZeros()
                if isDone { return }
            }
            let parameter = statistics.parameter(at: at)
            let magnitude: UInt64
            let quotient = reader.ones(limit: RiceStream.escape)
            if quotient < RiceStream.escape {
                magnitude = UInt64(quotient) &<< UInt64(parameter) | reader.readWide(parameter)
            } else {
                magnitude = reader.readWide(64)
            }
            output[at] = ZigZag.decode(magnitude)
            statistics.add(magnitude, at: at)
            at &+= 1
        }

        @inline(__always)
        private mutating func readZeros() {
            let start = at
            let count = output.count
            while at < count, reader.read(1) == 1 {
                fill(min(count, at &+ 1 &<< RiceStream.runLength(state)))
                if state < 31 { state &+= 1 }
                // A run past the end of the bytes is a lie; zeros read there stop it.
            }
            if at < count {
                fill(min(count, at &+ Int(reader.read(RiceStream.runLength(state)))))
                if state > 0 { state &-= 1 }
            }
            statistics.addZeros(start..<at)
        }

        @inline(__always)
        private mutating func fill(_ end: Int) {
            while at < end {
                output[at] = 0
                at &+= 1
            }
        }
    }
}
