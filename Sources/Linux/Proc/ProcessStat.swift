// SPDX-License-Identifier: Apache-2.0

/// What `/proc/PID/stat` says of a process (proc(5)).
public struct ProcessStat: Hashable, Sendable {
    /// The state letter: `R`, `S`, `Z`, ...
    public var state: UInt8
    /// Time in user mode in clock ticks.
    public var userTicks: Int64
    /// Time in the kernel in clock ticks.
    public var systemTicks: Int64
    /// The start in clock ticks since boot.
    public var startTicks: Int64
    /// Resident memory in pages.
    public var residentPages: Int64

    /// Reads the file; nil when it is not of that shape. The name in field 2 may hold anything,
    /// parentheses and newlines too, but ends at the last parenthesis.
    public init?(_ bytes: UnsafeRawBufferPointer) {
        guard let end = bytes.lastIndex(of: 0x29), end + 2 < bytes.count else { return nil }
        var scanner = ByteScanner(UnsafeRawBufferPointer(rebasing: bytes[(end + 2)...]))
        state = scanner.current
        var fields: (Int64, Int64, Int64, Int64) = (0, 0, 0, 0)
        for field in 3...24 {
            _ = scanner.skip(0x2d)
            let word = scanner.word()
            var number = ByteScanner(word)
            switch field {
            case 14: fields.0 = number.number() ?? 0
            case 15: fields.1 = number.number() ?? 0
            case 22: fields.2 = number.number() ?? -1
            case 24: fields.3 = number.number() ?? 0
            default: break
            }
            scanner.skipBlanks()
        }
        guard fields.2 >= 0, state != 0 else { return nil }
        userTicks = fields.0
        systemTicks = fields.1
        startTicks = fields.2
        residentPages = fields.3
    }
}
