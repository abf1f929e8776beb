// SPDX-License-Identifier: Apache-2.0

/// An HTTP address in its parts (RFC 3986), so far as a notification's target needs them.
public struct TargetURL: Hashable, Sendable {
    /// Whether the connection is TLS.
    public let isSecure: Bool
    /// The host: a name, or an address without brackets.
    public let host: String
    /// The port.
    public let port: Int
    /// Path and query, with the slash at the start.
    public let path: String

    /// Reads `http://HOST[:PORT][/PATH]`. The error does not repeat the text, which may be secret.
    public init(_ text: String) throws(NotifyError) {
        let lower = text.lowercased()
        let scheme = lower.hasPrefix("https://") ? 8 : lower.hasPrefix("http://") ? 7 : 0
        guard scheme > 0 else {
            throw NotifyError("an address must begin with http:// or https://")
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "#") }) else {
            throw NotifyError("an address has neither blanks nor a fragment (`#`)")
        }
        let rest = text.utf8.dropFirst(scheme)
        let authority = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        guard !authority.contains(UInt8(ascii: "@")) else {
            throw NotifyError("an address must not hold a password; use basic_auth")
        }
        let (host, port) = try Self.split(String(Substring(authority)))
        self.host = host
        self.port = port ?? (scheme == 8 ? 443 : 80)
        isSecure = scheme == 8
        let path = String(Substring(rest.dropFirst(authority.count)))
        self.path = path.hasPrefix("/") ? path : "/" + path
    }

    private static func split(_ authority: String) throws(NotifyError) -> (String, Int?) {
        let host: Substring
        let rest: Substring
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            host = authority[authority.index(after: authority.startIndex)..<end]
            rest = authority[authority.index(after: end)...]
        } else {
            let end = authority.firstIndex(of: ":") ?? authority.endIndex
            host = authority[..<end]
            rest = authority[end...]
        }
        guard !host.isEmpty, host.utf8.count <= 253 else {
            throw NotifyError("an address needs a host")
        }
        guard !rest.isEmpty else { return (String(host), nil) }
        guard rest.hasPrefix(":"), let port = Int(rest.dropFirst()), (1...65535).contains(port)
        else {
            throw NotifyError("the port of an address is a number from 1 to 65535")
        }
        return (String(host), port)
    }

    /// Scheme, host and port: what names a server and holds no secret.
    public var origin: String {
        let name = host.contains(":") ? "[\(host)]" : host
        let isUsual = port == (isSecure ? 443 : 80)
        return (isSecure ? "https://" : "http://") + name + (isUsual ? "" : ":\(port)")
    }

    /// The address with `more` after its path, one slash between.
    func appending(_ more: String) -> String {
        origin + (path.hasSuffix("/") ? String(path.dropLast()) : path) + more
    }
}
