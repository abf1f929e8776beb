// SPDX-License-Identifier: Apache-2.0

/// Numbers as the text formats spell them, written without allocating: most lines of a scrape are
/// whole numbers, or microseconds as seconds.
public enum ExpositionNumber {
    /// Bytes that any number fits into.
    public static let capacity = 32

    /// Writes `value` to `output`, which has `capacity` bytes at least, and gives how many it took.
    /// Other than whole numbers have the digits that read back as the same value.
    public static func write(_ value: Double, to output: UnsafeMutableRawBufferPointer) -> Int {
        guard value.magnitude < 0x1p53 else { return writeSlowly(value, to: output) }
        let whole = Int64(value)
        if Double(whole) == value, whole != 0 || value.sign == .plus {
            return write(whole, to: output)
        }
        let scaled = (value * 1e6).rounded()
        // A quotient of two exact numbers is the value nearest to the decimal fraction; below 2^52
        // no shorter fraction reads back as the same value.
        if scaled.magnitude < 0x1p52, scaled.magnitude >= 100, scaled / 1e6 == value {
            return write(millionths: Int64(scaled), to: output)
        }
        return writeSlowly(value, to: output)
    }

    private static func write(_ value: Int64, to output: UnsafeMutableRawBufferPointer) -> Int {
        var start = 0
        if value < 0 {
            output[0] = UInt8(ascii: "-")
            start = 1
        }
        let count = digits(value.magnitude)
        put(value.magnitude, count, output, at: start)
        return start + count
    }

    private static func write(
        millionths: Int64, to output: UnsafeMutableRawBufferPointer
    ) -> Int {
        let (whole, rest) = millionths.magnitude.quotientAndRemainder(dividingBy: 1_000_000)
        var at = 0
        if millionths < 0 {
            output[0] = UInt8(ascii: "-")
            at = 1
        }
        let count = digits(whole)
        put(whole, count, output, at: at)
        at += count
        output[at] = UInt8(ascii: ".")
        var (fraction, places) = (rest, 6)
        while fraction % 10 == 0, places > 1 {
            fraction /= 10
            places -= 1
        }
        put(fraction, places, output, at: at + 1)
        return at + 1 + places
    }

    /// Decimal digits of a number.
    private static func digits(_ value: UInt64) -> Int {
        var (rest, count) = (value, 1)
        while rest >= 10_000 {
            rest /= 10_000
            count += 4
        }
        return count + (rest >= 1000 ? 3 : rest >= 100 ? 2 : rest >= 10 ? 1 : 0)
    }

    /// Writes `count` digits, zeros in front.
    private static func put(
        _ value: UInt64, _ count: Int, _ output: UnsafeMutableRawBufferPointer, at start: Int
    ) {
        var rest = value
        var at = start + count
        while at > start {
            at -= 1
            output[at] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    private static func writeSlowly(
        _ value: Double, to output: UnsafeMutableRawBufferPointer
    ) -> Int {
        var sink = ByteSink(output: output)
        if value.isNaN {
            sink.write("NaN")
        } else if value.isInfinite {
            sink.write(value < 0 ? "-Inf" : "+Inf")
        } else {
            value.write(to: &sink)
        }
        return sink.count
    }

    /// Takes a number's digits from the standard library. A `String` of more than 15 bytes would be
    /// allocated, so the bytes are taken as they are.
    private struct ByteSink: TextOutputStream {
        let output: UnsafeMutableRawBufferPointer
        var count = 0

        mutating func write(_ text: String) {
            for byte in text.utf8 { put(byte) }
        }

        mutating func _writeASCII(_ bytes: UnsafeBufferPointer<UInt8>) {
            for byte in bytes { put(byte) }
        }

        private mutating func put(_ byte: UInt8) {
            guard count < output.count else { return }
            output[count] = byte
            count += 1
        }
    }
}
