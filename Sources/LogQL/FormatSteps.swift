// SPDX-License-Identifier: Apache-2.0

import Matching
import PromQL

/// `line_format`: a new text for the line.
struct LineFormatStep: PipelineStep {
    private let text: [UInt8]

    init(_ source: String) throws(PatternError) {
        text = Array(try PlainText.check(source).utf8)
    }

    func run(_ line: LineState) -> Bool {
        line.replace(text)
        return true
    }
}

/// `label_format`: labels renamed, or with new values.
struct LabelFormatStep: PipelineStep {
    private let assignments: [LabelAssignment]

    init(_ assignments: [LabelAssignment]) throws(PatternError) {
        for assignment in assignments where assignment.isTemplate {
            _ = try PlainText.check(assignment.source)
        }
        self.assignments = assignments
    }

    func run(_ line: LineState) -> Bool {
        for assignment in assignments {
            if assignment.isTemplate {
                line.labels.set(assignment.label, assignment.source)
                continue
            }
            let value = line.labels[assignment.source]
            guard !value.isEmpty else { continue }
            line.labels.remove(assignment.source)
            line.labels.set(assignment.label, value)
        }
        return true
    }
}

/// Formats without templates.
private enum PlainText {
    static func check(_ source: String) throws(PatternError) -> String {
        guard !source.contains("{{") else {
            throw PatternError(
                description: "templates are not evaluated by this version: \(source)")
        }
        return source
    }
}
