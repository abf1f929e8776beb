// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Files that people write, read whole.
enum FileReading {
    static func read(_ path: String, limit: Int) throws(RuleFileError) -> [UInt8] {
        func failure(_ reason: String) -> RuleFileError {
            RuleFileError([
                RuleProblem(file: path, mark: nil, message: "cannot read it: \(reason)")
            ])
        }
        // Not blocking: a named pipe without a writer would hold the reader for ever.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw failure(String(cString: strerror(errno))) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let got = chunk.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
            guard got >= 0 else { throw failure(String(cString: strerror(errno))) }
            if got == 0 { return bytes }
            bytes += chunk[..<got]
            guard bytes.count <= limit else { throw failure("it is over \(limit >> 20) MiB") }
        }
    }
}
