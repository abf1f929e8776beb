// SPDX-License-Identifier: Apache-2.0

public import Model
public import PromQL
import Templates
import YAML

/// What the expressions of a rule file are written in.
public enum RuleLanguage: String, Hashable, Sendable {
    /// Prometheus' language, over series.
    case promQL = "promql"
    /// Loki's language, over logs: files named `*.logs.yaml` or `*.logs.yml`.
    case logQL = "logql"

    /// The language of the file at `path`.
    public init(path: String) {
        self = path.hasSuffix(".logs.yaml") || path.hasSuffix(".logs.yml") ? .logQL : .promQL
    }
}

/// A rule as its file has it (https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/).
public struct Rule: Sendable {
    /// What a rule makes.
    public enum Kind: String, Hashable, Sendable {
        /// A series.
        case recording
        /// Alerts.
        case alerting
    }

    /// What it makes.
    public var kind: Kind
    /// The name of the series or of the alert.
    public var name: String
    /// The expression as written.
    public var expression: String
    /// The expression parsed, when it is PromQL.
    public var parsed: Expression?
    /// How long the expression must yield a series before its alert fires.
    public var holdDuration: Milliseconds = 0
    /// How long an alert fires on after the expression yields its series no more.
    public var keepFiringFor: Milliseconds = 0
    /// Labels to set, in order of name; an empty value removes the label. Templates in alerts.
    public var labels: [Label] = []
    /// Annotations, templates in order of name.
    public var annotations: [Label] = []
    /// The templates of `labels` and `annotations`, parsed; empty in recording rules.
    var templates = RuleTemplates()
    /// The line of its file where it begins, from 1.
    public var line: Int
}

/// The templates of an alerting rule, each with its label's or annotation's name.
struct RuleTemplates: Sendable {
    var labels: [(name: String, template: Template)] = []
    var annotations: [(name: String, template: Template)] = []
}

/// A group of rules, evaluated one after the other at one time.
public struct RuleGroup: Sendable {
    /// The file it comes from.
    public var file: String
    /// Its name, unique in its file.
    public var name: String
    /// Time between two evaluations; nil for the default.
    public var interval: Milliseconds?
    /// Series or alerts one rule may yield; 0 for any number.
    public var limit = 0
    /// How far before the time of an evaluation its expressions look; nil for the default.
    public var queryOffset: Milliseconds?
    /// Labels every rule of the group sets, unless it sets them itself.
    public var labels: [Label] = []
    /// The rules in order.
    public var rules: [Rule] = []
    /// What their expressions are written in.
    public var language = RuleLanguage.promQL
    /// The line of its file where it begins, from 1.
    public var line: Int
}

/// One thing that is wrong in a rule file.
public struct RuleProblem: Error, Hashable, CustomStringConvertible, Sendable {
    /// The file.
    public let file: String
    /// The line, from 1; nil when the file as a whole cannot be read.
    public let line: Int?
    /// The column, from 1.
    public let column: Int?
    /// What, with the group and the rule.
    public let message: String

    /// A problem of a file as a whole.
    public init(file: String, _ message: String) {
        self.init(file: file, mark: nil, message: message)
    }

    init(file: String, mark: Mark?, message: String) {
        self.file = file
        self.line = mark?.line
        self.column = mark?.column
        self.message = message
    }

    /// `file:line:column: message`.
    public var description: String {
        guard let line, let column else { return "\(file): \(message)" }
        return "\(file):\(line):\(column): \(message)"
    }
}

/// Everything that is wrong with rule files.
public struct RuleFileError: Error, CustomStringConvertible, Sendable {
    /// The problems in the order of the files.
    public let problems: [RuleProblem]

    init(_ problems: [RuleProblem]) { self.problems = problems }

    /// One problem a line.
    public var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// A rule file: groups of recording and alerting rules in Prometheus' own format.
///
/// What `promtool check rules` of Prometheus 3 accepts is accepted with the same meaning, and what
/// it refuses is refused.
public struct RuleFile: Sendable {
    /// The path.
    public let path: String
    /// The groups in order.
    public let groups: [RuleGroup]

    /// Bytes a file may have.
    public static let maxBytes = 8 << 20

    /// Rules of all groups.
    public var ruleCount: Int { groups.reduce(0) { $0 + $1.rules.count } }

    /// Throws for an expression that cannot be used.
    public typealias Check = @Sendable (String) throws(QueryError) -> Void

    /// Reads a file. Throws all that is wrong with it. `checkLogQL` judges expressions over logs.
    public static func load(
        path: String, checkLogQL: Check? = nil
    ) throws(RuleFileError) -> RuleFile {
        try parse(
            try FileReading.read(path, limit: maxBytes), path: path, checkLogQL: checkLogQL)
    }

    /// Reads the text of the file at `path`. Throws all that is wrong with it.
    public static func parse(
        _ bytes: [UInt8], path: String, checkLogQL: Check? = nil
    ) throws(RuleFileError) -> RuleFile {
        var reader = RuleFileReader(path: path, bytes: bytes, checkLogQL: checkLogQL)
        let groups = reader.read()
        guard reader.problems.isEmpty else {
            throw RuleFileError(
                reader.problems.sorted {
                    ($0.line ?? 0, $0.column ?? 0) < ($1.line ?? 0, $1.column ?? 0)
                })
        }
        return RuleFile(path: path, groups: groups)
    }
}
