// SPDX-License-Identifier: Apache-2.0

import CLinux

/// What to start, as `ullage run` wrote it: `key NUL value NUL`, again and again, keys repeated
/// for lists. A format that needs no parser, because every byte of a value but NUL is literal.
struct Spec {
    private let bytes: UnsafeMutablePointer<CChar>
    private let count: Int

    /// More than any command line and environment the kernel would accept.
    private static let limit = 4 << 20

    /// Reads a file of the current directory; nil, with errno set, when that is impossible.
    static func read(_ path: StaticString) -> Spec? {
        let descriptor = Text.with(path) { ul_open($0, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0) }
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let bytes = UnsafeMutablePointer<CChar>.allocate(capacity: limit + 1)
        var count = 0
        while count < limit {
            let got = CLinux.read(descriptor, bytes + count, limit - count)
            if got <= 0 { break }
            count += got
        }
        bytes[count] = 0
        return Spec(bytes: bytes, count: count)
    }

    /// Calls `body` with each key and value, in order.
    func forEach(_ body: (UnsafePointer<CChar>, UnsafePointer<CChar>) -> Void) {
        var at = 0
        while at < count {
            let key = bytes + at
            at += strlen(key) + 1
            guard at < count else { return }
            let value = bytes + at
            at += strlen(value) + 1
            body(key, value)
        }
    }

    /// Calls `body` with each value of `key`.
    func forEach(_ key: StaticString, _ body: (UnsafePointer<CChar>) -> Void) {
        forEach { name, value in
            if Text.equal(name, key) { body(value) }
        }
    }

    /// The last value of `key`, or an empty string.
    func value(_ key: StaticString) -> UnsafePointer<CChar> {
        var found: UnsafePointer<CChar> = UnsafePointer(bytes + count)
        forEach(key) { found = $0 }
        return found
    }

    /// The values of `key` as a NULL-terminated array, for execve(2).
    func array(_ key: StaticString) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
        var length = 0
        forEach(key) { _ in length += 1 }
        let array = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(
            capacity: length + 1)
        var next = 0
        forEach(key) { value in
            array[next] = UnsafeMutablePointer(mutating: value)
            next += 1
        }
        array[next] = nil
        return array
    }
}

/// Text without the standard library's strings, which would bring Unicode tables along.
enum Text {
    static func equal(_ text: UnsafePointer<CChar>, _ literal: StaticString) -> Bool {
        strlen(text) == literal.utf8CodeUnitCount
            && memcmp(text, literal.utf8Start, literal.utf8CodeUnitCount) == 0
    }

    /// Calls `body` with the literal as a C string.
    static func with<R>(_ literal: StaticString, _ body: (UnsafePointer<CChar>) -> R) -> R {
        body(UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self))
    }
}
