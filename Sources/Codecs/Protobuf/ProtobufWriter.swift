// SPDX-License-Identifier: Apache-2.0

/// Writes protobuf messages straight to bytes.
public struct ProtobufWriter: Sendable {
    /// What was written.
    public private(set) var bytes: [UInt8] = []

    /// An empty message.
    public init() {}

    /// Forgets what was written, keeping the memory.
    public mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    /// An integer, a boolean or an enumeration.
    public mutating func varint(_ field: Int, _ value: UInt64) {
        append(UInt64(field) << 3)
        append(value)
    }

    /// A `double`.
    public mutating func double(_ field: Int, _ value: Double) {
        append(UInt64(field) << 3 | 1)
        var bits = value.bitPattern
        for _ in 0..<8 {
            bytes.append(UInt8(truncatingIfNeeded: bits))
            bits >>= 8
        }
    }

    /// A `string`.
    public mutating func string(_ field: Int, _ text: String) {
        append(UInt64(field) << 3 | 2)
        append(UInt64(text.utf8.count))
        bytes += text.utf8
    }

    /// Fields that were written before.
    public mutating func raw(_ fields: [UInt8]) { bytes += fields }

    /// A `fixed64`.
    public mutating func fixed64(_ field: Int, _ value: UInt64) {
        append(UInt64(field) << 3 | 1)
        for shift in stride(from: 0, to: 64, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
        }
    }

    /// `bytes`, or a `string` that is in bytes.
    public mutating func data(_ field: Int, _ data: [UInt8]) {
        append(UInt64(field) << 3 | 2)
        append(UInt64(data.count))
        bytes += data
    }

    /// `bytes`, or a `string`, that lies in memory.
    public mutating func data(_ field: Int, _ data: UnsafeRawBufferPointer) {
        append(UInt64(field) << 3 | 2)
        append(UInt64(data.count))
        bytes.append(contentsOf: data)
    }

    /// A message, written before.
    public mutating func message(_ field: Int, _ message: ProtobufWriter) {
        append(UInt64(field) << 3 | 2)
        append(UInt64(message.bytes.count))
        bytes += message.bytes
    }

    private mutating func append(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
