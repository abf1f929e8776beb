// SPDX-License-Identifier: Apache-2.0

import CLinux
import Codecs
import Glibc

/// A file of OpenSCAP results.
public enum OpenSCAPFile {
    /// Why a file cannot be taken.
    public struct Failure: Error, CustomStringConvertible {
        /// What was being done, to what, and why it failed.
        public let description: String
    }

    /// Reads `path`. Throws when it cannot be read, is too large, or is no such file.
    public static func read(_ path: String) throws(Failure) -> OpenSCAPResults {
        let file = ul_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
        guard file >= 0 else {
            throw Failure(description: "cannot open \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(description: "\(path) is not a regular file")
        }
        guard status.st_size <= OpenSCAPResults.maxBytes else {
            throw Failure(
                description: "\(path) has \(status.st_size) bytes, more than "
                    + "\(OpenSCAPResults.maxBytes): take `--results` instead of `--results-arf`")
        }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes {
                Glibc.read(file, $0.baseAddress.map { $0 + count }, $0.count - count)
            }
            if got <= 0 { break }
            count += got
        }
        bytes.removeLast(bytes.count - count)
        do { return try OpenSCAPResults(bytes) } catch {
            throw Failure(description: "\(path) is no XCCDF or ARF result: \(error.description)")
        }
    }
}
