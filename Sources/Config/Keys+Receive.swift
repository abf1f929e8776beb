// SPDX-License-Identifier: Apache-2.0

import Outputs
import YAML

extension Keys {
    /// The mapping `receive`.
    static let receive: [Key] = [
        Key(
            section: "", name: "receive", preset: "{}",
            comment:
                "What other hosts may send to this one, with `listen` and `senders`; off when it is "
                + "empty. docs/receiving.md has all keys."
        ) { node, c throws(ValueError) in c.receive = try ReceiveReader.receive(node) }
    ]
}

/// Reads `receive`.
private enum ReceiveReader {
    static func receive(_ node: YAMLNode) throws(ValueError) -> Configuration.Receive? {
        var map = try MapReader(node, "`receive`")
        guard !map.all.isEmpty else { return nil }
        let (host, port) = try map.require("listen") { n throws(ValueError) in
            try address(try Value.text(n))
        }
        var receive = Configuration.Receive(host: host, port: port)
        var tls: TLSOptions?
        try map.read("tls") { n throws(ValueError) in tls = try certificate(n) }
        receive.tls = tls
        let isLocal = ["127.0.0.1", "::1"].contains(host)
        guard tls != nil || isLocal else {
            throw ValueError(
                "listening on \(host) needs `tls` with `cert_file` and `key_file`: what is sent, "
                    + "passwords among it, could be read on the way", at: node.mark)
        }
        receive.senders = try map.require("senders") { n throws(ValueError) in try senders(n) }
        try bounds(&map, &receive)
        try map.finish()
        return receive
    }

    private static func address(_ text: String) throws(ValueError) -> (host: String, port: Int) {
        guard let colon = text.lastIndex(of: ":"),
            let port = Int(text[text.index(after: colon)...]), (0...65535).contains(port)
        else { throw ValueError("expected ADDRESS:PORT such as 0.0.0.0:9851") }
        let host = text[..<colon].filter { $0 != "[" && $0 != "]" }
        guard !host.isEmpty else {
            throw ValueError("expected ADDRESS:PORT; 0.0.0.0 stands for all addresses")
        }
        return (host == "localhost" ? "127.0.0.1" : String(host), port)
    }

    private static func certificate(_ node: YAMLNode) throws(ValueError) -> TLSOptions {
        var map = try MapReader(node, "`tls`")
        var tls = TLSOptions()
        tls.certificateFile = try map.require("cert_file") { n throws(ValueError) in
            try Value.text(n)
        }
        tls.keyFile = try map.require("key_file") { n throws(ValueError) in try Value.text(n) }
        try map.read("client_ca_file") { n throws(ValueError) in tls.caFile = try Value.text(n) }
        try map.finish()
        return tls
    }

    private static func senders(_ node: YAMLNode) throws(ValueError) -> [Authentication] {
        guard case .list(let items) = node.content, !items.isEmpty else {
            throw ValueError("expected a list of who may send, each with `basic_auth` or a token")
        }
        var senders: [Authentication] = []
        for item in items {
            var map = try MapReader(item, "an entry of `senders`")
            let sender = try SinkReader.authentication(&map)
            try map.finish()
            switch sender {
            case .basic, .bearer: senders.append(sender)
            default:
                throw ValueError(
                    "expected `basic_auth` with `username` and `password_file`, or "
                        + "`bearer_token_file`", at: item.mark)
            }
        }
        return senders
    }

    private static func bounds(
        _ map: inout MapReader, _ receive: inout Configuration.Receive
    ) throws(ValueError) {
        var new = receive
        try map.read("protocols") { n throws(ValueError) in
            new.protocols = []
            for name in try Value.texts(n) {
                guard let kind = Configuration.Receive.Kind(rawValue: name) else {
                    let known = Configuration.Receive.Kind.allCases.map(\.rawValue)
                    throw ValueError("expected a list of \(known.joined(separator: ", "))")
                }
                new.protocols.insert(kind)
            }
        }
        try map.read("max_body") { n throws(ValueError) in
            new.maxBody = min(64 << 20, try Value.size(n, atLeast: 64 << 10))
        }
        try map.read("max_decoded") { n throws(ValueError) in
            new.maxDecoded = min(256 << 20, try Value.size(n, atLeast: 64 << 10))
        }
        try map.read("max_streams") { n throws(ValueError) in
            new.maxStreams = try Value.integer(n, 1...100_000)
        }
        try map.read("max_connections") { n throws(ValueError) in
            new.maxConnections = try Value.integer(n, 1...65_536)
        }
        receive = new
    }
}
