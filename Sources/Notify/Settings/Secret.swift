// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A password, a token or an address that holds one. Never printed; a file is read each time the
/// secret is used, so that a rotated one needs no reload.
public enum Secret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// Written in the configuration itself.
    case text(String)
    /// The contents of a file, less the blanks around them.
    case file(String)

    /// `<secret>`, whatever it is.
    public var description: String { "<secret>" }
    /// `<secret>`, whatever it is.
    public var debugDescription: String { "<secret>" }

    /// Bytes a file may have.
    static let maxFile = 64 << 10

    /// The secret itself.
    func read() throws(NotifyError) -> String {
        switch self {
        case .text(let text): return text
        case .file(let path): return try Self.read(path)
        }
    }

    private static func read(_ path: String) throws(NotifyError) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            throw NotifyError(
                "cannot read the secret in \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: maxFile + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes {
                Glibc.read(file, $0.baseAddress.map { $0 + count }, $0.count - count)
            }
            guard got > 0 else { break }
            count += got
        }
        guard count <= maxFile else {
            throw NotifyError("the secret in \(path) is over 64 KiB, which none is")
        }
        let isBlank: (UInt8) -> Bool = { $0 <= 0x20 }
        guard let first = bytes[..<count].firstIndex(where: { !isBlank($0) }),
            let last = bytes[..<count].lastIndex(where: { !isBlank($0) })
        else { throw NotifyError("the secret in \(path) is empty") }
        return String(decoding: bytes[first...last], as: UTF8.self)
    }
}

/// Why a notification cannot be made or sent. Says what was tried, with what, why it failed.
public struct NotifyError: Error, CustomStringConvertible, Sendable {
    /// The sentence, without any secret.
    public let description: String

    init(_ description: String) { self.description = description }
}
