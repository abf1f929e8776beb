// SPDX-License-Identifier: Apache-2.0

import Notify
import YAML

/// E-mail configurations out of YAML.
enum EmailDecoding {
    static func email(_ node: YAMLNode) throws(ValueError) -> Integration {
        let fields = try Fields(
            node, "an e-mail configuration",
            known: [
                "to", "from", "smarthost", "hello", "auth_username", "auth_password",
                "auth_password_file", "require_tls", "tls_config", "timeout", "send_resolved",
            ])
        let (host, port) = try smarthost(try fields.required("smarthost"), fields)
        var options = EmailOptions(
            host: host, port: port,
            from: try address(try fields.required("from"), "from", fields),
            to: try recipients(fields))
        if let hello = try fields.text("hello") {
            guard hello.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
                throw ValueError("`hello` must be a host's name", at: fields["hello"]?.mark)
            }
            options.hello = hello
        }
        options.username = try fields.text("auth_username")
        options.password = try fields.secret("auth_password", mayBeWritten: false)
        guard (options.username == nil) == (options.password == nil) else {
            throw ValueError("auth_username and auth_password_file go together", at: fields.mark)
        }
        options.requiresTLS = try fields.bool("require_tls") ?? true
        if let node = fields["tls_config"] { options.tls = try ReceiverDecoding.tls(node) }
        if let timeout = try fields.duration("timeout", 1000...300_000) {
            options.timeout = timeout
        }
        return Integration(
            .email(options), sendsResolved: try fields.bool("send_resolved") ?? false)
    }

    private static func smarthost(
        _ text: String, _ fields: Fields
    ) throws(ValueError) -> (String, Int) {
        guard let url = try? TargetURL("http://\(text)"), url.path == "/", text.contains(":") else {
            throw ValueError(
                "`smarthost` is HOST:PORT, such as mail.example.org:587",
                at: fields["smarthost"]?.mark)
        }
        return (url.host, url.port)
    }

    /// `to`: a list, or addresses with commas between as in Alertmanager.
    private static func recipients(_ fields: Fields) throws(ValueError) -> [String] {
        guard let node = fields["to"] else {
            throw ValueError("an e-mail configuration needs `to`", at: fields.mark)
        }
        var texts: [String] = []
        if case .list = node.content {
            texts = try fields.texts("to") ?? []
        } else {
            texts = try fields.required("to").split(separator: ",").map {
                String($0.drop { $0 == " " })
            }
        }
        guard !texts.isEmpty else { throw ValueError("`to` names nobody", at: node.mark) }
        var addresses: [String] = []
        for text in texts { addresses.append(try address(text, "to", fields)) }
        return addresses
    }

    private static func address(
        _ text: String, _ name: String, _ fields: Fields
    ) throws(ValueError) -> String {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        let isPlain = text.utf8.allSatisfy {
            $0 > 0x20 && $0 < 0x7f && !"<>,;\"()".utf8.contains($0)
        }
        guard parts.count == 2, isPlain, parts.allSatisfy({ !$0.isEmpty }) else {
            throw ValueError(
                "`\(name)`: `\(text.prefix(80))` is no plain address such as ops@example.org",
                at: fields[name]?.mark)
        }
        return text
    }
}
