// SPDX-License-Identifier: Apache-2.0

/// Packs the values of one series. Lossless for every bit pattern, NaN payloads included.
///
///     header    1 byte: kind in bits 0-2, decimal exponent in bits 3-6, bit 7: divisor follows
///     constant  kind 0: the scaled value as signed varint; kind 1: the value's 8 bytes
///     decimal   kind 2 (differences) or 3 (differences of differences): the first scaled value as
///               signed varint, the divisor as varint when bit 7 is set, then the Rice code of the
///               other values' differences divided by the divisor
///     other     kind 4: XOR with the value before, without its leading and trailing zero bits
///               (Pelkonen et al., "Gorilla", VLDB 2015, section 4.1.2)
///
/// Kernel values are whole numbers (microseconds, bytes, counts) or have few decimals, so scaled
/// integers pack to half of what XOR needs; gauges of pages have a divisor of 4096.
public struct ValueCodec: Sendable {
    private enum Kind {
        static let constantDecimal: UInt8 = 0
        static let constantBits: UInt8 = 1
        static let delta: UInt8 = 2
        static let deltaOfDelta: UInt8 = 3
        static let xor: UInt8 = 4
    }

    private var wholes: [Int64] = []
    private var residuals: [Int64] = []
    private var packed: [UInt8] = []

    /// A codec with its working memory; one for each thread.
    public init() {}

    /// Appends the packed form of `values`; the count is not part of it.
    public mutating func encode(_ values: UnsafeBufferPointer<Double>, into output: inout [UInt8]) {
        guard let first = values.first else { return }
        if values.allSatisfy({ $0.bitPattern == first.bitPattern }) {
            return Self.encodeConstant(first, into: &output)
        }
        guard let exponent = scale(values) else { return encodeXOR(values, into: &output) }
        let base = wholes[0]
        let divisor = removeDivisor()
        let count = values.count - 1
        let order = chooseOrder()
        output.append(order | UInt8(exponent) << 3 | (divisor > 1 ? 0x80 : 0))
        Varint.appendSigned(base, to: &output)
        if divisor > 1 { Varint.append(UInt64(divisor), to: &output) }
        reserve(RiceCodec.bound(count))
        let written = packed.withUnsafeMutableBufferPointer { packed in
            residuals.withUnsafeBufferPointer { residuals in
                packed.baseAddress.map { RiceCodec.encode(residuals, to: $0) } ?? 0
            }
        }
        output += packed[..<written]
    }

    private static func encodeConstant(_ value: Double, into output: inout [UInt8]) {
        if let (exponent, whole) = Decimal.find(value) {
            output.append(Kind.constantDecimal | UInt8(exponent) << 3)
            Varint.appendSigned(whole, to: &output)
        } else {
            output.append(Kind.constantBits)
            withUnsafeBytes(of: value.bitPattern.littleEndian) { output += $0 }
        }
    }

    private mutating func reserve(_ count: Int) {
        if packed.count < count { packed = [UInt8](repeating: 0, count: count) }
    }

    /// Puts the scaled values in `wholes`; nil when they have no common exponent.
    private mutating func scale(_ values: UnsafeBufferPointer<Double>) -> Int? {
        wholes.removeAll(keepingCapacity: true)
        wholes.reserveCapacity(values.count)
        var exponent = 0
        for value in values {
            guard Decimal.scaled(value, exponent: exponent) == nil else { continue }
            guard let (larger, _) = Decimal.find(value, from: exponent + 1) else { return nil }
            exponent = larger
        }
        for value in values {
            guard let whole = Decimal.scaled(value, exponent: exponent) else { return nil }
            wholes.append(whole)
        }
        return exponent
    }

    /// Takes the first value and the common divisor out of `wholes`.
    private mutating func removeDivisor() -> Int64 {
        wholes.withUnsafeMutableBufferPointer { wholes in
            let base = wholes[0]
            var divisor: UInt64 = 0
            for i in wholes.indices {
                wholes[i] &-= base
                if divisor != 1 { divisor = Self.greatest(wholes[i].magnitude, divisor) }
            }
            guard divisor > 1 else { return 1 }
            if divisor & (divisor - 1) == 0 {
                let shift = Int64(divisor.trailingZeroBitCount)
                for i in wholes.indices { wholes[i] &>>= shift }
            } else {
                for i in wholes.indices { wholes[i] /= Int64(divisor) }
            }
            return Int64(divisor)
        }
    }

