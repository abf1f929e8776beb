// SPDX-License-Identifier: Apache-2.0

import Linux
import Matching
import Model
import PromQL
import Templates

/// A template as stages use it: its functions see the line, its fields are the line's labels.
private struct LineTemplate {
    private let template: Template
    private let usesLine: Bool
    private let now: Milliseconds

    init(_ source: String, now: Milliseconds) throws(PatternError) {
        do throws(TemplateError) { template = try Template.line(source, name: "line") } catch {
            throw PatternError(description: error.description)
        }
        usesLine = source.contains("__line__")
        self.now = now
    }

    /// The text for a line; nil, with an error noted, when it cannot be made.
    func expand(_ line: LineState, _ labels: Labels) -> String? {
        var environment = TemplateEnvironment(now: now) { _ in [] }
        environment.timestamp = line.timestamp
        if usesLine { environment.line = line.text }
        do throws(TemplateError) { return try template.expand(labels, environment) } catch {
            line.labels.fail("TemplateFormatErr", error.description)
            return nil
        }
    }
}

/// `line_format`: a new text for the line.
struct LineFormatStep: PipelineStep {
    private let template: LineTemplate

    init(_ source: String, now: Milliseconds) throws(PatternError) {
        template = try LineTemplate(source, now: now)
    }

    func run(_ line: LineState) -> Bool {
        if let text = template.expand(line, line.labels.all) { line.replace(text.utf8) }
        return true
    }
}

/// `label_format`: labels renamed, or with new values.
struct LabelFormatStep: PipelineStep {
    private let assignments: [(label: String, source: String, template: LineTemplate?)]

    init(_ assignments: [LabelAssignment], now: Milliseconds) throws(PatternError) {
        var compiled: [(label: String, source: String, template: LineTemplate?)] = []
        for assignment in assignments {
            let template =
                assignment.isTemplate ? try LineTemplate(assignment.source, now: now) : nil
            compiled.append((assignment.label, assignment.source, template))
        }
        self.assignments = compiled
    }

    func run(_ line: LineState) -> Bool {
        for (label, source, template) in assignments {
            if let template {
                if let value = template.expand(line, line.labels.all) {
                    line.labels.set(label, value)
                }
                continue
            }
            let value = line.labels[source]
            guard !value.isEmpty else { continue }
            line.labels.remove(source)
            line.labels.set(label, value)
        }
        return true
    }
}

/// Whether a template can be used, for the parser.
enum TemplateCheck {
    static func refusal(_ source: String) -> String? {
        do throws(PatternError) { _ = try LineTemplate(source, now: 0) } catch {
            return error.description
        }
        return nil
    }
}
