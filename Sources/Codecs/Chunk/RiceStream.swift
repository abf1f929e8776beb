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
    /// log2 of the length that each bit 1 stands for in run mode, by the run state.
    private static let runLengths: [Int] = [
        0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3,
        4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15,
    ]
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
        return runLengths.withUnsafeBufferPointer { lengths in
            while at < values.count {
                if statistics.isRunning {
                    var end = at
                    while end < values.count, values[end] == 0 { end &+= 1 }
                    statistics.addZeros(at..<end)
                    var left = end &- at
                    while left >= 1 &<< lengths[state] {
                        writer.put(1, 1)
                        left &-= 1 &<< lengths[state]
                        if state < 31 { state &+= 1 }
                    }
                    at = end
                    if at >= values.count {
                        if left > 0 { writer.put(1, 1) }
                        break
                    }
                    writer.put(0, 1)
                    writer.put(UInt64(left), lengths[state])
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
    }

    /// Reads as many numbers as `output` has room for; false when `bytes` ends before.
    @inline(__always)
    static func decode(
        _ bytes: UnsafeRawBufferPointer, _ statistics: inout some RiceStatistics,
        into output: UnsafeMutableBufferPointer<Int64>
    ) -> Bool {
        var reader = BitReader(bytes)
        var state = 0
        var at = 0
        let count = output.count
        return runLengths.withUnsafeBufferPointer { lengths in
            while at < count {
                if statistics.isRunning {
                    let start = at
                    while at < count, reader.read(1) == 1 {
                        let end = min(count, at &+ 1 &<< lengths[state])
                        while at < end {
                            output[at] = 0
                            at &+= 1
                        }
                        if state < 31 { state &+= 1 }
                        // A run past the end of the bytes is a lie; zeros read there stop it.
                    }
                    if at < count {
                        let end = min(count, at &+ Int(reader.read(lengths[state])))
                        while at < end {
                            output[at] = 0
                            at &+= 1
                        }
                        if state > 0 { state &-= 1 }
                    }
                    statistics.addZeros(start..<at)
                    if at >= count { break }
                }
                let parameter = statistics.parameter(at: at)
                let magnitude: UInt64
                if let small = reader.rice(parameter, limit: escape) {
                    magnitude = small
                } else {
                    _ = reader.ones(limit: escape)
                    magnitude = reader.readWide(64)
                }
                output[at] = ZigZag.decode(magnitude)
                statistics.add(magnitude, at: at)
                at &+= 1
            }
            return !reader.isOverrun
        }
    }
}
