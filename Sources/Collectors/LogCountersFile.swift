// SPDX-License-Identifier: Apache-2.0

import Linux
import Model

/// A shim's `log.counters`: the magic `ULGLOGC1` and little-endian 64-bit counts, of which the first
/// five are read here. The shim keeps more behind them for itself, and shims of different ages run
/// beside each other, so longer files are taken.
final class LogCountersFile {
    private let file: KernelFile

    /// Opens the file; nil when there is none.
    init?(path: String) {
        guard let file = KernelFile(path: path) else { return nil }
        self.file = file
    }

    /// The counts; nil when the file is not of that shape.
    func read(into buffer: inout ReadBuffer) -> LogCounters? {
        try? file.read(into: &buffer) { Self.parse($0) }
    }

    static func parse(_ bytes: UnsafeRawBufferPointer) -> LogCounters? {
        let magic = UnsafeRawBufferPointer(rebasing: bytes.prefix(8))
        guard bytes.count >= 48, magic.equals("ULGLOGC1") else { return nil }
        func word(_ i: Int) -> UInt64 {
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 + i * 8, as: UInt64.self))
        }
        var counters = LogCounters()
        counters.stdoutLines = word(0)
        counters.stderrLines = word(1)
        counters.stdoutBytes = word(2)
        counters.stderrBytes = word(3)
        counters.droppedRecords = word(4)
        return counters
    }
}

/// The names of block devices.
enum DeviceNames {
    /// The same for the number stat(2) gives, whose parts are spread over it (makedev(3)).
    static func name(of device: UInt64) -> String {
        let major = device >> 8 & 0xfff | device >> 32 & 0xffff_f000
        let minor = device & 0xff | device >> 12 & 0xffff_ff00
        return name(Int64(major), Int64(minor))
    }

    /// The same for a number as the kernel writes it, `8:16`.
    static func name(_ text: String) -> String {
        let parts = text.split(separator: ":").map { Int64($0) }
        guard parts.count == 2, let major = parts[0], let minor = parts[1] else { return text }
        return name(major, minor)
    }

    /// `/dev/sda` for a device number, from sysfs; the number itself when that does not know it.
    static func name(_ major: Int64, _ minor: Int64) -> String {
        var buffer = ReadBuffer(capacity: 1024)
        let path = "/sys/dev/block/\(major):\(minor)/uevent"
        let name = KernelFile.readOnce(path: path, into: &buffer) { bytes -> String? in
            String(decoding: bytes, as: UTF8.self).split(separator: "\n")
                .first { $0.hasPrefix("DEVNAME=") }.map { String($0.dropFirst(8)) }
        }
        return name.flatMap { $0 }.map { "/dev/" + $0 } ?? "\(major):\(minor)"
    }
}
