// SPDX-License-Identifier: Apache-2.0

/// Files of `key value` lines, such as `cpu.stat` and `memory.stat` (cgroup-v2.rst, "Interface
/// Files"). Lines that are not of that shape are skipped.
public enum FlatKeyed {
    /// Calls `body` with each key and its number.
    @inlinable
    public static func parse(
        _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer, Int64) -> Void
    ) {
        var scanner = ByteScanner(bytes)
        while !scanner.isAtEnd {
            let key = scanner.word()
            scanner.skipBlanks()
            if !key.isEmpty, let value = scanner.number() { body(key, value) }
            scanner.skipLine()
        }
    }

    /// A file with one number, or `max`, which is nil, as is anything else.
    public static func single(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        var scanner = ByteScanner(bytes)
        scanner.skipBlanks()
        return scanner.number()
    }
}
