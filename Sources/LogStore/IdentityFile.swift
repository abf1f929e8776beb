// SPDX-License-Identifier: Apache-2.0

import Glibc
import Model

/// `identity` in a container's directory: whose log it is. Texts that NUL ends, in pairs of a key
/// and a value, then the CRC-32C of what is before it. Keys of container labels begin with `=`.
enum IdentityFile {
    private static let limit = 1 << 20

    static func write(_ identity: LogIdentity, directory: String) throws(LogStoreError) {
        var pairs = [("id", identity.id), ("name", identity.name)]
        pairs.append(("created_ms", String(identity.createdAt)))
        pairs += identity.labels.sorted { $0.key < $1.key }.map { ("=" + $0.key, $0.value) }
        var bytes: [UInt8] = []
        for (key, value) in pairs {
            for text in [key, value] {
                bytes += text.utf8.filter { $0 != 0 }
                bytes.append(0)
            }
            // Labels beyond what one file may hold are left out, they only serve selection.
            if bytes.count > limit / 2 { break }
        }
        var sum = [UInt8](repeating: 0, count: 4)
        Bytes.store(bytes.withUnsafeBytes { Bytes.checksum($0) }, 0, &sum)
        let path = directory + "/" + SegmentName.identity
        do {
            let file = try LogFile(path: path + ".new", flags: O_WRONLY | O_CREAT | O_TRUNC)
            try file.write(bytes + sum, at: 0)
        }
        guard rename(path + ".new", path) == 0 else {
            throw .system("naming", path)
        }
    }

    /// Nil when there is none, or it is damaged.
    static func read(directory: String) -> LogIdentity? {
        guard
            let bytes = LogFile.contents(directory + "/" + SegmentName.identity, limit: limit),
            bytes.count > 4
        else { return nil }
        let body = bytes.dropLast(4)
        let sum: UInt32 = bytes.withUnsafeBytes { Bytes.load($0.count - 4, $0) }
        guard body.withUnsafeBytes({ Bytes.checksum($0) }) == sum else { return nil }
        let texts = body.split(separator: 0, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        var fields: [String: String] = [:]
        var at = 0
        while at + 1 < texts.count {
            fields[texts[at]] = texts[at + 1]
            at += 2
        }
        guard let id = fields["id"], let name = fields["name"] else { return nil }
        let labels = fields.filter { $0.key.hasPrefix("=") }
            .map { (String($0.key.dropFirst()), $0.value) }
        return LogIdentity(
            id: id, name: name, createdAt: fields["created_ms"].flatMap { Int64($0) } ?? 0,
            labels: Dictionary(labels) { $1 })
    }
}
