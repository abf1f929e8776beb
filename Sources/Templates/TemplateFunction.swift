// SPDX-License-Identifier: Apache-2.0

/// A function that templates may call, and what it takes.
struct TemplateFunction: Sendable {
    /// What a parameter accepts.
    enum Parameter: Sendable {
        case any, text, sample, samples

        var type: String {
            switch self {
            case .any: "interface {}"
            case .text: "string"
            case .sample: "*template.sample"
            case .samples: "template.queryResult"
            }
        }
    }

    let parameters: [Parameter]
    /// What any number of further arguments must be; nil when there may be none.
    var variadic: Parameter?
    /// Gives the value, or fails without saying where.
    let run: @Sendable ([TemplateValue], TemplateEnvironment) throws -> TemplateValue

    init(
        _ parameters: [Parameter], variadic: Parameter? = nil,
        _ run: @escaping @Sendable ([TemplateValue], TemplateEnvironment) throws -> TemplateValue
    ) {
        self.parameters = parameters
        self.variadic = variadic
        self.run = run
    }

    /// All functions but `and`, `or`, `tmpl` and `call`, which the interpreter has itself.
    static let all = builtins.merging(prometheus) { $1 }
    /// What the parser accepts.
    static let names = alertNames.union(["tmpl"])
    /// What the parser accepts in alerts: Prometheus refuses `tmpl` there.
    static let alertNames = Set(all.keys).union(["and", "or", "call"])
}

/// What a template may ask for while it is expanded.
public struct TemplateEnvironment: Sendable {
    /// The time of the evaluation, in milliseconds since the epoch.
    public var now: Int64
    /// Where this host's page is, without a slash at the end.
    public var externalURL: String
    /// Evaluates an expression at the time of the evaluation.
    public var query: @Sendable (String) throws -> [TemplateSample]
    /// The line that is formatted.
    public var line = ""
    /// When it was written, in nanoseconds since the epoch.
    public var timestamp: Int64 = 0

    /// An environment of these parts.
    public init(
        now: Int64, externalURL: String = "",
        query: @escaping @Sendable (String) throws -> [TemplateSample]
    ) {
        self.now = now
        self.externalURL = externalURL
        self.query = query
    }
}
