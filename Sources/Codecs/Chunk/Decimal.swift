// SPDX-License-Identifier: Apache-2.0

/// Numbers that are a whole number over a power of ten, which is what kernels and people write.
public enum Decimal {
    /// The powers of ten that are tried.
    @usableFromInline static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
    ]
    /// The largest exponent.
    public static let largestExponent = 9
    /// Scaled numbers are below this, so that sums with `rounder` are exact.
    @usableFromInline static let limit: Double = 0x1p51
    /// Adding 1.5 * 2^52 leaves a number's nearest integer in the low bits of the sum.
    @usableFromInline static let rounder: Double = 0x1.8p52

    /// The whole number that is `value` times ten to the `exponent`, when dividing it again gives
    /// `value` to the bit.
    @inlinable @inline(__always)
    public static func scaled(_ value: Double, exponent: Int) -> Int64? {
        powers.withUnsafeBufferPointer { powers in
            let power = powers[exponent]
            let product = value * power
            // Not for NaN either.
            guard product.magnitude < limit else { return nil }
            let rounded = product + rounder
            let whole = Int64(bitPattern: rounded.bitPattern &- rounder.bitPattern)
            let again = (rounded - rounder) / power
            return again.bitPattern == value.bitPattern ? whole : nil
        }
    }

    /// The smallest exponent from `first` on at which `value` is whole, and the whole number.
    @inlinable
    public static func find(
        _ value: Double, from first: Int = 0
    ) -> (exponent: Int, whole: Int64)? {
        var exponent = first
        while exponent <= largestExponent {
            if let whole = scaled(value, exponent: exponent) { return (exponent, whole) }
            guard value.magnitude < limit else { return nil }
            exponent += 1
        }
        return nil
    }

    /// The number again.
    @inlinable @inline(__always)
    public static func value(_ whole: Int64, exponent: Int) -> Double {
        powers.withUnsafeBufferPointer { Double(whole) / $0[exponent] }
    }
}
