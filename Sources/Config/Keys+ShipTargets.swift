// SPDX-License-Identifier: Apache-2.0

import Model
import Outputs
import YAML

/// Where a sink is, and what it needs to know of who sends.
extension SinkReader {
    static func destination(
        _ kind: SinkOptions.Kind, _ map: inout MapReader
    ) throws(ValueError) -> SinkOptions.Destination {
        switch kind {
        case .syslog, .relp, .forward: return .stream(try stream(&map))
        case .file:
            return .file(
                try map.require("path") { n throws(ValueError) in
                    let path = try Value.text(n)
                    guard path == "-" || path.hasPrefix("/") else {
                        throw ValueError("expected an absolute path, or - for standard output")
                    }
                    return path
                })
        default: return .http(try target(&map))
        }
    }

    static func stream(_ map: inout MapReader) throws(ValueError) -> StreamTarget {
        var target = try map.require("address") { node throws(ValueError) in
            let text = try Value.text(node)
            do throws(ShipError) { return try StreamTarget(address: text) } catch {
                throw ValueError(error.description, at: node.mark)
            }
        }
        try map.read("timeout") { node throws(ValueError) in
            target.timeout = try Value.duration(node, 100...600_000)
        }
        try map.read("tls") { node throws(ValueError) in target.tls = try tls(node) }
        return target
    }

    static func target(_ map: inout MapReader) throws(ValueError) -> HTTPTarget {
        var target = try map.require("url") { node throws(ValueError) in
            let text = try Value.text(node)
            do throws(ShipError) { return try HTTPTarget(url: text) } catch {
                throw ValueError(error.description, at: node.mark)
            }
        }
        try map.read("headers") { node throws(ValueError) in
            target.headers = try texts(node, "`headers`")
        }
        try map.read("tenant") { node throws(ValueError) in
            target.headers["X-Scope-OrgID"] = try Value.text(node)
        }
        try map.read("timeout") { node throws(ValueError) in
            target.timeout = try Value.duration(node, 100...600_000)
        }
        try map.read("proxy_url") { node throws(ValueError) in
            target.proxy = try Value.text(node)
        }
        try map.read("tls") { node throws(ValueError) in target.tls = try tls(node) }
        target.authentication = try authentication(&map)
        return target
    }

    static func tls(_ node: YAMLNode) throws(ValueError) -> TLSOptions {
        var map = try MapReader(node, "`tls`")
        var tls = TLSOptions()
        try map.read("ca_file") { n throws(ValueError) in tls.caFile = try Value.text(n) }
        try map.read("cert_file") { n throws(ValueError) in
            tls.certificateFile = try Value.text(n)
        }
        try map.read("key_file") { n throws(ValueError) in tls.keyFile = try Value.text(n) }
        try map.read("server_name") { n throws(ValueError) in tls.serverName = try Value.text(n) }
        try map.read("insecure_skip_verify") { n throws(ValueError) in
            tls.isUnverified = try Value.boolean(n)
        }
        try map.finish()
        return tls
    }

    static func authentication(
        _ map: inout MapReader
    ) throws(ValueError) -> Authentication {
        var found: [Authentication] = []
        try map.read("basic_auth") { node throws(ValueError) in
            var inner = try MapReader(node, "`basic_auth`")
            let user = try inner.require("username") { n throws(ValueError) in try Value.text(n) }
            let password = try secret(&inner, "password")
            try inner.finish()
            guard let password else {
                throw ValueError("`basic_auth` needs `password` or `password_file`", at: node.mark)
            }
            found.append(.basic(user: user, password: password))
        }
        if let token = try secret(&map, "bearer_token") { found.append(.bearer(token)) }
        try map.read("auth_header") { node throws(ValueError) in
            var inner = try MapReader(node, "`auth_header`")
            let name = try inner.require("name") { n throws(ValueError) in try Value.text(n) }
            let value = try secret(&inner, "value")
            try inner.finish()
            guard let value else {
                throw ValueError("`auth_header` needs `value` or `value_file`", at: node.mark)
            }
            found.append(.header(name: name, value: value))
        }
        guard found.count < 2 else {
            throw ValueError("a sink takes only one of basic_auth, bearer_token and auth_header")
        }
        return found.first ?? .none
    }

    /// `key`, or the file that `key_file` names.
    static func secret(
        _ map: inout MapReader, _ key: String
    ) throws(ValueError) -> Secret? {
        var secret: Secret?
        try map.read(key) { node throws(ValueError) in
            // The value stays out of every message.
            guard case .scalar(let text, _) = node.content, !text.isEmpty else {
                throw ValueError("`\(key)`: expected a text", at: node.mark)
            }
            secret = .value(text)
        }
        try map.read(key + "_file") { node throws(ValueError) in
            guard secret == nil else {
                throw ValueError("`\(key)` and `\(key)_file` are both given", at: node.mark)
            }
            secret = .file(try Value.text(node))
        }
        return secret
    }
}
