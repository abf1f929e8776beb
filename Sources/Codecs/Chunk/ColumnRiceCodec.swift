// SPDX-License-Identifier: Apache-2.0

/// Signed integers of many columns, one of each column at a time, as Rice codes (`RiceStream`): the
/// parameter of a number follows the magnitudes that its own column had before, for neighbours have
/// nothing in common but where they stand.
///
/// Both sides keep a scale for each column: 0 when nothing is known of it, else the running mean of
/// the magnitudes. Only multiplications and additions of IEEE 754 singles make it, which are the same
/// on every machine.
public enum ColumnRiceCodec {
    /// What both sides know: the scales, and what a tick began with.
    private struct Scales: RiceStatistics {
        /// Of a new magnitude in the mean.
        private static let weight: Float = 0.25
        /// A scale is never 0 again, which would mean that nothing is known.
        private static let least: Float = 0.015625

        let columns: UnsafeBufferPointer<UInt32>
        let scales: UnsafeMutableBufferPointer<Float>
        /// Follows the magnitudes of all columns, for those of which nothing is known.
        private var mean: Float = 1
        private var zeros: UInt32 = 0

        init(
            _ columns: UnsafeBufferPointer<UInt32>, _ scales: UnsafeMutableBufferPointer<Float>
        ) {
            self.columns = columns
            self.scales = scales
        }

        @inline(__always)
        var isRunning: Bool { zeros > 128 }

        @inline(__always)
        func parameter(at index: Int) -> Int {
            let scale = scales[Int(columns[index])]
            let mean = scale > 0 ? scale : mean
            guard mean > 1.44 else { return 0 }
            // log2 of the mean, a little rounded up: a Rice code is shortest near 0.69 of the mean.
            let bits = mean.bitPattern
            let exponent = Int(bits &>> 23) &- 127
            return min(
                exponent &+ (bits & 0x7f_ffff > 0x38_51ec ? 1 : 0), RiceStream.largestParameter)
        }

        @inline(__always)
        mutating func add(_ magnitude: UInt64, at index: Int) {
            let column = Int(columns[index])
            let scale = scales[column]
            let size = Float(min(magnitude, 1 << 41))
            let next =
                scale > 0 ? scale - scale * Self.weight + size * Self.weight : max(size, 0.25)
            scales[column] = max(next, Self.least)
            mean = mean - mean * 0.125 + size * 0.125
            zeros = zeros &- (zeros &>> 3) &+ (magnitude == 0 ? 32 : 0)
        }

        @inline(__always)
        mutating func addZeros(_ range: Range<Int>) {
            for i in range {
                let column = Int(columns[i])
                let scale = scales[column]
                scales[column] = max(scale - scale * Self.weight, Self.least)
            }
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
        var known = Scales(columns, scales)
        return RiceStream.encode(values, &known, to: output)
    }

    /// Reads as many numbers as `output` has room for, each of the column at the same place in
    /// `columns`; false when `bytes` ends before.
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, of columns: UnsafeBufferPointer<UInt32>,
        scales: UnsafeMutableBufferPointer<Float>, into output: UnsafeMutableBufferPointer<Int64>
    ) -> Bool {
        var known = Scales(columns, scales)
        return RiceStream.decode(bytes, &known, into: output)
    }
}
