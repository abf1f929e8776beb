// SPDX-License-Identifier: Apache-2.0

/// One alert of one alerting rule: what a rule engine keeps, what notifiers are told, what the API
/// shows.
///
/// Times are milliseconds since the Unix epoch, and mean what they mean in Prometheus
/// (`rules/alerting.go`) and in Alertmanager's API version 2.
public struct Alert: Hashable, Sendable {
    /// How far an alert has come.
    public enum State: String, Hashable, Sendable {
        /// Its expression is false: it was never true for long enough, or the alert is resolved.
        case inactive
        /// Its expression is true, but not yet for as long as the rule's `for` asks.
        case pending
        /// It has been true for long enough. Somebody should be told.
        case firing
    }

    /// `alertname`, the rule's labels after their templates, and those of the series. What makes
    /// an alert the same alert.
    public var labels: Labels
    /// The rule's annotations after their templates, such as `summary`. Not part of its identity.
    public var annotations: Labels
    /// What the expression gave when it was last true.
    public var value: Double
    /// How far the alert has come.
    public var state: State
    /// When the expression became true.
    public var activeAt: Milliseconds
    /// When the alert began to fire; nil while it never has.
    public var startsAt: Milliseconds?
    /// For a resolved alert, when it was resolved. For a firing one that is handed on, until when
    /// it counts as firing unless it is sent again; nil when that is not known.
    public var endsAt: Milliseconds?
    /// Where the expression can be looked at; empty when there is no such page.
    public var generatorURL: String

    /// The label that carries the rule's name.
    public static let nameLabel = "alertname"

    /// An alert of these parts.
    public init(
        labels: Labels, annotations: Labels = Labels(), value: Double, state: State,
        activeAt: Milliseconds, startsAt: Milliseconds? = nil, endsAt: Milliseconds? = nil,
        generatorURL: String = ""
    ) {
        self.labels = labels
        self.annotations = annotations
        self.value = value
        self.state = state
        self.activeAt = activeAt
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.generatorURL = generatorURL
    }

    /// The name of the rule, from the label `alertname`.
    public var name: String { labels[Self.nameLabel] }

    /// Whether the alert is over at `now`: it has an end, and that is not in the future.
    public func isResolved(at now: Milliseconds) -> Bool {
        endsAt.map { $0 <= now } ?? false
    }

    /// The identity of the alert as a number: what Alertmanager calls its fingerprint.
    public var fingerprint: Fingerprint { Fingerprint(labels) }
}

/// A label set's 64-bit number, the one by which Alertmanager and the webhook payload name an alert:
/// FNV-1a over `name 0xff value 0xff` of each label in order
/// (`prometheus/common`, `model/signature.go`).
public struct Fingerprint: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number.
    public let raw: UInt64

    /// The fingerprint of `labels`.
    public init(_ labels: Labels) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        for label in labels.pairs {
            for byte in label.name.utf8 { add(byte) }
            add(0xff)
            for byte in label.value.utf8 { add(byte) }
            add(0xff)
        }
        raw = hash
    }

    /// 16 hexadecimal digits, as Alertmanager writes it.
    public var description: String {
        let digits = String(raw, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    /// Orders by number.
    public static func < (a: Fingerprint, b: Fingerprint) -> Bool { a.raw < b.raw }
}
