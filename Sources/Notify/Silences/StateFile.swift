// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A small file that is read at the start and replaced whole: after a kill or a power failure it is
/// the old one or the new one.
struct StateFile: Sendable {
    let path: String

    /// Bytes it may have.
    static let maxSize = 16 << 20

    /// The contents; nil when there is no such file or it cannot be read.
    func read() -> [UInt8]? {
        let file = ul_open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_size <= Self.maxSize else { return [] }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes {
                Glibc.read(file, $0.baseAddress.map { $0 + count }, $0.count - count)
            }
            guard got > 0 else { break }
            count += got
        }
        return Array(bytes[..<count])
    }

    /// Replaces the contents.
    func replace(_ bytes: [UInt8]) throws(NotifyError) {
        let new = path + ".new"
        func failure(_ what: String) -> NotifyError {
            NotifyError("cannot \(what) \(path): \(String(cString: strerror(errno)))")
        }
        let file = ul_open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw failure("write") }
        var count = 0
        while count < bytes.count {
            let written = bytes.withUnsafeBytes {
                write(file, $0.baseAddress.map { $0 + count }, $0.count - count)
            }
            guard written > 0 else {
                let error = failure("write")
                close(file)
                unlink(new)
                throw error
            }
            count += written
        }
        let isSynced = fsync(file) == 0
        close(file)
        guard isSynced, rename(new, path) == 0 else {
            let error = failure("replace")
            unlink(new)
            throw error
        }
    }

    /// Gives a damaged file another name, and says which.
    func setAside() -> String {
        let name = path + ".damaged"
        rename(path, name)
        return name
    }
}
