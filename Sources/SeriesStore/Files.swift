// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage

/// What is done to files by their names.
enum Files {
    static func makeDirectory(_ path: String) throws(Errno) {
        if mkdir(path, 0o755) != 0 { throw Errno(rawValue: errno) }
    }

    static func rename(_ path: String, to other: String) throws(Errno) {
        if Glibc.rename(path, other) != 0 { throw Errno(rawValue: errno) }
    }

    /// Bytes of a file; 0 when there is none.
    static func size(_ path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }
}
