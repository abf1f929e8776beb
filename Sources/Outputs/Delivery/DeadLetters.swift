// SPDX-License-Identifier: Apache-2.0

import Codecs
import Glibc
import Linux

/// Records that a sink refused for good, in a file that people read: for each parcel a line that
/// says when and why, then its records, each line a JSON document.
///
/// Two files of half the limit; the older one goes when both are full.
struct DeadLetters {
    let path: String
    let limit: Int

    /// Adds a parcel. What cannot be written is lost, which the error says.
    func park(_ records: [UInt8], count: Int, reason: String) throws(ShipError) {
        var head: [UInt8] = Array("{\"time\":\(Clock.realtimeMilliseconds()),\"records\":".utf8)
        head += "\(count),\"reason\":".utf8
        JSONText.append(reason, to: &head)
        head += "}\n".utf8
        var status = stat()
        let size = stat(path, &status) == 0 ? Int(status.st_size) : 0
        if size > 0, size + head.count + records.count > limit / 2 {
            guard rename(path, path + ".1") == 0 else { throw .system("rename", path) }
        }
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        guard file >= 0 else { throw .system("open the dead letters", path) }
        defer { close(file) }
        let kept = min(records.count, max(0, limit / 2 - head.count))
        guard FileBytes.writeAll(head + records[..<kept], to: file) else {
            throw .system("write the dead letters", path)
        }
    }
}
