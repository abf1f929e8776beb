// SPDX-License-Identifier: Apache-2.0

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
    /// The text when there is no action in it.
    private let literal: String?

    /// What Prometheus puts before the templates of an alert: `$labels`, `$externalLabels`,
    /// `$externalURL` and `$value`.
    public static let alertPrefix =
        "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}"
        + "{{$externalURL := .ExternalURL}}{{$value := .Value}}"

    /// Parses `text`; `name` is what messages call it. `prefix` is read before it.
    public init(_ text: String, name: String, prefix: String = "") throws(TemplateError) {
        self.name = name
        guard text.utf8.contains(UInt8(ascii: "{")) else {
            (source, nodes, definitions, literal) = ([], [], [:], text)
            return
        }
        source = Array(prefix.utf8) + Array(text.utf8)
        var parser = try TemplateParser(
            source, name: name,
            functions: prefix.isEmpty ? TemplateFunction.names : TemplateFunction.alertNames)
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

    /// What it writes for `data`.
    public func expand(
        _ data: TemplateData, _ environment: TemplateEnvironment
    ) throws(TemplateError) -> String {
        if let literal { return literal }
        var execution = TemplateExecution(template: self, environment: environment)
        do { return try execution.run(.data(data)) } catch let error as TemplateError {
            throw TemplateError("error executing template \(name): \(error.description)")
        } catch {
            throw TemplateError("error executing template \(name): \(error)")
        }
    }
}
