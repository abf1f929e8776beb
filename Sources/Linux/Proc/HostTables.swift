// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The tables of procfs that tell of the whole host (proc(5)). Nothing here makes a string but
/// where it says so; lines of another shape are skipped.
public enum HostTables {
    /// Numbers a line may have after its name.
    public static let maxColumns = 32

    /// A line's numbers after `name:` or `name`, up to `maxColumns`.
    public typealias Columns = InlineArray<32, Int64>

    /// Lines of a name and numbers, such as `/proc/net/dev` after its headings and `cpuN` of
    /// `/proc/stat`. `skip` columns before the name are passed over.
    public static func rows(
        _ bytes: UnsafeRawBufferPointer, skipping skip: Int = 0,
        _ body: (_ name: UnsafeRawBufferPointer, _ values: Columns, _ count: Int) -> Void
    ) {
        var scanner = ByteScanner(bytes)
        while !scanner.isAtEnd {
            scanner.skipBlanks()
            for _ in 0..<skip {
                _ = scanner.word()
                scanner.skipBlanks()
            }
            var name = scanner.word()
            // `eth0:123` of old kernels has no blank after the colon.
            var first: Int64?
            if let colon = name.lastIndex(of: 0x3a) {
                if colon + 1 < name.count {
                    var rest = ByteScanner(UnsafeRawBufferPointer(rebasing: name[(colon + 1)...]))
                    first = rest.number()
                }
                if first != nil || colon + 1 == name.count {
                    name = UnsafeRawBufferPointer(rebasing: name[..<colon])
                }
            }
            var values = Columns(repeating: 0)
            var count = 0
            if let first {
                values[0] = first
                count = 1
            }
            while count < maxColumns {
                scanner.skipBlanks()
                guard let value = scanner.number() else { break }
                values[count] = value
                count += 1
            }
            if !name.isEmpty, count > 0 { body(name, values, count) }
            scanner.skipLine()
        }
    }

    /// Lines of hexadecimal columns, such as `/proc/net/softnet_stat`.
    public static func hexRows(
        _ bytes: UnsafeRawBufferPointer, _ body: (_ line: Int, Columns, _ count: Int) -> Void
    ) {
        var line = 0
        var values = Columns(repeating: 0)
        var count = 0
        var number: UInt64 = 0
        var digits = 0
        for position in 0...bytes.count {
            let byte = position < bytes.count ? bytes[position] : 0x0a
            if let digit = hexDigit(byte) {
                number = number << 4 | UInt64(digit)
                digits += 1
                continue
            }
            if digits > 0, count < maxColumns {
                values[count] = Int64(truncatingIfNeeded: number & 0x7fff_ffff_ffff_ffff)
                count += 1
            }
            number = 0
            digits = 0
            guard byte == 0x0a else { continue }
            if count > 0 {
                body(line, values, count)
                line += 1
            }
            count = 0
        }
    }

    /// `/proc/net/snmp` and `netstat`: a line of names, then a line of values, each begun by the
    /// protocol's name and a colon. Negative values are given as they are.
    public static func pairedLines(
        _ bytes: UnsafeRawBufferPointer,
        _ body: (
            _ key: UnsafeRawBufferPointer, _ field: UnsafeRawBufferPointer, _ value: Int64
        ) -> Void
    ) {
        var lines = ByteScanner(bytes)
        while !lines.isAtEnd {
            let namesStart = lines.position
            lines.skipLine()
            let valuesStart = lines.position
            lines.skipLine()
            guard valuesStart < lines.position else { return }
            var names = ByteScanner(
                UnsafeRawBufferPointer(rebasing: bytes[namesStart..<valuesStart]))
            var values = ByteScanner(
                UnsafeRawBufferPointer(rebasing: bytes[valuesStart..<lines.position]))
            let prefix = names.word()
            let other = values.word()
            guard prefix.count > 1, prefix.count == other.count, prefix.last == 0x3a else {
                continue
            }
            let key = UnsafeRawBufferPointer(rebasing: prefix.dropLast())
            while true {
                names.skipBlanks()
                values.skipBlanks()
                let field = names.word()
                let negative = values.skip(0x2d)
                guard !field.isEmpty, let value = values.number() else { break }
                body(key, field, negative ? -value : value)
            }
        }
    }

    /// The bytes queued by all sockets of a `/proc/net/udp`: `tx_queue:rx_queue` in hexadecimal.
    public static func udpQueues(_ bytes: UnsafeRawBufferPointer) -> (tx: Int64, rx: Int64) {
        var scanner = ByteScanner(bytes)
        var total: (tx: Int64, rx: Int64) = (0, 0)
        scanner.skipLine()
        while !scanner.isAtEnd {
            scanner.skipBlanks()
            for _ in 0..<4 {  // sl, local, remote, state
                _ = scanner.word()
                scanner.skipBlanks()
            }
            let queues = scanner.word()
            if let colon = queues.firstIndex(of: 0x3a) {
                total.tx &+= hexNumber(UnsafeRawBufferPointer(rebasing: queues[..<colon]))
                total.rx &+= hexNumber(UnsafeRawBufferPointer(rebasing: queues[(colon + 1)...]))
            }
            scanner.skipLine()
        }
        return total
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x61...0x66: byte - 0x57
        case 0x41...0x46: byte - 0x37
        default: nil
        }
    }

    private static func hexNumber(_ bytes: UnsafeRawBufferPointer) -> Int64 {
        var value: UInt64 = 0
        for byte in bytes.prefix(15) {
            guard let digit = hexDigit(byte) else { break }
            value = value << 4 | UInt64(digit)
        }
        return Int64(truncatingIfNeeded: value)
    }
}
