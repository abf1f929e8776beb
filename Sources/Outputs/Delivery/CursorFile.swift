// SPDX-License-Identifier: Apache-2.0

import Codecs
import Glibc
import Linux

/// The place up to which a sink has everything, on the disk: written beside, synced and renamed,
/// so that there is always a whole one.
struct CursorFile {
    let path: String

    private static let header = "ullage cursor 1\n"

    /// What was saved; nil when nothing was. Throws when the file cannot be read or is damaged.
    func load() throws(ShipError) -> String? {
        let bytes: [UInt8]
        do { bytes = try FileBytes.read(path, limit: 64 << 20) } catch {
            if error.code == ENOENT { return nil }
            throw .system("read the cursor", path, code: error.code)
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 4, text.hasPrefix(Self.header), lines.last == "" else {
            throw ShipError("the cursor \(path) is damaged")
        }
        let body = lines[1..<(lines.count - 2)].joined(separator: "\n")
        guard lines[lines.count - 2] == Self.checksum(body) else {
            throw ShipError("the cursor \(path) is damaged")
        }
        return body
    }

    /// Makes `cursor` what `load` gives, also after a power failure.
    func save(_ cursor: String) throws(ShipError) {
        let text = Self.header + cursor + "\n" + Self.checksum(cursor) + "\n"
        try FileBytes.replace(path, with: Array(text.utf8))
    }

    /// Puts a damaged cursor aside; gives its new path.
    func setAside() throws(ShipError) -> String {
        let other = path + ".damaged-\(Clock.realtimeMilliseconds() / 1000)"
        guard rename(path, other) == 0 else { throw .system("rename the cursor", path) }
        return other
    }

    private static func checksum(_ text: String) -> String {
        let sum = Array(text.utf8).withUnsafeBytes { CRC32C.checksum($0) }
        return String(sum, radix: 16)
    }
}

/// Whole files as bytes.
enum FileBytes {
    struct Failure: Error { let code: Int32 }

    static func read(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw Failure(code: errno) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(file, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure(code: errno) }
            if count == 0 { return bytes }
            guard bytes.count + count <= limit else { throw Failure(code: EFBIG) }
            bytes += buffer[..<count]
        }
    }

    /// Puts `bytes` in place of what a file holds, at once and durably.
    static func replace(_ path: String, with bytes: [UInt8]) throws(ShipError) {
        let other = path + ".new"
        let file = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard file >= 0 else { throw .system("write", other) }
        var code: Int32 = 0
        if !writeAll(bytes, to: file) || fsync(file) != 0 { code = errno }
        if close(file) != 0, code == 0 { code = errno }
        guard code == 0 else {
            unlink(other)
            throw .system("write", other, code: code)
        }
        guard rename(other, path) == 0 else { throw .system("rename", other) }
        // The name is on the disk when its directory is.
        let directory = open(
            String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]),
            O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        guard directory >= 0 else { throw .system("open the directory of", path) }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw .system("sync the directory of", path) }
    }

    /// Whether all of `bytes` could be written; `errno` says why not.
    static func writeAll(_ bytes: [UInt8], to file: Int32) -> Bool {
        var done = 0
        return bytes.withUnsafeBytes { all in
            while done < all.count {
                let count = write(file, all.baseAddress?.advanced(by: done), all.count - done)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                done += count
            }
            return true
        }
    }

    /// Makes a directory and those above it.
    static func makeDirectories(_ path: String) throws(ShipError) {
        var made = ""
        for part in path.split(separator: "/") {
            made += "/" + part
            if mkdir(made, 0o750) != 0, errno != EEXIST {
                throw .system("make the directory", made)
            }
        }
    }
}
