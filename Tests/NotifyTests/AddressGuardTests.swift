// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Notify

/// Which addresses are notified.
@Suite("Targets' addresses")
struct AddressGuardTests {
    @Test(
        "Link-local, metadata and nobody's addresses are refused",
        arguments: [
            "169.254.169.254", "169.254.0.1", "100.100.100.200", "168.63.129.16", "fe80::1",
            "fe80::1%eth0", "fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "ff02::1", "::",
        ])
    func refused(address: String) {
        #expect(!AddressGuard(allowsLinkLocal: false).allows(address))
    }

    @Test(
        "Others are fine, the host's own and private ones too",
        arguments: ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "203.0.113.5", "2001:db8::1"])
    func allowed(address: String) {
        #expect(AddressGuard(allowsLinkLocal: false).allows(address))
    }

    @Test("Link-local ones are allowed when asked for; multicast never is")
    func asked() {
        #expect(AddressGuard(allowsLinkLocal: true).allows("169.254.169.254"))
        #expect(!AddressGuard(allowsLinkLocal: true).allows("ff02::1"))
    }

    @Test("However an address is spelled, it is judged by what it is")
    func spelled() async throws {
        for host in ["169.254.169.254", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376"] {
            await #expect(throws: NotifyError.self, "\(host)") {
                try await AddressGuard(allowsLinkLocal: false).resolve(host)
            }
        }
        #expect(try await AddressGuard(allowsLinkLocal: false).resolve("127.0.0.1") == "127.0.0.1")
    }

    @Test("Addresses of targets are read strictly")
    func urls() throws {
        let url = try TargetURL("https://Example.org:8443/a/b?c=d")
        #expect(url.host == "Example.org" && url.port == 8443 && url.isSecure)
        #expect(url.origin == "https://Example.org:8443")
        #expect(try TargetURL("http://[::1]:9093").appending("/x") == "http://[::1]:9093/x")
        for text in [
            "", "ftp://x", "http://", "http://user:pass@host/", "http://a b/", "http://x:99999",
            "http://x:y", "http://host/#f", "//host", "http://[::1",
        ] {
            #expect(throws: NotifyError.self, "\(text)") { try TargetURL(text) }
        }
    }
}
