// SPDX-License-Identifier: Apache-2.0

import Model
import NIOCore
import NIOPosix
import NIOSSL

/// Tells by e-mail: SMTP (RFC 5321) with STARTTLS (RFC 3207) and AUTH PLAIN or LOGIN (RFC 4954).
struct EmailSender: Sender {
    let options: EmailOptions
    let addresses: AddressGuard

    /// What stops an exchange, and whether it may go better later.
    private struct Refusal: Error {
        let reason: String
        let isFinal: Bool

        init(_ reason: String, isFinal: Bool) {
            self.reason = reason
            self.isFinal = isFinal
        }

        init(_ what: String, _ reply: SMTPReply) {
            self.init("\(what): \(reply.summary)", isFinal: reply.code >= 500)
        }
    }

    func send(_ notification: Notification) async -> Outcome {
        let server = "\(options.host):\(options.port)"
        do {
            let refused = try await deliver(EmailMessage(notification, options).bytes)
            return .sent(note: refused.isEmpty ? nil : "\(server) refused " + refused)
        } catch let refusal as Refusal {
            let reason = "\(server): \(refusal.reason)"
            return refusal.isFinal ? .failed(reason) : .retry(reason, after: nil)
        } catch {
            return .retry("\(server): \(error)", after: nil)
        }
    }

    /// Delivers a message; returns the recipients that the server did not take, with its reasons.
    private func deliver(_ message: [UInt8]) async throws -> String {
        let address = try await addresses.resolve(options.host)
        let context = try NIOSSLContext(configuration: try TLSSetup.client(options.tls))
        let name = options.host == address ? nil : options.host
        let isImplicit = options.port == 465
        let connection = try await SMTPConnection.connect(
            address: address, port: options.port, timeout: options.timeout,
            tls: isImplicit ? (context, name) : nil)
        return try await withTaskCancellationHandler {
            defer { connection.close() }
            let greeting = try await connection.reply()
            guard greeting.code == 220 else { throw Refusal("it does not greet", greeting) }
            let offers = try await greet(connection, context, name, isSecure: isImplicit)
            try await logIn(connection, offers.extensions, offers.isSecure, address)
            return try await hand(message, to: connection)
        } onCancel: {
            connection.close()
        }
    }

    /// Says hello, and again within TLS; returns what the server offers then.
    private func greet(
        _ connection: SMTPConnection, _ context: NIOSSLContext, _ name: String?, isSecure: Bool
    ) async throws -> (extensions: [String], isSecure: Bool) {
        let first = try await connection.command("EHLO \(options.hello)")
        guard first.code == 250 else { throw Refusal("EHLO", first) }
        if isSecure { return (first.lines, true) }
        guard first.lines.contains(where: { $0.uppercased() == "STARTTLS" }) else {
            guard options.requiresTLS else { return (first.lines, false) }
            throw Refusal(
                "it offers no STARTTLS. If the way to it is safe, set require_tls: false",
                isFinal: true)
        }
        let start = try await connection.command("STARTTLS")
        guard start.code == 220 else { throw Refusal("STARTTLS", start) }
        try await connection.startTLS(context, name: name)
        let second = try await connection.command("EHLO \(options.hello)")
        guard second.code == 250 else { throw Refusal("EHLO within TLS", second) }
        return (second.lines, true)
    }

    private func logIn(
        _ connection: SMTPConnection, _ extensions: [String], _ isSecure: Bool, _ address: String
    ) async throws {
        guard let user = options.username, let secret = options.password else { return }
        guard isSecure || address == "::1" || address.hasPrefix("127.") else {
            throw Refusal("the password is not sent without TLS", isFinal: true)
        }
        let password = try secret.read()
        let offered = extensions.first { $0.uppercased().hasPrefix("AUTH") }?.uppercased()
            .split { $0 == " " || $0 == "=" }.dropFirst().map(String.init)
        var reply: SMTPReply
        if offered?.contains("PLAIN") ?? false {
            let token = Base64Text.encode(Array("\0\(user)\0\(password)".utf8))
            reply = try await connection.command("AUTH PLAIN \(token)")
        } else if offered?.contains("LOGIN") ?? false {
            reply = try await connection.command("AUTH LOGIN")
            for part in [user, password] where reply.code == 334 {
                reply = try await connection.command(Base64Text.encode(Array(part.utf8)))
            }
        } else {
            throw Refusal("it offers neither AUTH PLAIN nor AUTH LOGIN", isFinal: true)
        }
        guard reply.code == 235 else { throw Refusal("it refuses the password", reply) }
    }

    private func hand(_ message: [UInt8], to connection: SMTPConnection) async throws -> String {
        let from = try await connection.command("MAIL FROM:<\(options.from)>")
        guard from.code == 250 else { throw Refusal("MAIL FROM", from) }
        var refused: [(String, SMTPReply)] = []
        for to in options.to {
            let reply = try await connection.command("RCPT TO:<\(to)>")
            if reply.code / 10 != 25 { refused.append((to, reply)) }
        }
        if refused.count == options.to.count, let last = refused.last {
            throw Refusal("it takes none of the recipients", last.1)
        }
        let data = try await connection.command("DATA")
        guard data.code == 354 else { throw Refusal("DATA", data) }
        try await connection.write(message + Array("\r\n.\r\n".utf8))
        let taken = try await connection.reply()
        guard taken.code == 250 else { throw Refusal("the message", taken) }
        // The message is theirs; what they say to this changes nothing.
        _ = try? await connection.command("QUIT")
        return refused.map { "\($0.0) (\($0.1.summary))" }.joined(separator: ", ")
    }
}
