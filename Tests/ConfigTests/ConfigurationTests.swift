// SPDX-License-Identifier: Apache-2.0

import Config
import Foundation
import Outputs
import TestSupport
import Testing

@Suite("Configuration")
struct ConfigurationTests {
    private func error(_ text: String) -> String {
        do {
            _ = try Configuration.parse(Array(text.utf8), file: "f.yaml")
            return "no error"
        } catch { return "\(error)" }
    }

    @Test("The shipped file is the documented default")
    func shippedFile() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try #require(contents(root.appending(path: "config/ullage.yaml").path))
        #expect(text == Configuration.documented())
        let parsed = try Configuration.parse(Array(text.utf8), file: "ullage.yaml")
        #expect(parsed.configuration == .default)
    }

    @Test("Values are read")
    func values() throws {
        let text = "listen: '[::1]:1'\nsampling: {interval: 1s}\ncontainers: {labels: [a, b]}\n"
        let parsed = try Configuration.parse(Array(text.utf8), file: "f").configuration
        #expect(parsed.listen.port == 1)
        #expect(parsed.samplingInterval == 1000)
        #expect(parsed.containerLabels == ["a", "b"])
    }

    @Test("An unknown key is an error with its place and a suggestion")
    func unknownKey() {
        #expect(
            error("store:\n  retension: 1d\n")
                == "f.yaml:2:3: unknown key `retension` in `store`; did you mean `retention`?")
    }

    @Test("Everything that is wrong is said at once")
    func allProblems() {
        let text = error("sampling:\n  interval: soon\nlisten: 0.0.0.0:9850\nlog: 3\n")
        #expect(text.contains("f.yaml:2:13: `interval`: expected a duration"))
        #expect(text.contains("f.yaml:3:9: `listen`: only loopback"))
        #expect(text.contains("f.yaml:4:6: `log` must be a mapping"))
    }

    @Test("What is no YAML, too deep, doubled or an alias is refused with its place")
    func malformed() {
        #expect(error("a: [").hasPrefix("f.yaml:"))
        #expect(
            error("listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n").contains(
                "f.yaml:2:1: `listen` is given twice"))
        #expect(error(String(repeating: "[", count: 1000)).contains("too deep"))
        #expect(error("a: &x 1\nb: *x\n").contains("aliases"))
        #expect(error("a: 1\n---\nb: 1\n").contains("second document"))
    }

    @Test("A receiver needs a sender, and TLS where others could listen")
    func receive() throws {
        let text = """
            receive:
              listen: 0.0.0.0:9851
              tls: {cert_file: /c, key_file: /k}
              senders: [{basic_auth: {username: a, password_file: /p}}, {bearer_token_file: t}]
              protocols: [loki]
            """
        let receive = try Configuration.parse(Array(text.utf8), file: "f.yaml").configuration
            .receive
        #expect((receive?.host, receive?.port, receive?.protocols) == ("0.0.0.0", 9851, [.loki]))
        #expect(
            receive?.senders == [.basic(user: "a", password: .file("/p")), .bearer(.file("t"))])
        for (change, to, message) in [
            ("  protocols", "  protocol", "unknown key `protocol`"),
            ("  tls: {cert_file: /c, key_file: /k}", "", "needs `tls`"),
            ("{cert_file: /c, key_file: /k}", "{cert_file: /c}", "needs `key_file`"),
            ("senders", "sender", "needs `senders`"),
            ("{bearer_token_file: t}", "{auth_header: {name: a, value: b}}", "basic_auth"),
            ("{bearer_token_file: t}", "{}", "basic_auth"),
            ("[loki]", "[loky]", "expected a list of"),
            (":9851", "", "ADDRESS:PORT"),
        ] {
            let found = error(text.replacing(change, with: to))
            #expect(found.contains(message), "\(found)")
            #expect(found.hasPrefix("f.yaml:"), "\(found)")
        }
    }

    @Test("Sinks are read, and their mistakes are told with line and column")
    func ship() throws {
        let text = """
            ship:
              - name: central
                type: remote_write
                url: https://example.org/api/v1/write
                tenant: blue
                bearer_token_file: token
                match: ['{name=~"web.*"}']
                relabel:
                  - {source_labels: [image], regex: "(.*):.*", target_label: image}
                batch: {max_records: 500}
            """
        let parsed = try Configuration.parse(Array(text.utf8), file: "f.yaml").configuration
        #expect(parsed.ship.count == 1)
        guard case .http(let target) = parsed.ship[0].destination else {
            Issue.record("no HTTP server")
            return
        }
        #expect(target.headers == ["X-Scope-OrgID": "blue"])
        #expect(target.authentication == .bearer(.file("token")))
        #expect(parsed.ship[0].delivery.batch.records == 500)
        for (change, place, message) in [
            ("https://example.org/api/v1/write", "f.yaml:4:10", "must begin with http://"),
            ("https://example.org/api/v1/write", "f.yaml:4:10", "has a user or password"),
            ("remote_write", "f.yaml:3:11", "expected one of"),
            ("(.*):.*", "f.yaml:9:41", "invalid regular expression"),
            ("tenant", "f.yaml:5:5", "unknown key `tenat` in a sink; did you mean `tenant`?"),
            ("500", "f.yaml:10:26", "`max_records`: expected a whole number"),
            ("{name=~", "f.yaml:7:13", "`match`"),
        ] {
            let replacement =
                switch message {
                case "must begin with http://": "ftp://example.org"
                case "has a user or password": "http://u:hunter2@example.org/"
                case "invalid regular expression": "(.*"
                case "expected one of": "remote_wrote"
                case "`match`": "{name=~~"
                case "`max_records`: expected a whole number": "many"
                default: "tenat"
                }
            let wrong = text.replacingOccurrences(of: change, with: replacement)
            let error = error(wrong)
            #expect(error.contains(place) && error.contains(message), "\(error)")
            #expect(!error.contains("hunter2"))
        }
    }

    @Test("An empty file means the defaults")
    func empty() throws {
        let parsed = try Configuration.parse([], file: "f")
        #expect(parsed.configuration == .default)
        #expect(parsed.notes.count == 1)
    }

    @Test("A missing file, a directory and 10 MB are refused")
    func files() throws {
        let directory = try TemporaryDirectory("config")
        let large = try directory.write(String(repeating: "# \n", count: 3_500_000), to: "large")
        for (path, reason) in [
            (directory.appending("none"), "No such file"), (directory.path, "directory"),
            (large, "over 1 MiB"),
        ] {
            #expect { try Configuration.load(path: path) } throws: { "\($0)".contains(reason) }
        }
    }

    @Test("Random and mutated text never crashes the reader")
    func fuzz() {
        var random = SystemRandomNumberGenerator()
        let base = Array(Configuration.documented().utf8)
        for _ in 0..<300 {
            var bytes = base
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(
                    in: 0...255, using: &random)
            }
            _ = try? Configuration.parse(bytes, file: "f")
        }
    }
}
