// SPDX-License-Identifier: Apache-2.0

/// Signed integers of many columns, one of each column at a time, as Rice codes: the parameter of a
/// number follows the magnitudes that its own column had before, for neighbours have nothing in
/// common but where they stand. Runs of zeros are written as in `RiceCodec`.
///
/// Both sides keep a scale for each column: 0 when nothing is known of it, else the running mean of
/// the magnitudes. Only multiplications and additions of IEEE 754 singles make it, which are the same
/// on every machine.
public enum ColumnRiceCodec {
    private static let escape = 24
    private static let largestParameter = 40
    /// Of a new magnitude in the mean.
    private static let weight: Float = 0.25

    /// What both sides know when a tick begins: nothing but the scales.
    private struct Statistics {
        /// Follows the magnitudes of all columns, for those of which nothing is known.
        var mean: Float = 1
        var zeros: UInt32 = 0

        @inline(__always)
        var isRunning: Bool { zeros > 128 }

        @inline(__always)
        func parameter(_ scale: Float) -> Int {
            let mean = scale > 0 ? scale : mean
            guard mean > 1.44 else { return 0 }
            // log2 of the mean, a little rounded up: a Rice code is shortest near 0.69 of the mean.
            let bits = mean.bitPattern
            let exponent = Int(bits &>> 23) &- 127
            return min(exponent &+ (bits & 0x7f_ffff > 0x38_51ec ? 1 : 0), largestParameter)
        }

        @inline(__always)
        mutating func add(_ magnitude: UInt64, _ scale: inout Float) {
            // Never 0 again, which would mean that nothing is known.
            let size = Float(min(magnitude, 1 << 41))
            scale = scale > 0 ? scale - scale * weight + size * weight : max(size, 0.25)
            scale = max(scale, 0.015625)
            mean = mean - mean * 0.125 + size * 0.125
            zeros = zeros &- (zeros &>> 3) &+ (magnitude == 0 ? 32 : 0)
        }
    }

    /// The scales of the columns that the numbers are of, one after the other.
    @inline(__always)
    private static func skip(
        _ columns: UnsafeBufferPointer<UInt32>, _ range: Range<Int>,
        _ scales: UnsafeMutableBufferPointer<Float>
    ) {
        for i in range {
            let column = Int(columns[i])
            let scale = scales[column]
            scales[column] = max(scale - scale * weight, 0.015625)
        }
    }

    /// Bytes that `count` numbers take at most.
    @inline(__always)
    public static func bound(_ count: Int) -> Int { RiceCodec.bound(count) }

    /// Writes `values`, each of the column at the same place in `columns`, to `output`, which has
    /// `bound(values.count)` bytes; gives the bytes used. `scales` has one for each column there is.
    public static func encode(
        _ values: UnsafeBufferPointer<Int64>, of columns: UnsafeBufferPointer<UInt32>,
        scales: UnsafeMutableBufferPointer<Float>, to output: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var writer = BitWriter(output)
        var statistics = Statistics()
        var state = 0
        var at = 0
        return RiceCodec.runLengths.withUnsafeBufferPointer { lengths in
            while at < values.count {
                if statistics.isRunning {
                    var end = at
                    while end < values.count, values[end] == 0 { end &+= 1 }
                    var left = end &- at
                    skip(columns, at..<end, scales)
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
                let column = Int(columns[at])
                let magnitude = ZigZag.encode(values[at])
                let parameter = statistics.parameter(scales[column])
                let quotient = magnitude &>> UInt64(parameter)
                if quotient < UInt64(escape) {
                    writer.put((1 &<< quotient &- 1) &<< 1, Int(quotient) &+ 1)
                    writer.putWide(magnitude, parameter)
                } else {
                    writer.put(1 &<< UInt64(escape) &- 1, escape)
                    writer.putWide(magnitude, 64)
                }
                statistics.add(magnitude, &scales[column])
                at &+= 1
            }
            return writer.finish()
        }
    }

    /// Reads as many numbers as `output` has room for, each of the column at the same place in
    /// `columns`; false when `bytes` ends before.
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, of columns: UnsafeBufferPointer<UInt32>,
        scales: UnsafeMutableBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Int64>
    ) -> Bool {
        var reader = BitReader(bytes)
        var statistics = Statistics()
        var state = 0
        var at = 0
        let count = output.count
        return RiceCodec.runLengths.withUnsafeBufferPointer { lengths in
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
                    skip(columns, start..<at, scales)
                    if at >= count { break }
                }
                let column = Int(columns[at])
                let parameter = statistics.parameter(scales[column])
                let magnitude: UInt64
                if let small = reader.rice(parameter, limit: escape) {
                    magnitude = small
                } else {
                    _ = reader.ones(limit: escape)
                    magnitude = reader.readWide(64)
                }
                output[at] = ZigZag.decode(magnitude)
                statistics.add(magnitude, &scales[column])
                at &+= 1
            }
            return !reader.isOverrun
        }
    }
}
