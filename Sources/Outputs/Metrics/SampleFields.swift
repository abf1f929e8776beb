// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// A sample as both versions of remote write have it: field 2 of its series, a message of a `double`
/// and a time. A value of 0 is left out, as protocol buffers have it; many are.
enum SampleFields {
    /// Bytes of the message.
    private static func length(_ time: UInt64, _ value: Double) -> Int {
        (value.bitPattern == 0 ? 0 : 9) + 1 + Varint.length(time)
    }

    /// Bytes of the field.
    static func size(_ time: Milliseconds, _ value: Double) -> Int {
        2 + length(UInt64(bitPattern: time), value)
    }

    /// Writes the field.
    static func append(_ time: Milliseconds, _ value: Double, to output: inout [UInt8]) {
        let time = UInt64(bitPattern: time)
        output.append(0x12)
        output.append(UInt8(length(time, value)))
        if value.bitPattern != 0 {
            output.append(0x09)
            withUnsafeBytes(of: value.bitPattern.littleEndian) { output += $0 }
        }
        output.append(0x10)
        Varint.append(time, to: &output)
    }
}
