// SPDX-License-Identifier: Apache-2.0

import Model

/// The functions of Go's `text/template`.
extension TemplateFunction {
    static let builtins: [String: TemplateFunction] = [
        "not": TemplateFunction([.any]) { values, _ in .boolean(!values[0].isTrue) },
        "len": TemplateFunction([.any]) { values, _ in
            switch values[0] {
            case .text(let text), .html(let text): return .integer(Int64(text.utf8.count))
            case .labels(let labels): return .integer(Int64(labels.pairs.count))
            case .arguments(let values): return .integer(Int64(values.count))
            case .list(let values): return .integer(Int64(values.count))
            case .samples(let samples): return .integer(Int64(samples.count))
            case .nothing: throw TemplateFailure("len of nil pointer")
            default: throw TemplateFailure("len of type \(values[0].type)")
            }
        },
        "index": TemplateFunction([.any], variadic: .any) { values, _ in
            try values.dropFirst().reduce(values[0], index)
        },
        "slice": TemplateFunction([.any], variadic: .any) { values, _ in try slice(values) },
        "print": TemplateFunction([], variadic: .any) { values, _ in .text(print(values)) },
        "println": TemplateFunction([], variadic: .any) { values, _ in
            .text(values.map(\.printed).joined(separator: " ") + "\n")
        },
        "printf": TemplateFunction([.text], variadic: .any) { values, _ in
            .text(GoPrintf.format(values[0].string ?? "", Array(values.dropFirst())))
        },
        "html": TemplateFunction([], variadic: .any) { values, _ in
            .text(TemplateEscaping.html(print(values)))
        },
        "js": TemplateFunction([], variadic: .any) { values, _ in
            .text(TemplateEscaping.script(print(values)))
        },
        "urlquery": TemplateFunction([], variadic: .any) { values, _ in
            .text(TemplateEscaping.query(print(values)))
        },
        "eq": TemplateFunction([.any], variadic: .any) { values, _ in
            guard values.count > 1 else { throw TemplateFailure("missing argument for comparison") }
            for other in values.dropFirst() where try isEqual(values[0], other) {
                return .boolean(true)
            }
            return .boolean(false)
        },
        "ne": TemplateFunction([.any, .any]) { values, _ in
            .boolean(!(try isEqual(values[0], values[1])))
        },
        "lt": TemplateFunction([.any, .any]) { values, _ in
            .boolean(try isLess(values[0], values[1]))
        },
        "le": TemplateFunction([.any, .any]) { values, _ in
            .boolean(try isLessOrEqual(values[0], values[1]))
        },
        // As Go has them: the opposites, which matters for NaN.
        "gt": TemplateFunction([.any, .any]) { values, _ in
            .boolean(!(try isLessOrEqual(values[0], values[1])))
        },
        "ge": TemplateFunction([.any, .any]) { values, _ in
            .boolean(!(try isLess(values[0], values[1])))
        },
    ]

    /// Go's `fmt.Sprint`: a blank between two values of which neither is a string.
    static func print(_ values: [TemplateValue]) -> String {
        var result = ""
        for (i, value) in values.enumerated() {
            if i > 0, !isText(value), !isText(values[i - 1]) { result += " " }
            result += value.printed
        }
        return result
    }

    private static func isText(_ value: TemplateValue) -> Bool {
        switch value {
        case .text, .html: true
        default: false
        }
    }

    private static func index(
        _ item: TemplateValue, _ key: TemplateValue
    ) throws -> TemplateValue {
        func position(_ count: Int) throws -> Int {
            guard case .integer(let index) = key else {
                throw TemplateFailure("cannot index slice/array with type \(key.type)")
            }
            guard index != Int64(count) else {
                let kind = item.string == nil ? "slice" : "string"
                throw TemplateFailure("reflect: \(kind) index out of range")
            }
            guard index >= 0, index < Int64(count) else {
                throw TemplateFailure("index out of range: \(index)")
            }
            return Int(index)
        }
        func name() throws -> String {
            guard case .text(let name) = key else {
                throw TemplateFailure("value has type \(key.type); should be string")
            }
            return name
        }
        switch item {
        case .labels(let labels): return .text(labels[try name()])
        case .arguments(let values): return values[try name()] ?? .nothing
        case .list(let values): return values[try position(values.count)]
        case .samples(let samples): return .sample(samples[try position(samples.count)])
        case .text(let text), .html(let text):
            let bytes = Array(text.utf8)
            return .integer(Int64(bytes[try position(bytes.count)]))
        case .nothing: throw TemplateFailure("index of untyped nil")
        default: throw TemplateFailure("can't index item of type \(item.type)")
        }
    }

