// SPDX-License-Identifier: Apache-2.0

/// Signed integers of one series, mostly small, as Rice codes (`RiceStream`) whose parameter follows
/// the running mean of the magnitudes.
public enum RiceCodec {
    /// The mean magnitude and the share of zeros, as both sides see them.
    private struct Mean: RiceStatistics {
        /// The mean's weight of the past is 1 - 2^-adaption.
        private static let adaption: UInt64 = 3

        private var mean: UInt64 = 1 << 8
        private var zeros: UInt32 = 0

        @inline(__always)
        var isRunning: Bool { zeros > 128 }

        @inline(__always)
        func parameter(at index: Int) -> Int {
            if mean < 2 << 8 { return mean > 256 + 64 ? 1 : 0 }
            // The bits of the mean less one, without those of the fraction; at most
            // `RiceStream.largestParameter`, for no magnitude counts for more than 2^40.
            return 56 &- (mean &- 256 | 1).leadingZeroBitCount
        }

        @inline(__always)
        mutating func add(_ magnitude: UInt64, at index: Int) {
            // The next number waits for this, but not for a branch that is foreseen.
            let bounded = _fastPath(magnitude <= 1 << 40) ? magnitude : 1 << 40
            mean = mean &- (mean &>> Self.adaption) &+ bounded &<< (8 &- Self.adaption)
            zeros = zeros &- (zeros &>> 3) &+ (magnitude == 0 ? 32 : 0)
        }

        /// A run says nothing of the numbers between runs.
        @inline(__always)
        mutating func addZeros(_ range: Range<Int>) {}
    }

    /// Bytes that `count` numbers take at most.
    @inline(__always)
    public static func bound(_ count: Int) -> Int { count &* 12 &+ 16 }

    /// Writes `values` to `output`, which has `bound(values.count)` bytes; gives the bytes used.
    public static func encode(
        _ values: UnsafeBufferPointer<Int64>, to output: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var mean = Mean()
        return RiceStream.encode(values, &mean, to: output)
    }

    /// Reads as many numbers as `output` has room for; false when `bytes` ends before.
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableBufferPointer<Int64>
    ) -> Bool {
        var mean = Mean()
        return RiceStream.decode(bytes, &mean, into: output)
    }

    /// Reads two codes at once, each as `decode` does, which takes less than one after the other.
    public static func decode(
        _ first: UnsafeRawBufferPointer, into firstOutput: UnsafeMutableBufferPointer<Int64>,
        and second: UnsafeRawBufferPointer, into secondOutput: UnsafeMutableBufferPointer<Int64>
    ) -> (Bool, Bool) {
        RiceStream.decode(
            RiceStream.Decoder(first, Mean(), into: firstOutput),
            RiceStream.Decoder(second, Mean(), into: secondOutput))
    }
}
