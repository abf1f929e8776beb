// SPDX-License-Identifier: Apache-2.0

import CLinux

/// A line of text put together in a fixed buffer; what does not fit is cut.
struct Message {
    private let buffer: UnsafeMutablePointer<UInt8>
    private(set) var count = 0
    static let capacity = 4096

    init() { buffer = .allocate(capacity: Self.capacity) }

    /// The text so far, for C functions that take it as theirs but only read.
    var pointer: UnsafeMutablePointer<UInt8> { buffer }

    /// The text so far.
    var bytes: UnsafePointer<UInt8> { UnsafePointer(buffer) }

    /// Begins anew.
    mutating func clear() { count = 0 }

    /// Gives the memory back.
    func free() { buffer.deallocate() }

    mutating func add(_ text: StaticString) { add(text.utf8Start, text.utf8CodeUnitCount) }

    mutating func add(_ text: UnsafePointer<CChar>) {
        add(UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self), strlen(text))
    }

    mutating func add(_ text: UnsafePointer<UInt8>, _ length: Int) {
        let fits = min(length, Self.capacity - count)
        memcpy(buffer + count, text, fits)
        count += fits
    }

    mutating func add(_ byte: UInt8) {
        guard count < Self.capacity else { return }
        buffer[count] = byte
        count += 1
    }

    mutating func add(_ number: Int64) {
        if number < 0 { add(UInt8(ascii: "-")) }
        var rest = number.magnitude
        var divisor: UInt64 = 1
        while rest / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            add(UInt8(ascii: "0") + UInt8(rest / divisor))
            rest %= divisor
            divisor /= 10
        }
    }

    /// Adds text as the inside of a JSON string.
    mutating func addEscaped(_ text: UnsafePointer<CChar>) {
        for i in 0..<strlen(text) {
            let byte = UInt8(bitPattern: text[i])
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { add(UInt8(ascii: "\\")) }
            add(byte < 0x20 ? UInt8(ascii: " ") : byte)
        }
    }

    /// Writes the text; whether all of it was written.
    @discardableResult
    func write(to descriptor: Int32) -> Bool {
        CLinux.write(descriptor, buffer, count) == count
    }

    /// The text as a C string.
    mutating func cString() -> UnsafePointer<CChar> {
        buffer[min(count, Self.capacity - 1)] = 0
        return UnsafeRawPointer(buffer).assumingMemoryBound(to: CChar.self)
    }

    static func standardError(_ text: StaticString) {
        _ = CLinux.write(2, text.utf8Start, text.utf8CodeUnitCount)
    }
}
