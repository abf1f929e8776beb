// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A directory of sysfs, or of any small files. Makes strings: for what is read seldom.
public struct SysfsDirectory: Sendable {
    /// The directory's path.
    public let path: String

    /// The directory `path`, which need not exist.
    public init(_ path: String) { self.path = path }

    /// Entries a directory may have; the rest is left out.
    public static let maxEntries = 65536

    /// The names of the entries, sorted; none when it cannot be read.
    public func entries() -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while names.count < Self.maxEntries, let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// A directory below this one.
    public func appending(_ name: String) -> SysfsDirectory { SysfsDirectory(path + "/" + name) }

    /// The first line of a file, without blanks at its ends; nil when it cannot be read.
    public func text(_ name: String, _ buffer: inout ReadBuffer) -> String? {
        KernelFile.readOnce(path: path + "/" + name, into: &buffer) { bytes in
            var line = bytes.prefix(4096).prefix { $0 != 0x0a && $0 != 0 }
            while line.last == 0x20 { line.removeLast() }
            while line.first == 0x20 { line.removeFirst() }
            return String(decoding: line, as: UTF8.self)
        }
    }

    /// The number in a file, decimal or `0x` hexadecimal; nil when there is none.
    public func number(_ name: String, _ buffer: inout ReadBuffer) -> Double? {
        guard let text = text(name, &buffer) else { return nil }
        if text.hasPrefix("0x") { return Int64(text.dropFirst(2), radix: 16).map { Double($0) } }
        return Int64(text).map { Double($0) }
    }
}
