// SPDX-License-Identifier: Apache-2.0

/// How a server's certificate is judged, and the client's own.
public struct TLSOptions: Hashable, Sendable {
    /// Certificates that may sign the server's, PEM; nil for the system's.
    public var caFile: String?
    /// The client's certificate, PEM.
    public var certFile: String?
    /// Its key, PEM.
    public var keyFile: String?
    /// Whether any certificate is taken.
    public var isUnverified = false

    /// The system's certificates, and no client certificate.
    public init() {}
}

/// How an HTTP target is asked.
public struct HTTPOptions: Hashable, Sendable {
    /// User and password (RFC 7617).
    public struct BasicAuth: Hashable, Sendable {
        /// The user.
        public var username: String
        /// The password.
        public var password: Secret

        /// A user and a password.
        public init(username: String, password: Secret) {
            self.username = username
            self.password = password
        }
    }

    /// The `Authorization` header: its scheme, such as `Bearer`, and what follows it.
    public struct Authorization: Hashable, Sendable {
        /// The scheme.
        public var type: String
        /// What follows it.
        public var credentials: Secret

        /// A scheme and credentials.
        public init(type: String = "Bearer", credentials: Secret) {
            self.type = type
            self.credentials = credentials
        }
    }

    /// User and password, if any.
    public var basicAuth: BasicAuth?
    /// Credentials, if any. `basicAuth` excludes them.
    public var authorization: Authorization?
    /// Certificates.
    public var tls = TLSOptions()
    /// Milliseconds one request may take, all in all.
    public var timeout: Int64 = 10_000

    /// No credentials, the system's certificates, ten seconds.
    public init() {}
}
