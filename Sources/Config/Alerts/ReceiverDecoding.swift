// SPDX-License-Identifier: Apache-2.0

import Notify
import YAML

/// Receivers and Alertmanagers out of YAML.
enum ReceiverDecoding {
    private static let httpKeys = ["basic_auth", "authorization", "tls_config", "timeout"]

    static func alertmanagers(_ node: YAMLNode) throws(ValueError) -> [AlertmanagerOptions] {
        var all: [AlertmanagerOptions] = []
        for item in try Value.list(node) {
            if case .scalar(let text, _) = item.content {
                all.append(AlertmanagerOptions(url: try url(text, at: item.mark)))
                continue
            }
            let fields = try Fields(item, "an Alertmanager", known: ["url"] + httpKeys)
            let text = try fields.required("url")
            var options = AlertmanagerOptions(
                url: try url(text, at: fields["url"]?.mark ?? fields.mark))
            options.http = try http(fields)
            all.append(options)
        }
        return all
    }

    private static func url(_ text: String, at mark: Mark) throws(ValueError) -> TargetURL {
        do { return try TargetURL(text) } catch {
            throw ValueError(error.description, at: mark)
        }
    }

    static func receivers(_ node: YAMLNode) throws(ValueError) -> [Receiver] {
        var all: [Receiver] = []
        for item in try Value.list(node) {
            let fields = try Fields(
                item, "a receiver", known: ["name"] + decoders.map { $0.key })
            let name = try fields.required("name")
            guard !all.contains(where: { $0.name == name }) else {
                throw ValueError(
                    "there are two receivers `\(name)`", at: fields["name"]?.mark ?? fields.mark)
            }
            var integrations: [Integration] = []
            for (key, decode) in decoders {
                for config in try fields.list(key) { integrations.append(try decode(config)) }
            }
            all.append(Receiver(name: name, integrations: integrations))
        }
        return all
    }

    private typealias Decoder = @Sendable (YAMLNode) throws(ValueError) -> Integration

    private static let decoders: [(key: String, decode: Decoder)] = [
        ("webhook_configs", { node throws(ValueError) in try webhook(node) }),
        ("slack_configs", { node throws(ValueError) in try slack(node) }),
        ("discord_configs", { node throws(ValueError) in try discord(node) }),
        ("msteamsv2_configs", { node throws(ValueError) in try teams(node) }),
        ("ntfy_configs", { node throws(ValueError) in try ntfy(node) }),
        ("telegram_configs", { node throws(ValueError) in try telegram(node) }),
        ("email_configs", { node throws(ValueError) in try EmailDecoding.email(node) }),
        ("exec_configs", { node throws(ValueError) in try exec(node) }),
    ]

    /// An integration over HTTP: its own keys, and `send_resolved` and `http_config`.
    private static func integration(
        _ node: YAMLNode, _ what: String, _ keys: [String],
        _ kind: (Fields, HTTPOptions) throws(ValueError) -> Integration.Kind
    ) throws(ValueError) -> Integration {
        let fields = try Fields(
            node, what, known: keys + ["send_resolved", "http_config", "timeout"])
        var options = HTTPOptions()
        if let config = fields["http_config"] {
            options = try http(try Fields(config, "http_config", known: httpKeys))
        }
        if let timeout = try fields.duration("timeout", 100...300_000) { options.timeout = timeout }
        return Integration(
            try kind(fields, options), sendsResolved: try fields.bool("send_resolved") ?? true)
    }

    private static func webhook(_ node: YAMLNode) throws(ValueError) -> Integration {
        try integration(node, "a webhook", ["url", "url_file"]) { fields, http throws(ValueError) in
            .webhook(url: try fields.address("url"), http: http)
        }
    }

    private static func slack(_ node: YAMLNode) throws(ValueError) -> Integration {
        try integration(node, "a Slack configuration", ["api_url", "api_url_file", "channel"]) {
            fields, http throws(ValueError) in
            .slack(
                url: try fields.address("api_url"), channel: try fields.text("channel") ?? "",
                http: http)
        }
    }

