// SPDX-License-Identifier: Apache-2.0

public import Model

/// A template of Go's `text/template` with the functions Prometheus adds, parsed.
///
/// What is written and how many steps it takes are bounded, so that no template can hold its
/// evaluation up or fill the memory.
public struct Template: Sendable {
    /// Bytes a template may write.
    public static let maxOutput = 1 << 20
    /// Values a template may compute.
    static let maxSteps = 1_000_000
    /// Templates that may be within one another.
    static let maxCalls = 50

    let name: String
    let source: [UInt8]
    let nodes: [TemplateNode]
    let definitions: [String: [TemplateNode]]
    /// The functions it may call.
    let functions: [String: TemplateFunction]
    /// The text when there is no action in it.
    private let literal: String?

    /// What Prometheus puts before the templates of an alert: `$labels`, `$externalLabels`,
    /// `$externalURL` and `$value`.
    public static let alertPrefix =
        "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}"
        + "{{$externalURL := .ExternalURL}}{{$value := .Value}}"

    /// Parses `text`; `name` is what messages call it. `prefix` is read before it.
    public init(_ text: String, name: String, prefix: String = "") throws(TemplateError) {
        try self.init(
            text, name: name, prefix: prefix, functions: TemplateFunction.all,
            names: prefix.isEmpty ? TemplateFunction.names : TemplateFunction.alertNames)
    }

    private init(
        _ text: String, name: String, prefix: String, functions: [String: TemplateFunction],
        names: Set<String>
    ) throws(TemplateError) {
        self.name = name
        self.functions = functions
        guard text.utf8.contains(UInt8(ascii: "{")) else {
            (source, nodes, definitions, literal) = ([], [], [:], text)
            return
        }
        source = Array(prefix.utf8) + Array(text.utf8)
        var parser = try TemplateParser(source, name: name, functions: names)
        nodes = try parser.parse()
        definitions = parser.definitions
        literal = nil
    }

    /// Parses the template of an alert's label or annotation. Throws in Prometheus' words.
    public static func alert(
        _ text: String, alert name: String
    ) throws(TemplateError) -> Template {
        try Template(text, name: "__alert_" + name, prefix: alertPrefix)
    }

    /// Parses the template of a log line or of one of its labels, with Loki's functions.
    public static func line(_ text: String, name: String) throws(TemplateError) -> Template {
        let functions = TemplateFunction.lines
        return try Template(
            text, name: name, prefix: "", functions: functions,
            names: Set(functions.keys).union(["and", "or"]))
    }

    /// What it writes for the labels of a line: `.name` is a label, empty when there is none.
    public func expand(
        _ labels: Labels, _ environment: TemplateEnvironment
    ) throws(TemplateError) -> String {
        try expand(.labels(labels), environment)
    }

    /// What it writes for `data`.
    public func expand(
        _ data: TemplateData, _ environment: TemplateEnvironment
    ) throws(TemplateError) -> String {
        try expand(.data(data), environment)
    }

    private func expand(
        _ data: TemplateValue, _ environment: TemplateEnvironment
    ) throws(TemplateError) -> String {
        if let literal { return literal }
        var execution = TemplateExecution(template: self, environment: environment)
        do { return try execution.run(data) } catch let error as TemplateError {
            throw TemplateError("error executing template \(name): \(error.description)")
        } catch {
            throw TemplateError("error executing template \(name): \(error)")
        }
    }
}
