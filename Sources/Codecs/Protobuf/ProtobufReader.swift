// SPDX-License-Identifier: Apache-2.0

/// Reads the fields of one protobuf message (https://protobuf.dev/programming-guides/encoding/),
/// never beyond the bytes it was given.
public struct ProtobufReader {
    /// A field's content.
    public enum Value {
        /// `int32`, `int64`, `uint64`, `bool` and enumerations, as their bits.
        case varint(UInt64)
        /// `double`, `fixed64`, as their bits.
        case fixed64(UInt64)
        /// `float`, `fixed32`, as their bits.
        case fixed32(UInt32)
        /// Strings, bytes, messages and packed lists.
        case bytes(ArraySlice<UInt8>)
    }

    /// The message is cut short or has a wire type that does not exist.
    public struct Malformed: Error {
        /// An error without further words: there is no place a person could look at.
        public init() {}
    }

    private var rest: ArraySlice<UInt8>

    /// A reader of the fields in `message`.
    public init(_ message: ArraySlice<UInt8>) { rest = message }

    /// The next field; nil at the end of the message.
    public mutating func next() throws(Malformed) -> (field: Int, value: Value)? {
        guard !rest.isEmpty else { return nil }
        let tag = try varint()
        guard tag >> 3 > 0, tag >> 3 < 1 << 29 else { throw Malformed() }
        let value: Value =
            switch tag & 7 {
            case 0: .varint(try varint())
            case 1: .fixed64(try fixed(8))
            case 2: .bytes(try bytes())
            case 5: .fixed32(UInt32(truncatingIfNeeded: try fixed(4)))
            default: throw Malformed()
            }
        return (Int(tag >> 3), value)
    }

    private mutating func varint() throws(Malformed) -> UInt64 {
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while let byte = rest.popFirst() {
            guard shift < 63 || byte <= 1 else { throw Malformed() }
            result |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return result }
            shift += 7
            guard shift < 70 else { throw Malformed() }
        }
        throw Malformed()
    }

    private mutating func fixed(_ count: Int) throws(Malformed) -> UInt64 {
        guard rest.count >= count else { throw Malformed() }
        let value = rest.prefix(count).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        rest = rest.dropFirst(count)
        return value
    }

    private mutating func bytes() throws(Malformed) -> ArraySlice<UInt8> {
        let count = try varint()
        guard count <= UInt64(rest.count) else { throw Malformed() }
        let value = rest.prefix(Int(count))
        rest = rest.dropFirst(Int(count))
        return value
    }

    /// The numbers of a packed list.
    public static func packed(_ bytes: ArraySlice<UInt8>) throws(Malformed) -> [UInt64] {
        var reader = ProtobufReader(bytes)
        var numbers: [UInt64] = []
        while !reader.rest.isEmpty { numbers.append(try reader.varint()) }
        return numbers
    }
}