    private static func greatest(_ a: UInt64, _ b: UInt64) -> UInt64 {
        var a = a
        var b = b
        while b != 0 { (a, b) = (b, a % b) }
        return a
    }

    /// Puts the differences of the order that takes fewer bits into `residuals`.
    private mutating func chooseOrder() -> UInt8 {
        let count = wholes.count - 1
        residuals.removeAll(keepingCapacity: true)
        residuals.reserveCapacity(count)
        return wholes.withUnsafeBufferPointer { wholes in
            var first = 0
            var second = 0
            var before: Int64 = 0
            for i in 1...count {
                let delta = wholes[i] &- wholes[i &- 1]
                first &+= 64 &- ZigZag.encode(delta).leadingZeroBitCount
                second &+= 64 &- ZigZag.encode(delta &- before).leadingZeroBitCount
                before = delta
            }
            before = 0
            let isSecond = second < first
            for i in 1...count {
                let delta = wholes[i] &- wholes[i &- 1]
                residuals.append(isSecond ? delta &- before : delta)
                before = delta
            }
            return isSecond ? Kind.deltaOfDelta : Kind.delta
        }
    }

    /// Unpacks as many values as `output` has room for; false when the bytes are not the packed
    /// form of so many. Never reads outside `bytes`, whatever they are. The first `skipping` values
    /// are not wanted: what is in their place afterwards means nothing.
    public func decode(
        _ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableBufferPointer<Double>,
        skipping: Int = 0
    ) -> Bool {
        guard !output.isEmpty else { return true }
        guard let form = Form(bytes, into: output) else { return false }
        guard case .decimal(let differences) = form else { return true }
        let isRead = differences.withResiduals(in: output) {
            RiceCodec.decode(differences.packed, into: $0)
        }
        guard isRead else { return false }
        differences.sum(in: output, skipping: skipping)
        return true
    }

    /// Unpacks two at once, each as `decode` does, which takes less than one after the other.
    public func decode(
        _ first: UnsafeRawBufferPointer, into firstOutput: UnsafeMutableBufferPointer<Double>,
        skipping: Int, and second: UnsafeRawBufferPointer,
        into secondOutput: UnsafeMutableBufferPointer<Double>
    ) -> (Bool, Bool) {
        guard !firstOutput.isEmpty, !secondOutput.isEmpty,
            let firstForm = Form(first, into: firstOutput),
            let secondForm = Form(second, into: secondOutput),
            case .decimal(let one) = firstForm, case .decimal(let other) = secondForm
        else {
            return (
                decode(first, into: firstOutput, skipping: skipping),
                decode(second, into: secondOutput)
            )
        }
        let isRead = one.withResiduals(in: firstOutput) { oneOutput in
            other.withResiduals(in: secondOutput) {
                RiceCodec.decode(one.packed, into: oneOutput, and: other.packed, into: $0)
            }
        }
        if isRead.0 { one.sum(in: firstOutput, skipping: skipping) }
        if isRead.1 { other.sum(in: secondOutput, skipping: 0) }
        return isRead
    }

    /// What a header says of what follows it.
    private enum Form {
        /// The values are unpacked already.
        case done
        case decimal(Differences)

        /// Reads the header, and the values of all forms but one; nil when the bytes are not the
        /// packed form of so many.
        init?(
            _ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableBufferPointer<Double>
        ) {
            guard let header = bytes.first else { return nil }
            let exponent = Int(header >> 3 & 0xf)
            guard exponent <= Decimal.largestExponent else { return nil }
            var at = 1
            switch header & 7 {
            case Kind.constantDecimal:
                guard let whole = Varint.readSigned(bytes, at: &at) else { return nil }
                output.update(repeating: Decimal.value(whole, exponent: exponent))
                self = .done
            case Kind.constantBits:
                guard bytes.count >= 9 else { return nil }
                let bits = bytes.loadUnaligned(fromByteOffset: 1, as: UInt64.self)
                output.update(repeating: Double(bitPattern: UInt64(littleEndian: bits)))
                self = .done
            case Kind.delta, Kind.deltaOfDelta:
                guard let base = Varint.readSigned(bytes, at: &at) else { return nil }
                var divisor: Int64 = 1
                if header & 0x80 != 0 {
                    guard let given = Varint.read(bytes, at: &at) else { return nil }
                    divisor = Int64(bitPattern: given)
                }
                self = .decimal(
                    Differences(
                        packed: UnsafeRawBufferPointer(rebasing: bytes[at...]), base: base,
                        divisor: divisor, exponent: exponent,
                        isSecond: header & 7 == Kind.deltaOfDelta))
            case Kind.xor:
                let rest = UnsafeRawBufferPointer(rebasing: bytes[1...])
                guard ValueCodec.decodeXOR(rest, into: output) else { return nil }
                self = .done
            default: return nil
            }
        }
    }

