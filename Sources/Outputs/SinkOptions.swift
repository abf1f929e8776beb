// SPDX-License-Identifier: Apache-2.0

import Glibc
import Matching
public import Model

/// A sink as the configuration has it.
public struct SinkOptions: Hashable, Sendable {
    /// Protocols.
    public enum Kind: String, CaseIterable, Sendable {
        /// Prometheus' remote write.
        case remoteWrite = "remote_write"
        /// OTLP's metrics over HTTP.
        case otlpMetrics = "otlp_metrics"
        /// Loki's push API.
        case loki
        /// VictoriaLogs' JSON lines.
        case victoriaLogs = "victorialogs"
        /// Elasticsearch's and OpenSearch's `_bulk`.
        case elasticsearch
        /// OTLP's log records over HTTP.
        case otlpLogs = "otlp_logs"
        /// systemd-journal-remote.
        case journal
        /// Any HTTP server that takes JSON.
        case http
        /// Syslog over TCP or TLS, without acknowledgements.
        case syslog
        /// Syslog by RELP, with acknowledgements.
        case relp
        /// Fluentd's Forward protocol, with acknowledgements.
        case forward
        /// A file, or standard output.
        case file

        /// Whether it takes samples; the others take log lines.
        public var takesSamples: Bool { self == .remoteWrite || self == .otlpMetrics }

        /// What is sent when the configuration does not say: the first. The others can be chosen.
        public var encodings: [Encoding] {
            switch self {
            case .remoteWrite, .otlpMetrics: [.protobuf]
            case .loki, .otlpLogs: [.protobuf, .json]
            case .victoriaLogs, .elasticsearch, .file: [.ndjson]
            case .syslog, .relp, .forward, .journal: []
            case .http: [.ndjson, .json]
            }
        }
    }

    /// Where a sink is.
    public enum Destination: Hashable, Sendable {
        case http(HTTPTarget)
        case stream(StreamTarget)
        /// A path; `-` for standard output.
        case file(String)

        /// The place as it may be shown.
        public var shown: String {
            switch self {
            case .http(let target): target.shown
            case .stream(let target): target.shown
            case .file(let path): path
            }
        }
    }

    /// How records are written.
    public enum Encoding: String, CaseIterable, Sendable {
        case protobuf, json, ndjson
    }

    /// Its name, which is also that of its directory.
    public var name: String
    /// Its protocol.
    public var kind: Kind
    /// Where it is.
    public var destination: Destination
    /// What syslog's and Forward's protocols need besides.
    public var wire = WireOptions()
    /// How records are written; nil for the protocol's first.
    public var encoding: Encoding?
    /// Remote write's version, 1 or 2.
    public var version = 1
    /// Elasticsearch's index or data stream.
    public var index = "ullage-logs"
    /// How bodies are compressed that are not snappy.
    public var compression = BodyCompression.gzip
    /// Which lines are sent.
    public var lines = LogSource.Lines()
    /// How it is served.
    public var delivery = DeliveryOptions()
    /// Which series or logs it gets: all that satisfy one of these lists; none for all.
    public var selectors: [[Matcher]] = []
    /// Labels added to everything.
    public var externalLabels: [String: String] = [:]
    /// Applied after that.
    public var relabelling: [RelabelOptions] = []

    /// A sink of these parts.
    public init(name: String, kind: Kind, destination: Destination) {
        self.name = name
        self.kind = kind
        self.destination = destination
    }

    /// What is selected and how it is renamed. Throws for an expression that RE2 refuses.
    func selection() throws -> Selection {
        var selection = Selection()
        selection.selectors = try selectors.map { try CompiledMatchers($0) }
        selection.externalLabels = Labels(
            externalLabels.map { Label(name: $0.key, value: $0.value) })
        selection.relabelling = try relabelling.map { try $0.rule() }
        return selection
    }
}

/// What protocols over TCP need to be told.
public struct WireOptions: Hashable, Sendable {
    /// This host's name, in syslog messages and Forward's handshake.
    public var host = "localhost"
    /// Syslog's facility, 0 to 23.
    public var facility = 16
    /// Forward's tag.
    public var tag = "ullage"
    /// Forward's shared key; nil for no handshake.
    public var sharedKey: Secret?
    /// A user, for servers that ask for one.
    public var user = ""
    /// The user's password.
    public var password: Secret?

    /// The defaults, with the host's name.
    public init() {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return }
        let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        if !bytes.isEmpty { host = String(decoding: bytes, as: UTF8.self) }
    }
}