    private static func discord(_ node: YAMLNode) throws(ValueError) -> Integration {
        try integration(node, "a Discord configuration", ["webhook_url", "webhook_url_file"]) {
            fields, http throws(ValueError) in
            .discord(url: try fields.address("webhook_url"), http: http)
        }
    }

    private static func teams(_ node: YAMLNode) throws(ValueError) -> Integration {
        try integration(node, "a Teams configuration", ["webhook_url", "webhook_url_file"]) {
            fields, http throws(ValueError) in
            .teams(url: try fields.address("webhook_url"), http: http)
        }
    }

    private static func ntfy(_ node: YAMLNode) throws(ValueError) -> Integration {
        try integration(node, "an ntfy configuration", ["url", "url_file", "topic"]) {
            fields, http throws(ValueError) in
            let url = fields["url"] == nil && fields["url_file"] == nil
            return .ntfy(
                url: url ? .text("https://ntfy.sh") : try fields.address("url"),
                topic: try fields.required("topic"), http: http)
        }
    }

    private static func telegram(_ node: YAMLNode) throws(ValueError) -> Integration {
        let keys = ["api_url", "bot_token", "bot_token_file", "chat_id"]
        return try integration(node, "a Telegram configuration", keys) {
            fields, http throws(ValueError) in
            guard let token = try fields.secret("bot_token", mayBeWritten: false) else {
                throw ValueError("a Telegram configuration needs `bot_token_file`", at: fields.mark)
            }
            let url =
                fields["api_url"] == nil
                ? Secret.text("https://api.telegram.org") : try fields.address("api_url")
            return .telegram(
                url: url, token: token, chat: try fields.required("chat_id"), http: http)
        }
    }

    private static func exec(_ node: YAMLNode) throws(ValueError) -> Integration {
        let fields = try Fields(
            node, "an exec configuration", known: ["command", "timeout", "send_resolved"])
        guard let command = try fields.texts("command"), command.first?.hasPrefix("/") ?? false
        else {
            throw ValueError(
                "an exec configuration needs `command`, a list that begins with the program's "
                    + "absolute path", at: fields.mark)
        }
        var options = ExecOptions(command: command)
        if let timeout = try fields.duration("timeout", 100...600_000) { options.timeout = timeout }
        return Integration(.exec(options), sendsResolved: try fields.bool("send_resolved") ?? true)
    }

    private static func http(_ fields: Fields) throws(ValueError) -> HTTPOptions {
        var options = HTTPOptions()
        if let node = fields["basic_auth"] {
            let known = ["username", "password", "password_file"]
            let basic = try Fields(node, "basic_auth", known: known)
            guard let password = try basic.secret("password", mayBeWritten: false) else {
                throw ValueError("basic_auth needs `password_file`", at: basic.mark)
            }
            options.basicAuth = HTTPOptions.BasicAuth(
                username: try basic.required("username"), password: password)
        }
        if let node = fields["authorization"] {
            let known = ["type", "credentials", "credentials_file"]
            let other = try Fields(node, "authorization", known: known)
            guard options.basicAuth == nil else {
                throw ValueError("basic_auth and authorization exclude each other", at: node.mark)
            }
            guard let credentials = try other.secret("credentials", mayBeWritten: false) else {
                throw ValueError("authorization needs `credentials_file`", at: other.mark)
            }
            options.authorization = HTTPOptions.Authorization(
                type: try other.text("type") ?? "Bearer", credentials: credentials)
        }
        if let node = fields["tls_config"] { options.tls = try tls(node) }
        if let timeout = try fields.duration("timeout", 100...300_000) { options.timeout = timeout }
        return options
    }

    static func tls(_ node: YAMLNode) throws(ValueError) -> TLSOptions {
        let fields = try Fields(
            node, "tls_config",
            known: ["ca_file", "cert_file", "key_file", "insecure_skip_verify"])
        var options = TLSOptions()
        options.caFile = try fields.text("ca_file")
        options.certFile = try fields.text("cert_file")
        options.keyFile = try fields.text("key_file")
        options.isUnverified = try fields.bool("insecure_skip_verify") ?? false
        guard (options.certFile == nil) == (options.keyFile == nil) else {
            throw ValueError("cert_file and key_file go together", at: fields.mark)
        }
        return options
    }
}
