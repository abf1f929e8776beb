// SPDX-License-Identifier: Apache-2.0

import Codecs

/// How one timeline's ticks are written: each value as the difference from the column's value
/// before, as scaled integers; the differences of a tick, column by column, as one Rice code.
///
/// Payload after the frame's kind and the timeline:
///
///     flags      1 byte: bit 0 key (nothing before is needed), bits 1-2 presence: 0 as in the tick
///                before, 1 every column, 2 a bit for each column follows; bit 3 the residuals are
///                written by the scale of each column, as all are now
///     time       signed varint
///     columns    varint
///     presence   bytes, when presence is 2
///     exceptions varint, then for each: columns since the one before (varint), exponent (byte),
///                the whole number (signed varint) or, for exponent 15, the value's 8 bytes
///     residuals  Rice code of the present columns that are no exceptions, as in `ColumnRiceCodec`;
///                without bit 3 as in `RiceCodec`
///
/// The encoder's state follows what was written; when a write fails, the next tick is a key.
struct TickCodec: Sendable {
    static let unknown: UInt8 = 14
    static let bits: UInt8 = 15
    /// The flag of residuals written by column.
    private static let byColumn: UInt8 = 8

    /// What is known of each column: its exponent, and its last whole number or bits.
    private(set) var exponents: [UInt8] = []
    private(set) var wholes: [Int64] = []
    /// How large the residuals of each column mostly are.
    private var scales: [Float] = []
    private var presence: [UInt64] = []
    private var residuals: [Int64] = []
    /// The column of each residual.
    private var columns: [UInt32] = []
    private var exceptions: [UInt8] = []
    private var packed: [UInt8] = []

    /// Forgets all columns: the next tick must be a key.
    private mutating func reset(_ width: Int) {
        exponents = [UInt8](repeating: Self.unknown, count: width)
        wholes = [Int64](repeating: 0, count: width)
        scales = [Float](repeating: 0, count: width)
        presence.removeAll(keepingCapacity: true)
    }

    private mutating func widen(to width: Int) {
        while exponents.count < width {
            exponents.append(Self.unknown)
            wholes.append(0)
            scales.append(0)
        }
    }

    /// Appends a tick: values and bits of presence of `width` columns.
    mutating func encode(
        _ values: UnsafeBufferPointer<Double>, _ bits: UnsafeBufferPointer<UInt64>, width: Int,
        time: Int64, isKey: Bool, into output: inout [UInt8]
    ) {
        if isKey { reset(width) } else { widen(to: width) }
        let words = (width + 63) / 64
        let (count, exceptionCount) = collect(values, bits, words: words)
        let isSame =
            presence.count == words && presence.indices.allSatisfy { presence[$0] == bits[$0] }
        let isAll = count == width
        let mode: UInt8 = isAll ? 1 : isSame && !isKey ? 0 : 2
        output.append((isKey ? 1 : 0) | mode << 1 | Self.byColumn)
        Varint.appendSigned(time, to: &output)
        Varint.append(UInt64(width), to: &output)
        presence.removeAll(keepingCapacity: true)
        presence += bits[..<words]
        if mode == 2 {
            for index in 0..<((width + 7) / 8) {
                output.append(UInt8(truncatingIfNeeded: bits[index >> 3] >> UInt64(index & 7 * 8)))
            }
        }
        Varint.append(UInt64(exceptionCount), to: &output)
        output += exceptions
        let bound = ColumnRiceCodec.bound(residuals.count)
        if packed.count < bound { packed = [UInt8](repeating: 0, count: bound) }
        let written = packed.withUnsafeMutableBufferPointer { packed in
            scales.withUnsafeMutableBufferPointer { scales in
                residuals.withUnsafeBufferPointer { residuals in
                    columns.withUnsafeBufferPointer { columns in
                        packed.baseAddress.map {
                            ColumnRiceCodec.encode(residuals, of: columns, scales: scales, to: $0)
                        } ?? 0
                    }
                }
            }
        }
        output += packed[..<written]
    }

