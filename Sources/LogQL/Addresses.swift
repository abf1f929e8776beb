// SPDX-License-Identifier: Apache-2.0

/// An IP address as a number, IPv4 and IPv6 apart.
struct Address: Hashable, Sendable {
    var isV6: Bool
    var value: UInt128

    /// Reads `1.2.3.4` or `2001:db8::1`.
    init?(_ text: some Collection<UInt8>) {
        if text.contains(UInt8(ascii: ":")) {
            guard let value = Self.v6(text) else { return nil }
            self.init(isV6: true, value: value)
        } else {
            guard let value = Self.v4(text) else { return nil }
            self.init(isV6: false, value: UInt128(value))
        }
    }

    init(isV6: Bool, value: UInt128) {
        self.isV6 = isV6
        self.value = value
    }

    private static func v4(_ text: some Collection<UInt8>) -> UInt32? {
        var value: UInt32 = 0
        var parts = 0
        for part in text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            guard (1...3).contains(part.count), part.count == 1 || part.first != 0x30,
                part.allSatisfy({ (0x30...0x39).contains($0) })
            else { return nil }
            let number = part.reduce(UInt32(0)) { $0 * 10 + UInt32($1 - 0x30) }
            guard number < 256 else { return nil }
            value = value << 8 | number
            parts += 1
        }
        return parts == 4 ? value : nil
    }

    private static func v6(_ text: some Collection<UInt8>) -> UInt128? {
        guard text.count <= 45 else { return nil }
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard (3...9).contains(parts.count) else { return nil }
        var head: [UInt16] = []
        var tail: [UInt16] = []
        var hasGap = false
        for (i, part) in parts.enumerated() {
            if part.isEmpty {
                // `::` leaves one empty part, or two at an end of the text.
                let isEdge = i == 0 || i == parts.count - 1
                if isEdge {
                    let inner = i == 0 ? 1 : parts.count - 2
                    guard parts[inner].isEmpty else { return nil }
                    continue
                }
                guard !hasGap else { return nil }
                hasGap = true
                continue
            }
            var groups: [UInt16]
            if i == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard let value = v4(part) else { return nil }
                groups = [UInt16(value >> 16), UInt16(truncatingIfNeeded: value)]
            } else {
                guard part.count <= 4,
                    let value = UInt16(String(decoding: part, as: UTF8.self), radix: 16),
                    part.first != UInt8(ascii: "+")
                else { return nil }
                groups = [value]
            }
            if hasGap { tail += groups } else { head += groups }
        }
        let count = head.count + tail.count
        guard hasGap ? count < 8 : count == 8 else { return nil }
        let all = head + [UInt16](repeating: 0, count: 8 - count) + tail
        return all.reduce(0) { $0 << 16 | UInt128($1) }
    }
}

/// The addresses that `ip("...")` means: one, a range `a-b`, or a network `a/bits`.
struct AddressRange: Hashable, Sendable {
    private let first: Address
    private let last: Address

    /// Reads what stands between the quotes.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        if let slash = bytes.firstIndex(of: UInt8(ascii: "/")) {
            let width = bytes[(slash + 1)...]
            guard let address = Address(bytes[..<slash]), (1...3).contains(width.count),
                width.allSatisfy({ (0x30...0x39).contains($0) }),
                let bits = Int(String(decoding: width, as: UTF8.self)),
                bits <= (address.isV6 ? 128 : 32)
            else { return nil }
            let free = (address.isV6 ? 128 : 32) - bits
            let mask: UInt128 = free == 128 ? .max : (1 << UInt128(free)) - 1
            first = Address(isV6: address.isV6, value: address.value & ~mask)
            last = Address(isV6: address.isV6, value: address.value | mask)
        } else if let dash = bytes.firstIndex(of: UInt8(ascii: "-")) {
            guard let from = Address(bytes[..<dash]), let to = Address(bytes[(dash + 1)...]),
                from.isV6 == to.isV6, from.value <= to.value
            else { return nil }
            first = from
            last = to
        } else {
            guard let one = Address(bytes) else { return nil }
            first = one
            last = one
        }
    }

    /// Whether an address is among them.
    func contains(_ address: Address) -> Bool {
        address.isV6 == first.isV6 && (first.value...last.value).contains(address.value)
    }

    /// Whether a text is one of the addresses.
    func matches(_ text: some Collection<UInt8>) -> Bool {
        Address(text).map(contains) ?? false
    }

    /// Whether a line holds one of the addresses.
    func isFound(in line: UnsafeRawBufferPointer) -> Bool {
        var at = 0
        while at < line.count {
            guard Self.isAddressByte(line[at]) else {
                at += 1
                continue
            }
            let start = at
            while at < line.count, Self.isAddressByte(line[at]) { at += 1 }
            // Longer than any address with its port.
            if at - start <= 64, holdsAddress(line[start..<at]) { return true }
        }
        return false
    }

    private func holdsAddress(_ run: Slice<UnsafeRawBufferPointer>) -> Bool {
        guard run.count >= 3 else { return false }
        var run = run
        // The end of a sentence, or of a name.
        while let last = run.last, last == UInt8(ascii: ".") { run = run.dropLast() }
        if matches(run) { return true }
        if run.last == UInt8(ascii: ":"), matches(run.dropLast()) { return true }
        // An IPv4 address with a port.
        guard let colon = run.firstIndex(of: UInt8(ascii: ":")) else { return false }
        return matches(run[..<colon])
    }

    private static func isAddressByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66, UInt8(ascii: "."), UInt8(ascii: ":"): true
        default: false
        }
    }
}
