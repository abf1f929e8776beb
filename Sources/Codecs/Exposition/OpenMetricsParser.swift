// SPDX-License-Identifier: Apache-2.0

public import Model

/// Reads OpenMetrics 1.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/) and the
/// Prometheus text format 0.0.4, with quoted UTF-8 names, piece by piece.
///
/// It owns one unfinished line of bounded length, whatever the size of the input. Data flows in
/// by `feed` and out as events; the first mistake throws and leaves the parser unusable.
public struct OpenMetricsParser: Sendable {
    /// Which of the two formats a text is in. They differ in what they say of time and of their
    /// end, and nothing in a text tells for certain which of the two it is.
    public enum Format: Hashable, Sendable {
        /// OpenMetrics: times in seconds; a text without `# EOF` at its end was cut off.
        case openMetrics
        /// Prometheus' text format 0.0.4: times in milliseconds; the end is not marked.
        case text
    }

    /// One thing the text said.
    public enum Event: Hashable, Sendable {
        /// `# TYPE` of a family.
        case type(family: String, MetricType)
        /// `# HELP` of a family.
        case help(family: String, String)
        /// `# UNIT` of a family.
        case unit(family: String, String)
        /// A sample: labels with `__name__`, its value, and its time if the text gives one.
        case sample(Labels, value: Double, timestamp: Milliseconds?)
    }

    /// Bytes a line may have.
    public static let maxLine = 1 << 20
    /// Labels a sample may have.
    public static let maxLabels = 256

    private let format: Format
    private let requiresTime: Bool
    private var sawEnd = false
    /// Lines read so far.
    public private(set) var line = 0
    private var pending: [UInt8] = []
    /// How the last sample's line began, up to its value, and what that said: texts list the
    /// samples of a series one after the other.
    private var lastPrefix: [UInt8] = []
    private var lastLabels = Labels()

    /// A parser before the first byte of a text in this format. With `requiresTime` a sample
    /// without a time is a mistake.
    public init(_ format: Format = .openMetrics, requiresTime: Bool = false) {
        self.format = format
        self.requiresTime = requiresTime
    }

    /// Takes the next bytes of the text and hands each event of a finished line to `body`.
    public mutating func feed(
        _ bytes: ArraySlice<UInt8>, _ body: (Event) throws -> Void
    ) throws {
        var rest = bytes
        while let end = rest.firstIndex(of: 0x0a) {
            if pending.isEmpty {
                try finish(rest[..<end], body)
            } else {
                pending += rest[..<end]
                let whole = pending
                pending.removeAll(keepingCapacity: true)
                try finish(whole[...], body)
            }
            rest = rest[(end + 1)...]
        }
        guard pending.count + rest.count <= Self.maxLine else { throw tooLong }
        pending += rest
    }

    /// Says that the text has ended; a last line without a line feed counts. OpenMetrics without
    /// its `# EOF` is refused: the rest of it is missing.
    public mutating func end(_ body: (Event) throws -> Void) throws {
        if !pending.isEmpty {
            let whole = pending
            pending = []
            try finish(whole[...], body)
        }
        guard sawEnd || format == .text else {
            throw OpenMetricsError(
                line: line + 1, column: 1, reason: "the text ends without `# EOF`: it was cut off")
        }
    }

    private var tooLong: OpenMetricsError {
        OpenMetricsError(
            line: line + 1, column: Self.maxLine,
            reason: "the line is longer than \(Self.maxLine) bytes")
    }

    private mutating func finish(
        _ bytes: ArraySlice<UInt8>, _ body: (Event) throws -> Void
    ) throws {
        guard bytes.count <= Self.maxLine else { throw tooLong }
        line += 1
        var text = LineScanner(bytes, line: line, format: format)
        if text.bytes.last == 0x0d { text.dropLast() }
        text.skipBlanks()
        guard !text.isAtEnd else { return }
        guard !sawEnd || format == .text else { throw text.error("nothing may follow `# EOF`") }
        guard let event = try text.peek == UInt8(ascii: "#") ? comment(&text) : sample(&text)
        else { return }
        try body(event)
    }

    private mutating func comment(
        _ text: inout LineScanner
    ) throws(OpenMetricsError) -> Event? {
        text.advance()
        text.skipBlanks()
        let keyword = text.word()
        if keyword == "EOF" {
            sawEnd = true
            return nil
        }
        guard ["TYPE", "HELP", "UNIT"].contains(keyword) else { return nil }
        text.skipBlanks()
        let family = try text.name(allowsColon: true)
        text.skipBlanks()
        switch keyword {
        case "HELP": return .help(family: family, try text.unescapedRest())
        case "UNIT": return .unit(family: family, text.word())
        default:
            let place = text
            let word = text.word()
            guard let type = Self.types[word] else {
                throw place.error("`\(word.prefix(40))` is no metric type")
            }
            return .type(family: family, type)
        }
    }

    private static let types: [String: MetricType] = [
        "counter": .counter, "gauge": .gauge, "histogram": .histogram, "summary": .summary,
        "unknown": .unknown, "untyped": .unknown, "info": .gauge, "stateset": .gauge,
        "gaugehistogram": .unknown,
    ]

    private mutating func sample(
        _ text: inout LineScanner
    ) throws(OpenMetricsError) -> Event {
        if !lastPrefix.isEmpty, text.bytes.starts(with: lastPrefix) {
            text.advance(by: lastPrefix.count)
            return try value(of: lastLabels, &text)
        }
        let start = text.bytes
        var labels: [Label] = []
        if text.peek != UInt8(ascii: "{") {
            labels.append(Label(name: Labels.metricName, value: try text.name(allowsColon: true)))
            text.skipBlanks()
        }
        if text.peek == UInt8(ascii: "{") { try text.labels(into: &labels) }
        guard labels.contains(where: { $0.name == Labels.metricName && !$0.value.isEmpty }) else {
            throw text.error("the sample has no metric name")
        }
        text.skipBlanks()
        let prefix = start[..<text.bytes.startIndex]
        // A name that touches what follows it is not told from a longer one.
        let last = prefix.last ?? 0
        lastPrefix = last == 0x20 || last == UInt8(ascii: "}") ? Array(prefix) : []
        lastLabels = Labels(labels)
        return try value(of: lastLabels, &text)
    }

    private func value(
        of labels: Labels, _ text: inout LineScanner
    ) throws(OpenMetricsError) -> Event {
        let value = try text.number()
        var timestamp: Milliseconds?
        text.skipBlanks()
        if !text.isAtEnd, text.peek != UInt8(ascii: "#") {
            timestamp = try text.timestamp()
        } else if requiresTime {
            throw text.error("expected the sample's time")
        }
        text.skipBlanks()
        if text.peek == UInt8(ascii: "#") { try text.exemplar() }
        text.skipBlanks()
        guard text.isAtEnd else { throw text.error("expected the end of the line") }
        return .sample(labels, value: value, timestamp: timestamp)
    }
}