    /// Fills `residuals` and `exceptions`; gives how many columns are present, and how many are
    /// exceptions.
    private mutating func collect(
        _ values: UnsafeBufferPointer<Double>, _ bits: UnsafeBufferPointer<UInt64>, words: Int
    ) -> (present: Int, exceptions: Int) {
        residuals.removeAll(keepingCapacity: true)
        exceptions.removeAll(keepingCapacity: true)
        residuals.reserveCapacity(exponents.count)
        columns.removeAll(keepingCapacity: true)
        columns.reserveCapacity(exponents.count)
        var (present, count, last) = (0, 0, 0)
        for word in 0..<words {
            var rest = bits[word]
            while rest != 0 {
                let column = word &* 64 &+ rest.trailingZeroBitCount
                rest &= rest &- 1
                present &+= 1
                let value = values[column]
                let exponent = exponents[column]
                if exponent <= Decimal.largestExponent,
                    let whole = Decimal.scaled(value, exponent: Int(exponent))
                {
                    residuals.append(whole &- wholes[column])
                    columns.append(UInt32(truncatingIfNeeded: column))
                    wholes[column] = whole
                } else if exponent == Self.bits,
                    value.bitPattern == UInt64(bitPattern: wholes[column])
                {
                    residuals.append(0)
                    columns.append(UInt32(truncatingIfNeeded: column))
                } else {
                    Varint.append(UInt64(column &- last), to: &exceptions)
                    last = column
                    count &+= 1
                    note(column, value)
                }
            }
        }
        return (present, count)
    }

    private mutating func note(_ column: Int, _ value: Double) {
        let before = exponents[column]
        let first = before < Decimal.largestExponent ? Int(before) + 1 : 0
        if let (exponent, whole) = Decimal.find(value, from: first) ?? Decimal.find(value) {
            exponents[column] = UInt8(exponent)
            wholes[column] = whole
            exceptions.append(UInt8(exponent))
            Varint.appendSigned(whole, to: &exceptions)
        } else {
            exponents[column] = Self.bits
            wholes[column] = Int64(bitPattern: value.bitPattern)
            exceptions.append(Self.bits)
            withUnsafeBytes(of: value.bitPattern.littleEndian) { exceptions += $0 }
        }
    }
}

extension TickCodec {
    /// A tick's head, read before its columns.
    struct Header {
        var isKey: Bool
        var time: Int64
        var width: Int
        /// Whether the residuals are written by column.
        var isByColumn: Bool
    }

    /// Reads a tick's head and presence; nil when it is damaged or depends on one not read.
    mutating func decodeHeader(_ bytes: UnsafeRawBufferPointer, at: inout Int) -> Header? {
        guard at < bytes.count else { return nil }
        let flags = bytes[at]
        at += 1
        guard let time = Varint.readSigned(bytes, at: &at), let width = Varint.read(bytes, at: &at),
            width <= 1 << 24
        else { return nil }
        let isKey = flags & 1 == 1
        let count = Int(width)
        let words = (count + 63) / 64
        if isKey {
            reset(count)
        } else {
            guard !exponents.isEmpty, count >= exponents.count else { return nil }
            widen(to: count)
        }
        switch flags >> 1 & 3 {
        case 0: guard presence.count == words else { return nil }
        case 1:
            presence = [UInt64](repeating: ~0, count: words)
            if count % 64 != 0 { presence[words - 1] = (1 << UInt64(count % 64)) - 1 }
        case 2:
            let length = (count + 7) / 8
            guard length <= bytes.count - at else { return nil }
            presence = [UInt64](repeating: 0, count: words)
            for index in 0..<length {
                presence[index >> 3] |= UInt64(bytes[at + index]) << UInt64(index & 7 * 8)
            }
            if count % 64 != 0 { presence[words - 1] &= (1 << UInt64(count % 64)) - 1 }
            at += length
        default: return nil
        }
        return Header(
            isKey: isKey, time: time, width: count, isByColumn: flags & Self.byColumn != 0)
    }

