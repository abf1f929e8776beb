// SPDX-License-Identifier: Apache-2.0

/// Packs the values of one series: each is the XOR with the one before, without its leading and
/// trailing zero bits (Pelkonen et al., "Gorilla", VLDB 2015, section 4.1.2). Lossless for every
/// bit pattern, NaN payloads included.
///
///     first value      64 bits
///     then, for each   0                                  the same value again
///                      10 <meaningful bits>               within the last window
///                      11 <leading:6> <length-1:6> <bits> a new window
public enum ValueCodec {
    /// Appends the packed form of `values`; the count is not part of it.
    public static func encode(_ values: [Double], into output: inout [UInt8]) {
        guard let first = values.first else { return }
        var writer = BitWriter()
        writer.write(first.bitPattern, width: 64)
        var previous = first.bitPattern
        var leading = 64
        var trailing = 0
        for value in values.dropFirst() {
            let difference = value.bitPattern ^ previous
            previous = value.bitPattern
            if difference == 0 {
                writer.write(0, width: 1)
                continue
            }
            let zerosBefore = difference.leadingZeroBitCount
            let zerosAfter = difference.trailingZeroBitCount
            if leading < 64, zerosBefore >= leading, zerosAfter >= trailing {
                writer.write(0b10, width: 2)
            } else {
                leading = zerosBefore
                trailing = zerosAfter
                writer.write(0b11, width: 2)
                writer.write(UInt64(leading), width: 6)
                writer.write(UInt64(63 - leading - trailing), width: 6)
            }
            writer.write(difference >> UInt64(trailing), width: 64 - leading - trailing)
        }
        writer.finish()
        output += writer.bytes
    }

    /// Unpacks `count` values; nil when the bytes are not the packed form of so many.
    public static func decode(_ bytes: UnsafeRawBufferPointer, count: Int) -> [Double]? {
        // A value takes at least one bit, so a count beyond that is a lie.
        guard count >= 0, count <= bytes.count * 8 else { return nil }
        guard count > 0 else { return [] }
        var reader = BitReader(bytes)
        guard var current = reader.read(width: 64) else { return nil }
        var values: [Double] = []
        values.reserveCapacity(count)
        values.append(Double(bitPattern: current))
        var length = 0
        var trailing = 0
        while values.count < count {
            guard let isChanged = reader.read(width: 1) else { return nil }
            if isChanged == 1 {
                guard let isNewWindow = reader.read(width: 1) else { return nil }
                if isNewWindow == 1 {
                    guard let leading = reader.read(width: 6), let less = reader.read(width: 6),
                        leading + less < 64
                    else { return nil }
                    length = Int(less) + 1
                    trailing = 64 - Int(leading) - length
                }
                guard length > 0, let bits = reader.read(width: length) else { return nil }
                current ^= bits << UInt64(trailing)
            }
            values.append(Double(bitPattern: current))
        }
        return values
    }
}
