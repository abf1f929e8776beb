// SPDX-License-Identifier: Apache-2.0

public import Model

/// One series of a query's answer, as templates see it.
public struct TemplateSample: Hashable, Sendable {
    /// All labels, `__name__` included.
    public var labels: Labels
    /// The value.
    public var value: Double

    /// A sample of these parts.
    public init(labels: Labels, value: Double) {
        self.labels = labels
        self.value = value
    }
}

/// What a template is expanded with: `.Labels`, `.ExternalLabels`, `.ExternalURL` and `.Value`.
public struct TemplateData: Hashable, Sendable {
    /// The labels of the series an alert is about.
    public var labels: Labels
    /// The labels of this host.
    public var externalLabels: Labels
    /// Where this host's page is.
    public var externalURL: String
    /// What the expression gave.
    public var value: Double

    /// Data of these parts.
    public init(
        labels: Labels = Labels(), externalLabels: Labels = Labels(), externalURL: String = "",
        value: Double = 0
    ) {
        self.labels = labels
        self.externalLabels = externalLabels
        self.externalURL = externalURL
        self.value = value
    }
}

/// A value within a template, with the types Prometheus' templates have.
enum TemplateValue {
    /// No value at all: nil, or an absent key of `args`.
    case nothing
    case boolean(Bool)
    case integer(Int64)
    case number(Double)
    case text(String)
    /// Text that `safeHtml` or `tmpl` made.
    case html(String)
    case labels(Labels)
    case arguments([String: TemplateValue])
    /// A list, which `fromJson` makes.
    case list([TemplateValue])
    case sample(TemplateSample)
    case samples([TemplateSample])
    case data(TemplateData)
    /// Milliseconds since the epoch.
    case time(Milliseconds)
    /// Nanoseconds.
    case duration(Int64)

    /// The type's name in messages.
    var type: String {
        switch self {
        case .nothing: "<nil>"
        case .boolean: "bool"
        case .integer: "int"
        case .number: "float64"
        case .text: "string"
        case .html: "template.HTML"
        case .labels: "map[string]string"
        case .arguments: "map[string]interface {}"
        case .list: "[]interface {}"
        case .sample: "*template.sample"
        case .samples: "template.queryResult"
        case .data:
            "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL "
                + "string; Value float64 }"
        case .time: "*time.Time"
        case .duration: "*time.Duration"
        }
    }

    /// Whether `if` takes it for true: not zero, not empty.
    var isTrue: Bool {
        switch self {
        case .nothing: false
        case .boolean(let value): value
        case .integer(let value): value != 0
        case .number(let value): value != 0
        case .text(let text), .html(let text): !text.isEmpty
        case .labels(let labels): !labels.isEmpty
        case .arguments(let values): !values.isEmpty
        case .list(let values): !values.isEmpty
        case .samples(let samples): !samples.isEmpty
        case .sample, .data, .time, .duration: true
        }
    }

    /// Its text, when it is one.
    var string: String? {
        switch self {
        case .text(let text), .html(let text): text
        default: nil
        }
    }

    /// The value as Go's `%v` prints it.
    var printed: String {
        switch self {
        case .nothing: "<nil>"
        case .boolean(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .number(let value): GoFormat.general(value)
        case .text(let text), .html(let text): text
        case .labels(let labels):
            "map[" + labels.pairs.map { "\($0.name):\($0.value)" }.joined(separator: " ") + "]"
        case .arguments(let values):
            "map["
                + values.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value.printed)" }
                .joined(separator: " ") + "]"
        case .list(let values):
            "[" + values.map(\.printed).joined(separator: " ") + "]"
        case .sample(let sample):
            "{\(TemplateValue.labels(sample.labels).printed) \(GoFormat.general(sample.value))}"
        case .samples(let samples):
            "[" + samples.map { TemplateValue.sample($0).printed }.joined(separator: " ") + "]"
        case .data(let data):
            "{\(TemplateValue.labels(data.labels).printed) "
                + "\(TemplateValue.labels(data.externalLabels).printed) \(data.externalURL) "
                + "\(GoFormat.general(data.value))}"
        case .time(let time): GoTime(time).description
        case .duration(let nanoseconds): GoTime.duration(nanoseconds)
        }
    }
}