    /// Differences, or differences of differences, of scaled values.
    private struct Differences {
        let packed: UnsafeRawBufferPointer
        let base: Int64
        let divisor: Int64
        let exponent: Int
        let isSecond: Bool

        /// The residuals are read to where the values go: both take eight bytes.
        @inline(__always)
        func withResiduals<Result>(
            in output: UnsafeMutableBufferPointer<Double>,
            _ body: (UnsafeMutableBufferPointer<Int64>) -> Result
        ) -> Result {
            output.withMemoryRebound(to: Int64.self) {
                body(UnsafeMutableBufferPointer(rebasing: $0[1...]))
            }
        }

        /// Makes values of the residuals that are in their place.
        func sum(in output: UnsafeMutableBufferPointer<Double>, skipping: Int) {
            let power = Decimal.powers[exponent]
            var sum = base
            var delta: Int64 = 0
            output[0] = Double(base) / power
            let start = max(1, min(skipping, output.count))
            for i in 1..<start {
                let residual = Int64(bitPattern: output[i].bitPattern)
                delta = isSecond ? delta &+ residual : residual
                sum &+= delta &* divisor
            }
            for i in start..<max(start, output.count) {
                let residual = Int64(bitPattern: output[i].bitPattern)
                delta = isSecond ? delta &+ residual : residual
                sum &+= delta &* divisor
                output[i] = exponent == 0 ? Double(sum) : Double(sum) / power
            }
        }
    }
}

extension ValueCodec {
    private mutating func encodeXOR(
        _ values: UnsafeBufferPointer<Double>, into output: inout [UInt8]
    ) {
        reserve(values.count * 10 + 32)
        let written = packed.withUnsafeMutableBufferPointer { packed in
            packed.baseAddress.map { Self.encodeXOR(values, to: $0) } ?? 0
        }
        output.append(Kind.xor)
        output += packed[..<written]
    }

    /// A first value of 64 bits, then for each: 0, the same again; 10 and bits, within the last
    /// window; 11, leading zeros in 6 bits, length less one in 6 bits, bits.
    private static func encodeXOR(
        _ values: UnsafeBufferPointer<Double>, to output: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var writer = BitWriter(output)
        var previous = values[0].bitPattern
        writer.putWide(previous, 64)
        var leading = 64
        var trailing = 0
        for value in values.dropFirst() {
            let difference = value.bitPattern ^ previous
            previous = value.bitPattern
            if difference == 0 {
                writer.put(0, 1)
                continue
            }
            let before = difference.leadingZeroBitCount
            let after = difference.trailingZeroBitCount
            let isInside = leading < 64 && before >= leading && after >= trailing
            // A wide window that holds few bits is worth replacing.
            if isInside, before + after < leading + trailing + 13 {
                writer.put(0b10, 2)
            } else {
                leading = before
                trailing = after
                writer.put(0b11, 2)
                writer.put(UInt64(leading), 6)
                writer.put(UInt64(63 - leading - trailing), 6)
            }
            writer.putWide(difference >> UInt64(trailing), 64 - leading - trailing)
        }
        return writer.finish()
    }

    private static func decodeXOR(
        _ bytes: UnsafeRawBufferPointer, into output: UnsafeMutableBufferPointer<Double>
    ) -> Bool {
        var reader = BitReader(bytes)
        var current = reader.readWide(64)
        output[0] = Double(bitPattern: current)
        var length = 0
        var trailing = 0
        for i in 1..<max(1, output.count) {
            if reader.read(1) == 1 {
                if reader.read(1) == 1 {
                    let leading = Int(reader.read(6))
                    length = Int(reader.read(6)) + 1
                    guard leading + length <= 64 else { return false }
                    trailing = 64 - leading - length
                }
                guard length > 0 else { return false }
                current ^= reader.readWide(length) &<< UInt64(trailing)
            }
            output[i] = Double(bitPattern: current)
        }
        return !reader.isOverrun
    }
}