/// What sinks read.
public struct ShipStores: Sendable {
    /// Samples.
    public var feed: any SampleFeed
    /// Log lines; nil when none are kept.
    public var logs: (any LogQuerier)?
    /// Says that there may be more lines; without it sinks look by themselves.
    public var moreLines: ChangeNotice?

    /// The stores.
    public init(
        feed: any SampleFeed, logs: (any LogQuerier)? = nil, moreLines: ChangeNotice? = nil
    ) {
        self.feed = feed
        self.logs = logs
        self.moreLines = moreLines
    }
}

extension SinkOptions {
    func sampleEncoder() -> any SampleEncoder {
        if kind == .otlpMetrics { return OTLPMetricsEncoder(compression) }
        return version == 2 ? RemoteWrite2Encoder() : RemoteWriteEncoder()
    }

    func logEncoder() -> any LogEncoder {
        let isJSON = encoding == .json
        switch kind {
        case .loki: return isJSON ? LokiJSONEncoder(compression) : LokiProtobufEncoder()
        case .otlpLogs:
            return isJSON ? OTLPLogsJSONEncoder(compression) : OTLPLogsEncoder(compression)
        case .elasticsearch: return BulkEncoder(index: index, compression: compression)
        case .victoriaLogs:
            return JSONLinesEncoder(
                names: LogJSON.Names(time: "_time", message: "_msg"),
                type: "application/stream+json", compression: compression)
        case .syslog, .relp:
            return SyslogEncoder(facility: wire.facility, host: wire.host)
        case .forward: return ForwardEncoder(tag: wire.tag)
        case .journal: return JournalExportEncoder(host: wire.host)
        case .http, .file, .remoteWrite, .otlpMetrics:
            return JSONLinesEncoder(
                framing: isJSON ? .list : .lines,
                type: isJSON ? "application/json" : "application/x-ndjson",
                compression: kind == .file ? .none : compression)
        }
    }

    /// Makes what sends to this sink.
    func carrier() throws -> any Carrier {
        switch destination {
        case .http(let target):
            return try HTTPCarrier(withHeaders(target), connections: delivery.batch.parts)
        case .file(let path): return FileCarrier(path)
        case .stream(let target):
            switch kind {
            case .relp: return try StreamCarrier(target, RELPStream())
            case .forward:
                return try StreamCarrier(
                    target,
                    ForwardStream(
                        sharedKey: wire.sharedKey, user: wire.user, password: wire.password,
                        host: wire.host))
            default: return try StreamCarrier(target, SyslogStream())
            }
        }
    }

    /// The target with the headers that the protocol has.
    private func withHeaders(_ given: HTTPTarget) -> HTTPTarget {
        var target = given
        guard kind == .victoriaLogs else { return target }
        for (name, value) in [
            ("VL-Stream-Fields", "container,stream"), ("VL-Msg-Field", "_msg"),
            ("VL-Time-Field", "_time"),
        ] where !target.headers.keys.contains(where: { $0.lowercased() == name.lowercased() }) {
            target.headers[name] = value
        }
        return target
    }

    /// Makes what reads the stores for this sink.
    func source(
        _ stores: ShipStores
    ) throws -> @Sendable (String?) throws -> any ParcelSource {
        let selection = try selection()
        let fromOldest = delivery.fromOldest
        if kind.takesSamples {
            return { cursor in
                try SampleSource(
                    feed: stores.feed,
                    encoders: (0..<delivery.batch.parts).map { _ in sampleEncoder() },
                    selection: selection, cursor: cursor, fromOldest: fromOldest)
            }
        }
        guard let logs = stores.logs else {
            throw ShipError(
                "the sink \(name) takes logs, and none are kept: set `logs.enabled: true`")
        }
        return { cursor in
            try LogSource(
                querier: logs, encoder: { logEncoder() }, selection: selection, lines: lines,
                cursor: cursor, fromOldest: fromOldest)
        }
    }
}

extension Delivery {
    /// A sink, not started, that keeps its files in a directory of its name below `directory`.
    public static func make(
        _ options: SinkOptions, stores: ShipStores, directory: String,
        log: @escaping @Sendable (String) -> Void
    ) throws -> Delivery {
        try Delivery(
            name: options.name, kind: options.kind.rawValue, target: options.destination.shown,
            directory: directory + "/" + options.name, options: options.delivery,
            carrier: try options.carrier(), source: try options.source(stores),
            news: options.kind.takesSamples ? nil : stores.moreLines, log: log)
    }
}
