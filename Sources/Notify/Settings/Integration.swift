// SPDX-License-Identifier: Apache-2.0

/// One way by which a receiver is told; called an integration, as Alertmanager does.
public struct Integration: Hashable, Sendable {
    /// What is done to tell.
    public enum Kind: Hashable, Sendable {
        /// Alertmanager's webhook payload, version 4, to an address.
        case webhook(url: Secret, http: HTTPOptions)
        /// A Slack incoming webhook, or what imitates one (Mattermost, Rocket.Chat).
        case slack(url: Secret, channel: String, http: HTTPOptions)
        /// A Discord webhook.
        case discord(url: Secret, http: HTTPOptions)
        /// A Microsoft Teams workflow that takes an adaptive card.
        case teams(url: Secret, http: HTTPOptions)
        /// A topic of an ntfy server.
        case ntfy(url: Secret, topic: String, http: HTTPOptions)
        /// A chat of a Telegram bot.
        case telegram(url: Secret, token: Secret, chat: String, http: HTTPOptions)
        /// An e-mail.
        case email(EmailOptions)
        /// A program that is run.
        case exec(ExecOptions)
    }

    /// What is done.
    public var kind: Kind
    /// Whether the end of alerts is told too.
    public var sendsResolved = true

    /// An integration that tells of ends too.
    public init(_ kind: Kind, sendsResolved: Bool = true) {
        self.kind = kind
        self.sendsResolved = sendsResolved
    }

    /// The kind's name, for metrics and messages.
    public var name: String {
        switch kind {
        case .webhook: "webhook"
        case .slack: "slack"
        case .discord: "discord"
        case .teams: "msteams"
        case .ntfy: "ntfy"
        case .telegram: "telegram"
        case .email: "email"
        case .exec: "exec"
        }
    }
}

/// An e-mail and the server that takes it.
public struct EmailOptions: Hashable, Sendable {
    /// The server's host.
    public var host: String
    /// The server's port. At 465 the connection is TLS from the start (RFC 8314).
    public var port: Int
    /// The sender's address.
    public var from: String
    /// The addresses of who gets it.
    public var to: [String]
    /// What the client calls itself in EHLO.
    public var hello = "localhost"
    /// The user, when the server wants one.
    public var username: String?
    /// The user's password.
    public var password: Secret?
    /// Whether a server that offers no STARTTLS is refused.
    public var requiresTLS = true
    /// Certificates.
    public var tls = TLSOptions()
    /// Milliseconds the whole exchange may take.
    public var timeout: Int64 = 30_000

    /// An e-mail from one address to others.
    public init(host: String, port: Int, from: String, to: [String]) {
        self.host = host
        self.port = port
        self.from = from
        self.to = to
    }
}

/// A program that is run for each notification. What alerts say reaches it in its environment, never
/// in its arguments, so that no text of a container is ever read by a shell.
public struct ExecOptions: Hashable, Sendable {
    /// The program's absolute path, and its arguments.
    public var command: [String]
    /// Milliseconds after which it is killed.
    public var timeout: Int64 = 30_000

    /// A command.
    public init(command: [String]) { self.command = command }
}
