// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc

/// A secret that is read when it is needed, so that one that was changed is used at once.
public enum Secret: Hashable, Sendable {
    /// The value itself, from the configuration.
    case value(String)
    /// The contents of a file, without white space at the end. A name without a slash is one of the
    /// service's credentials (systemd.exec(5), `LoadCredential=`).
    case file(String)

    /// The secret. Throws when its file cannot be read; never says what it is.
    func read() throws(ShipError) -> String {
        switch self {
        case .value(let text): return text
        case .file(let name):
            var path = name
            if !name.contains("/") {
                guard let directory = getenv("CREDENTIALS_DIRECTORY") else {
                    throw ShipError(
                        "cannot read the credential \(name): the service was given none "
                            + "(LoadCredential=). Give the path of a file with a slash in it")
                }
                path = String(cString: directory) + "/" + name
            }
            do {
                let bytes = try FileBytes.read(path, limit: 64 << 10)
                let end = bytes.lastIndex { $0 > 0x20 }.map { $0 + 1 } ?? 0
                return String(decoding: bytes[..<end], as: UTF8.self)
            } catch { throw .system("read the secret", path, code: error.code) }
        }
    }
}

/// How a sink knows who sends.
public enum Authentication: Hashable, Sendable {
    /// It does not.
    case none
    /// A user's name and password (RFC 7617).
    case basic(user: String, password: Secret)
    /// A token (RFC 6750).
    case bearer(Secret)
    /// A header of any name.
    case header(name: String, value: Secret)

    /// The header to send, if any.
    public func header() throws(ShipError) -> (name: String, value: String)? {
        switch self {
        case .none: return nil
        case .basic(let user, let password):
            let pair = user + ":" + (try password.read())
            return ("Authorization", "Basic " + Data(pair.utf8).base64EncodedString())
        case .bearer(let token): return ("Authorization", "Bearer " + (try token.read()))
        case .header(let name, let value): return (name, try value.read())
        }
    }
}

/// How a connection is secured.
public struct TLSOptions: Hashable, Sendable {
    /// A file of certificates (PEM) that are trusted instead of the system's.
    public var caFile: String?
    /// The client's certificate and key (PEM).
    public var certificateFile: String?
    /// See `certificateFile`.
    public var keyFile: String?
    /// The name that the server's certificate must have, when it is not the address's.
    public var serverName: String?
    /// Whether any certificate will do.
    public var isUnverified = false

    /// The system's certificates, the address's name.
    public init() {}
}

/// An HTTP server to send to.
public struct HTTPTarget: Hashable, Sendable {
    /// `http://` or `https://`, without user and password.
    public var url: String
    /// How it knows who sends.
    public var authentication = Authentication.none
    /// Headers of every request, such as a tenant's.
    public var headers: [String: String] = [:]
    /// How the connection is secured.
    public var tls = TLSOptions()
    /// Milliseconds from the request's first byte to the answer's last.
    public var timeout: Int64 = 30_000
    /// `http://host:port` of a proxy.
    public var proxy: String?

    /// A server. Throws for an address that is none, with the reason.
    public init(url: String) throws(ShipError) {
        self.url = url
        let shown = Self.withoutSecrets(url)
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw ShipError("the URL `\(shown)` has a character that must be percent-encoded")
        }
        guard let scheme = url.firstRange(of: "://")?.lowerBound,
            ["http", "https"].contains(url[..<scheme].lowercased())
        else { throw ShipError("the URL `\(shown)` must begin with http:// or https://") }
        guard let parsed = URL(string: url), let host = parsed.host(), !host.isEmpty else {
            throw ShipError("the URL `\(shown)` has no host")
        }
        guard parsed.user() == nil, parsed.password() == nil else {
            throw ShipError(
                "the URL `\(shown)` has a user or password in it: give them as `basic_auth`")
        }
        if let port = parsed.port, !(1...65535).contains(port) {
            throw ShipError("the URL `\(shown)` has a port that is none")
        }
    }

    /// The address as it may be shown: without user, password and query.
    public var shown: String { Self.withoutSecrets(url) }

    static func withoutSecrets(_ url: String) -> String {
        var text = String(url.prefix { $0 != "?" && $0 != "#" }.prefix(512))
        if let scheme = text.firstRange(of: "://") {
            let rest = text[scheme.upperBound...]
            let authority = rest.prefix { $0 != "/" }
            if let at = authority.lastIndex(of: "@") {
                text = text[..<scheme.upperBound] + "***" + rest[at...]
            }
        }
        return text
    }
}