    private static func slice(_ values: [TemplateValue]) throws -> TemplateValue {
        let item = values[0]
        let count: Int
        switch item {
        case .text(let text): count = text.utf8.count
        case .samples(let samples): count = samples.count
        case .nothing: throw TemplateFailure("slice of untyped nil")
        default: throw TemplateFailure("can't slice item of type \(item.type)")
        }
        guard values.count <= 4 else {
            throw TemplateFailure("too many slice indexes: \(values.count - 1)")
        }
        var bounds = [0, count]
        for (i, value) in values.dropFirst().enumerated() {
            guard case .integer(let index) = value else {
                throw TemplateFailure("cannot index slice/array with type \(value.type)")
            }
            guard index >= 0, index <= Int64(count) else {
                throw TemplateFailure("index out of range: \(index)")
            }
            if i < 2 { bounds[i] = Int(index) }
        }
        guard bounds[0] <= bounds[1] else {
            throw TemplateFailure("invalid slice index: \(bounds[0]) > \(bounds[1])")
        }
        guard case .text(let text) = item else {
            guard case .samples(let samples) = item else { return .nothing }
            return .samples(Array(samples[bounds[0]..<bounds[1]]))
        }
        guard values.count < 4 else { throw TemplateFailure("cannot 3-index slice a string") }
        return .text(String(decoding: Array(text.utf8)[bounds[0]..<bounds[1]], as: UTF8.self))
    }

    // MARK: Comparisons

    private static func isEqual(_ a: TemplateValue, _ b: TemplateValue) throws -> Bool {
        switch (a, b) {
        case (.boolean(let x), .boolean(let y)): return x == y
        case (.integer(let x), .integer(let y)): return x == y
        case (.number(let x), .number(let y)): return x == y
        case (.text(let x), .text(let y)), (.html(let x), .html(let y)),
            (.text(let x), .html(let y)),
            (.html(let x), .text(let y)):
            return x == y
        case (.nothing, .nothing): return true
        case (.sample(let x), .sample(let y)): return x == y
        case (.labels, _), (.arguments, _), (.list, _), (.samples, _):
            throw TemplateFailure("non-comparable type \(a.printed): \(a.type)")
        default:
            guard !isBasic(a), !isBasic(b) else {
                throw TemplateFailure("incompatible types for comparison")
            }
            return false
        }
    }

    private static func isBasic(_ value: TemplateValue) -> Bool {
        switch value {
        case .boolean, .integer, .number, .text, .html, .duration: true
        default: false
        }
    }

    private static func isLess(_ a: TemplateValue, _ b: TemplateValue) throws -> Bool {
        switch (a, b) {
        case (.integer(let x), .integer(let y)), (.duration(let x), .duration(let y)): return x < y
        case (.number(let x), .number(let y)): return x < y
        case (.text(let x), .text(let y)), (.html(let x), .html(let y)),
            (.text(let x), .html(let y)),
            (.html(let x), .text(let y)):
            return x.utf8.lexicographicallyPrecedes(y.utf8)
        default:
            guard isBasic(a), isBasic(b) else {
                throw TemplateFailure("invalid type for comparison")
            }
            if case (.boolean, .boolean) = (a, b) {
                throw TemplateFailure("invalid type for comparison")
            }
            throw TemplateFailure("incompatible types for comparison")
        }
    }

    private static func isLessOrEqual(_ a: TemplateValue, _ b: TemplateValue) throws -> Bool {
        if try isLess(a, b) { return true }
        return try isEqual(a, b)
    }
}