    /// Reads the columns of the tick whose head was read, into values and bits of presence; gives
    /// how many, or nil when the bytes are damaged.
    mutating func decodeColumns(
        _ header: Header, _ bytes: UnsafeRawBufferPointer, at: inout Int,
        into values: UnsafeMutableBufferPointer<Double>, _ bits: UnsafeMutableBufferPointer<UInt64>
    ) -> Int? {
        var present = 0
        for word in presence.indices {
            bits[word] = presence[word]
            present += presence[word].nonzeroBitCount
        }
        guard let changed = readExceptions(bytes, at: &at), changed.count <= present else {
            return nil
        }
        let count = present - changed.count
        if residuals.count < count { residuals = [Int64](repeating: 0, count: count) }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[at...])
        let isWhole =
            header.isByColumn
            ? decodeByColumn(rest, count, changed)
            : residuals.withUnsafeMutableBufferPointer {
                RiceCodec.decode(rest, into: UnsafeMutableBufferPointer(rebasing: $0[..<count]))
            }
        guard isWhole || count == 0 else { return nil }
        apply(changed, into: values)
        return present
    }

    /// Reads the residuals of the present columns but those in `changed`.
    private mutating func decodeByColumn(
        _ bytes: UnsafeRawBufferPointer, _ count: Int, _ changed: [Int]
    ) -> Bool {
        columns.removeAll(keepingCapacity: true)
        columns.reserveCapacity(count)
        var exception = 0
        for word in presence.indices {
            var rest = presence[word]
            while rest != 0 {
                let column = word &* 64 &+ rest.trailingZeroBitCount
                rest &= rest &- 1
                if exception < changed.count, changed[exception] == column {
                    exception &+= 1
                } else {
                    columns.append(UInt32(truncatingIfNeeded: column))
                }
            }
        }
        // An exception that is not present is no tick of ours.
        guard columns.count == count else { return false }
        return residuals.withUnsafeMutableBufferPointer { residuals in
            scales.withUnsafeMutableBufferPointer { scales in
                columns.withUnsafeBufferPointer { columns in
                    ColumnRiceCodec.decode(
                        bytes, of: columns, scales: scales,
                        into: UnsafeMutableBufferPointer(rebasing: residuals[..<count]))
                }
            }
        }
    }

    /// The columns that are exceptions, ascending; their state is set.
    private mutating func readExceptions(
        _ bytes: UnsafeRawBufferPointer, at: inout Int
    ) -> [Int]? {
        guard let count = Varint.read(bytes, at: &at), count <= UInt64(exponents.count) else {
            return nil
        }
        var columns: [Int] = []
        columns.reserveCapacity(Int(count))
        var column = 0
        for _ in 0..<count {
            guard let step = Varint.read(bytes, at: &at), step < UInt64(exponents.count - column),
                at < bytes.count
            else { return nil }
            column += Int(step)
            let exponent = bytes[at]
            at += 1
            if exponent == Self.bits {
                guard at + 8 <= bytes.count else { return nil }
                let raw = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                wholes[column] = Int64(bitPattern: UInt64(littleEndian: raw))
                at += 8
            } else {
                guard exponent <= Decimal.largestExponent,
                    let whole = Varint.readSigned(bytes, at: &at)
                else { return nil }
                wholes[column] = whole
            }
            exponents[column] = exponent
            columns.append(column)
        }
        return columns
    }

    private mutating func apply(_ changed: [Int], into values: UnsafeMutableBufferPointer<Double>) {
        var (next, exception) = (0, 0)
        exponents.withUnsafeBufferPointer { exponents in
            wholes.withUnsafeMutableBufferPointer { wholes in
                for word in presence.indices {
                    var rest = presence[word]
                    while rest != 0 {
                        let column = word &* 64 &+ rest.trailingZeroBitCount
                        rest &= rest &- 1
                        if exception < changed.count, changed[exception] == column {
                            exception &+= 1
                        } else {
                            wholes[column] &+= residuals[next]
                            next &+= 1
                        }
                        let exponent = exponents[column]
                        values[column] =
                            exponent == Self.bits
                            ? Double(bitPattern: UInt64(bitPattern: wholes[column]))
                            : Decimal.value(
                                wholes[column],
                                exponent: min(Int(exponent), Decimal.largestExponent))
                    }
                }
            }
        }
    }
}
