// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux
import Logging
import Model
import TestSupport
import Testing

@testable import Notify

/// E-mail to a real SMTP server (aiosmtpd).
@Suite("E-mail")
struct EmailTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory("email")
        try directory.write("s3cret\n", to: "password")
    }

    /// A running server, ended with its owner.
    private final class Server {
        let process = Process()
        let directory: TemporaryDirectory

        init(_ directory: TemporaryDirectory, _ arguments: [String]) throws {
            self.directory = directory
            process.executableURL = URL(filePath: "/usr/bin/python3")
            let script = URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "mailserver.py").path
            process.arguments = [script, directory.path] + arguments
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
        }

        deinit { kill(process.processIdentifier, SIGKILL) }

        func port() async -> Int {
            let file = directory.appending("port")
            _ = await soon { FileManager.default.fileExists(atPath: file) }
            return contents(file).flatMap { Int($0) } ?? 0
        }

        /// The first line of a message says how it came, by whom, from and to whom.
        func mail(_ number: Int) -> String { contents(directory.appending("mail.\(number)")) ?? "" }
    }

    private func certificate() throws -> (cert: String, key: String) {
        let (cert, key) = (directory.appending("cert.pem"), directory.appending("key.pem"))
        let openssl = Process()
        openssl.executableURL = URL(filePath: "/usr/bin/openssl")
        openssl.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost", "-addext",
            "subjectAltName=DNS:localhost",
        ]
        openssl.standardError = FileHandle.nullDevice
        try openssl.run()
        openssl.waitUntilExit()
        return (cert, key)
    }

    private func send(
        port: Int, to recipients: [String] = ["ops@example.org"],
        _ change: (inout EmailOptions) -> Void = { _ in }
    ) async throws -> String? {
        var options = EmailOptions(
            host: "localhost", port: port, from: "ullage@example.org", to: recipients)
        options.timeout = 10_000
        change(&options)
        var settings = NotifySettings()
        settings.receivers = [Receiver(name: "mail", integrations: [Integration(.email(options))])]
        let notifier = try Notifier(
            settings, directory: directory.path,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        return try #require(await notifier.test(receiver: "mail"))[0].error
    }

    @Test(
        "A message goes out within TLS, with a password, by PLAIN or LOGIN",
        arguments: ["", "login"])
    func delivered(mechanism: String) async throws {
        let (cert, key) = try certificate()
        let server = try Server(directory, ["starttls", cert, key, "auth", mechanism])
        let error = try await send(
            port: await server.port(), to: ["a@example.org", "b@example.org"]
        ) {
            $0.tls.caFile = cert
            $0.username = "agent"
            $0.password = .file(directory.appending("password"))
        }
        #expect(error == nil)
        let mail = server.mail(1)
        #expect(mail.hasPrefix("tls agent ullage@example.org a@example.org,b@example.org\n"))
        #expect(mail.contains("\nTo: <a@example.org>,"))
        let parts = mail.replacing("\r\n", with: "\n").split(separator: "\n\n", maxSplits: 1)
        let text = try #require(parts.count == 2 ? parts[1] : nil)
        let body = Data(base64Encoded: text.filter { $0 != "\n" }) ?? Data()
        #expect(String(decoding: body, as: UTF8.self).contains("a test of the receiver mail"))
    }

    @Test(
        "Without TLS nothing goes out, unless that is wanted; a password never does beyond loopback"
    )
    func plain() async throws {
        let server = try Server(directory, [])
        let port = await server.port()
        #expect(try await send(port: port)?.contains("offers no STARTTLS") ?? false)
        #expect(try await send(port: port) { $0.requiresTLS = false } == nil)
        #expect(server.mail(1).hasPrefix("plain - ullage@example.org"))
    }

    @Test("A certificate nobody vouches for, a wrong password and refused recipients are said so")
    func refusals() async throws {
        let (cert, key) = try certificate()
        let server = try Server(directory, ["starttls", cert, key, "auth"])
        let port = await server.port()
        #expect(try await send(port: port)?.contains("connection broke") ?? false)
        let wrong = try await send(port: port) {
            $0.tls.caFile = cert
            $0.username = "agent"
            $0.password = .text("guess")
        }
        #expect(wrong?.contains("refuses the password") ?? false)
        func deliver(_ recipients: [String]) async throws -> String? {
            try await send(port: port, to: recipients) {
                $0.tls.caFile = cert
                $0.username = "agent"
                $0.password = .text("s3cret")
            }
        }
        #expect(try await deliver(["nobody@example.org"])?.contains("550 no such user") ?? false)
        let partly = try await deliver(["nobody@example.org", "ops@example.org"])
        #expect(partly?.contains("nobody@example.org (550") ?? false)
        #expect(server.mail(1).contains("ops@example.org"))
    }

    @Test("A server that is silent, absent or speaks something else does not hold the sender")
    func strange() async throws {
        let sink = try await WebSink()
        let other = try await send(port: sink.port) {
            $0.requiresTLS = false
            $0.timeout = 300
        }
        #expect(other?.contains("longer than 300 ms") ?? false, "\(other ?? "")")
        #expect(try await send(port: 1) != nil)
    }

    @Test("What a server says is bounded and may be anything")
    func fuzz() async {
        var random = SeededRandom(seed: 25)
        for _ in 0..<2000 {
            let replies = SMTPReplies()
            let alphabet = Array("250- 334 ok\r\n\u{0}\u{ff}".utf8)
            let bytes = (0..<Int.random(in: 0..<3000, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? 0
            }
            _ = replies.take(bytes)
            replies.fail("over")
            while let reply = try? await replies.next() {
                #expect((200..<600).contains(reply.code))
            }
        }
    }

    @Test("Headers hold whatever an alert is called")
    func headers() {
        let title = "Füll \r\nBcc: evil@example.org 容量" + String(repeating: "x", count: 300)
        let words = EmailMessage.encodedWords(title)
        for line in words.split(separator: "\r\n") {
            #expect(line.utf8.count <= 76)
            #expect(line.drop { $0 == " " }.hasPrefix("=?utf-8?B?"))
        }
        #expect(EmailMessage.date(1_700_000_000_000) == "Tue, 14 Nov 2023 22:13:20 +0000")
    }
}
