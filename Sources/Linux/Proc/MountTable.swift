// SPDX-License-Identifier: Apache-2.0

/// One line of `/proc/self/mounts` (fstab(5)).
public struct MountedFileSystem: Hashable, Sendable {
    /// The device or other source.
    public var device: String
    /// Where it is mounted.
    public var mountPoint: String
    /// The type.
    public var type: String
    /// Whether it is mounted read-only.
    public var isReadOnly: Bool

    /// The lines of the file, in its order. Strings are made: it is read seldom, off the sampling
    /// thread. Blanks in names are written `\040` and given back as they are.
    public static func parse(_ bytes: UnsafeRawBufferPointer) -> [MountedFileSystem] {
        bytes.split(separator: 0x0a).compactMap { line in
            let fields = line.split(separator: 0x20)
            guard fields.count >= 4 else { return nil }
            let options = fields[3].split(separator: 0x2c)
            return MountedFileSystem(
                device: unescape(fields[0]), mountPoint: unescape(fields[1]),
                type: unescape(fields[2]),
                isReadOnly: options.contains { $0.elementsEqual("ro".utf8) })
        }
    }

    private static func unescape(_ field: Slice<UnsafeRawBufferPointer>) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(field.count)
        var i = field.startIndex
        while i < field.endIndex {
            let digits = field[i...].dropFirst().prefix(3)
            if field[i] == 0x5c, digits.count == 3,
                let byte = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                result.append(byte)
                i += 4
            } else {
                result.append(field[i])
                i += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
