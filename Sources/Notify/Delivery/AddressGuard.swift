// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Linux

/// Keeps notifications away from addresses that only a mistake or an attack leads to: link-local
/// ones, where clouds hand out credentials, and others that are no host's own.
///
/// Names are resolved here, and the connection goes to the address that was judged, so that a name
/// which resolves differently a moment later changes nothing.
struct AddressGuard: Sendable {
    /// Whether link-local addresses are allowed.
    let allowsLinkLocal: Bool

    /// The first allowed address of `host`, as numbers. Throws when there is none.
    func resolve(_ host: String) async throws(NotifyError) -> String {
        let answer: Result<[String], NotifyError> = await withCheckedContinuation { done in
            BlockingThread.start("resolver") { done.resume(returning: Self.lookUp(host)) }
        }
        let addresses = try answer.get()
        if let address = addresses.first(where: allows) { return address }
        throw NotifyError(
            "\(host) is \(addresses.prefix(4).joined(separator: ", ")), a link-local, metadata or "
                + "multicast address, which is not notified. If it is meant, set "
                + "alerts.allow_link_local")
    }

    private static func lookUp(_ host: String) -> Result<[String], NotifyError> {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_family = AF_UNSPEC
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        guard code == 0 else {
            return .failure(
                NotifyError("cannot resolve \(host): \(String(cString: gai_strerror(code)))"))
        }
        var addresses: [String] = []
        var next = list
        while let info = next {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            if getnameinfo(
                info.pointee.ai_addr, info.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0,
                NI_NUMERICHOST) == 0
            {
                let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                addresses.append(String(decoding: bytes, as: UTF8.self))
            }
            next = info.pointee.ai_next
        }
        return .success(addresses)
    }

    /// Whether an address, in numbers, may be connected to.
    func allows(_ address: String) -> Bool {
        if let v4 = Self.bytes(address, AF_INET, 4) { return allows(v4: v4) }
        let plain = String(address.prefix { $0 != "%" })
        guard let v6 = Self.bytes(plain, AF_INET6, 16) else { return false }
        if let embedded = Self.embedded(v6) { return allows(v4: embedded) }
        // Multicast, and nothing at all.
        if v6[0] == 0xff || v6.allSatisfy({ $0 == 0 }) { return false }
        if allowsLinkLocal { return true }
        let isLinkLocal = v6[0] == 0xfe && v6[1] & 0xc0 == 0x80
        // Amazon's metadata service, fd00:ec2::254.
        let metadata: [UInt8] = [0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x54]
        return !isLinkLocal && v6 != metadata
    }

    private func allows(v4: [UInt8]) -> Bool {
        // "This host", multicast and what lies above (RFC 6890).
        if v4[0] == 0 || v4[0] >= 224 { return false }
        if allowsLinkLocal { return true }
        if v4[0] == 169, v4[1] == 254 { return false }
        // Metadata services outside the link-local range: Alibaba's and Azure's.
        return v4 != [100, 100, 100, 200] && v4 != [168, 63, 129, 16]
    }

    /// The IPv4 address within an IPv6 one: mapped (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056).
    private static func embedded(_ v6: [UInt8]) -> [UInt8]? {
        let zeros = [UInt8](repeating: 0, count: 10)
        if v6.starts(with: zeros), v6[10] == 0xff, v6[11] == 0xff { return Array(v6[12...]) }
        let nat64: [UInt8] = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]
        if v6.starts(with: nat64) { return Array(v6[12...]) }
        if v6[0] == 0x20, v6[1] == 0x02 { return Array(v6[2..<6]) }
        return nil
    }

    private static func bytes(_ text: String, _ family: Int32, _ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return inet_pton(family, text, &bytes) == 1 ? bytes : nil
    }
}
