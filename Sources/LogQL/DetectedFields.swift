// SPDX-License-Identifier: Apache-2.0

import Codecs
import Matching
import Model
public import PromQL

/// What a line's text holds under a name.
public struct DetectedField: Hashable, Sendable {
    /// The label it becomes.
    public var name: String
    /// What its values look like: `string`, `boolean`, `int`, `float`, `duration` or `bytes`.
    public var type: String
    /// The parsers that find it.
    public var parsers: Set<String>
    /// Its values, so many of them as were kept.
    public var values: Set<String>
}

extension LogEngine {
    /// Values of one field that are kept.
    private static let maxValues = 1_000

    /// The fields that `json` or `logfmt` find in the newest `lines` lines of a query.
    public func detectedFields(
        _ pipeline: LogPipeline, from start: Int64, to end: Int64, lines: Int,
        options query: QueryOptions = .init()
    ) throws(QueryError) -> [DetectedField] {
        var request = LineRequest(start: start, end: end)
        request.limit = lines
        let result = try self.lines(pipeline, request, options: query)
        let parsers: [(String, any PipelineStep)] = [
            ("json", JSONStep([], WantedLabels())),
            ("logfmt", LogfmtStep(isStrict: false, keepsEmpty: false, [], WantedLabels())),
        ]
        var found: [String: DetectedField] = [:]
        let state = LineState()
        for stream in result.streams {
            for line in stream.lines {
                line.bytes.withUnsafeBytes { bytes in
                    let isJSON = bytes.first == UInt8(ascii: "{")
                    let (name, step) = parsers[isJSON ? 0 : 1]
                    state.reset(bytes, timestamp: line.timestamp)
                    state.labels.reset(stream: [:], metadata: [])
                    guard step.run(state), !state.labels.hasError else { return }
                    Self.note(state.labels, name, &found)
                }
            }
        }
        return found.values.sorted { $0.name < $1.name }
    }

    private static func note(
        _ labels: LineLabels, _ parser: String, _ found: inout [String: DetectedField]
    ) {
        labels.forEach { name, value, _ in
            let type = type(of: value)
            guard var field = found[name] else {
                guard found.count < 1_000 else { return }
                found[name] = DetectedField(
                    name: name, type: type, parsers: [parser], values: [value])
                return
            }
            field.parsers.insert(parser)
            if field.values.count < maxValues { field.values.insert(value) }
            if field.type != type {
                let isNumber = Set([field.type, type]) == ["int", "float"]
                field.type = isNumber ? "float" : "string"
            }
            found[name] = field
        }
    }

    private static func type(of value: String) -> String {
        if value == "true" || value == "false" { return "boolean" }
        if Int64(value) != nil { return "int" }
        if value.utf8.first.map({ Literals.isDigit($0) || $0 == UInt8(ascii: "-") }) ?? false {
            if GoNumber.parse(value) != nil { return "float" }
            if GoDuration.parse(value) != nil { return "duration" }
            if ByteSize.parse(value) != nil { return "bytes" }
        }
        return "string"
    }
}
