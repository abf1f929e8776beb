// SPDX-License-Identifier: Apache-2.0

import Model
import PromQL

/// One thing that a script of Prometheus' test language asks for
/// (https://github.com/prometheus/prometheus/blob/main/promql/promqltest/README.md).
enum Command {
    case clear
    case load([(Labels, [(Milliseconds, Double)])])
    case eval(Evaluation)
}

/// An expression with what its value must be.
struct Evaluation {
    enum Kind {
        case instant(Milliseconds)
        case range(start: Milliseconds, end: Milliseconds, step: Milliseconds)
    }
    struct Expectation {
        var isExact = false
        var text: String?
    }

    let line: Int
    let kind: Kind
    let expression: String
    var isFailure = false
    var failure = Expectation()
    var warnings: [Expectation] = []
    var infos: [Expectation] = []
    var noWarnings = false
    var noInfos = false
    var isOrdered = false
    var string: String?
    /// The times of an expected range vector.
    var matrix: (start: Milliseconds, step: Milliseconds)?
    var scalar: Double?
    var series: [(labels: Labels, values: [Double?])] = []
    /// Whether it is about native histograms.
    var isNative = false
}

/// Why a script cannot be read.
struct ScriptError: Error, CustomStringConvertible {
    let description: String
}

/// Reads scripts.
struct Script {
    private let lines: [Substring]
    private var at = 0
    private(set) var commands: [Command] = []

    init(_ text: String) throws {
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        while at < lines.count {
            let line = trimmed(lines[at])
            if line.isEmpty || line.hasPrefix("#") {
                at += 1
            } else if line == "clear" {
                commands.append(.clear)
                at += 1
            } else if line.hasPrefix("load") {
                commands.append(.load(try load(line)))
            } else if line.hasPrefix("eval") {
                commands.append(.eval(try evaluation(line)))
            } else {
                throw ScriptError(description: "line \(at + 1): cannot read: \(line)")
            }
        }
    }

    private func trimmed(_ text: Substring) -> String {
        var text = text
        while let first = text.first, first.isWhitespace { text = text.dropFirst() }
        while let last = text.last, last.isWhitespace { text = text.dropLast() }
        return String(text)
    }

    /// The lines up to the next empty one or comment.
    private mutating func block() -> [(Int, String)] {
        var result: [(Int, String)] = []
        at += 1
        while at < lines.count {
            let line = trimmed(lines[at])
            if line.isEmpty || line.hasPrefix("#") || Self.isCommand(line) { break }
            result.append((at + 1, line))
            at += 1
        }
        return result
    }

    /// Whether a line begins a command; a block need not end with an empty line.
    private static func isCommand(_ line: String) -> Bool {
        line == "clear" || line.hasPrefix("load ") || line.hasPrefix("load_with_nhcb ")
            || ["eval ", "eval_fail ", "eval_warn ", "eval_info ", "eval_ordered "]
                .contains(where: line.hasPrefix)
    }

    static func duration(_ text: some StringProtocol) throws -> Milliseconds {
        let isNegative = text.hasPrefix("-")
        let plain = isNegative ? String(text.dropFirst()) : String(text)
        if let value = PromQLDuration.parse(plain) { return isNegative ? -value : value }
        if let seconds = Double(plain) {
            return Milliseconds(seconds * 1000) * (isNegative ? -1 : 1)
        }
        throw ScriptError(description: "not a duration: \(text)")
    }

    private mutating func load(
        _ head: String
    ) throws -> [(Labels, [(Milliseconds, Double)])] {
        let words = head.split(separator: " ")
        let step = try Self.duration(words.last ?? "")
        var result: [(Labels, [(Milliseconds, Double)])] = []
        for (number, line) in block() where !line.hasPrefix("@st") {
            do {
                let (labels, values) = try Self.series(line)
                guard let values else { continue }
                let samples = values.enumerated().compactMap { i, value in
                    value.map { (Milliseconds(i) * step, $0) }
                }
                result.append((labels, samples))
            } catch { throw ScriptError(description: "line \(number): \(error)") }
        }
        return result
    }

    /// `metric{a="b"} 1 2+1x3 _`; the values are nil when there are native histograms.
    static func series(_ line: String) throws -> (Labels, [Double?]?) {
        var quote: Character?
        var braces = 0
        var end = line.endIndex
        var previous: Character = " "
        for index in line.indices {
            let c = line[index]
            if let open = quote {
                if c == open, previous != "\\" { quote = nil }
            } else if c == "\"" || c == "'" || c == "`" {
                quote = c
            } else if c == "{" {
                braces += 1
            } else if c == "}" {
                braces -= 1
            } else if c.isWhitespace, braces == 0 {
                end = index
                break
            }
            previous = c
        }
        let metric = String(line[..<end])
        let rest = line[end...]
        let labels = try Self.labels(metric)
        if rest.contains("{{") { return (labels, nil) }
        var values: [Double?] = []
        for word in rest.split(whereSeparator: \.isWhitespace) { values += try Self.values(word) }
        return (labels, values)
    }

    private static func labels(_ metric: String) throws -> Labels {
        if metric == "{}" { return [:] }
        let matchers: [Matcher]
        if let found = try? Engine.matchers(metric) {
            matchers = found
        } else if metric.hasPrefix("{") {
            matchers = try Engine.matchers("dummy" + metric).filter { $0.value != "dummy" }
        } else {
            matchers = try Engine.matchers(metric)
        }
        return Labels(matchers.map { Label(name: $0.name, value: $0.value) })
    }

    static func number(_ text: some StringProtocol) -> Double? {
        switch text {
        case "Inf", "+Inf", "inf", "+inf": .infinity
        case "-Inf", "-inf": -.infinity
        case "NaN", "nan": .nan
        case "stale": StaleMarker.value
        default:
            text.hasPrefix("0x")
                ? UInt64(text.dropFirst(2), radix: 16).map(Double.init) : Double(text)
        }
    }

    /// `1`, `_`, `_x3`, `1x3`, `1+2x3`, `1-2x3`.
    private static func values(_ word: Substring) throws -> [Double?] {
        if word == "_" { return [nil] }
        if let value = number(word) { return [value] }
        guard let x = word.lastIndex(of: "x"), let count = Int(word[word.index(after: x)...])
        else { throw ScriptError(description: "not a value: \(word)") }
        let head = word[..<x]
        if head == "_" { return [Double?](repeating: nil, count: count) }
        if let value = number(head) { return [Double?](repeating: value, count: count + 1) }
        // The sign between the two numbers is the last one that is not an exponent's.
        for index in head.indices.reversed() where head[index] == "+" || head[index] == "-" {
            guard index > head.startIndex,
                let first = number(head[..<index]),
                let step = number(head[head.index(after: index)...])
            else { continue }
            let signed = head[index] == "-" ? -step : step
            return (0...count).map { first + signed * Double($0) }
        }
        throw ScriptError(description: "not a value: \(word)")
    }

    private mutating func evaluation(_ head: String) throws -> Evaluation {
        let number = at + 1
        var words = head.split(separator: " ", omittingEmptySubsequences: true)
        let command = words.removeFirst()
        var rest = Substring(head.dropFirst(command.count))
        func word() -> Substring {
            while rest.first?.isWhitespace == true { rest = rest.dropFirst() }
            let result = rest.prefix { !$0.isWhitespace }
            rest = rest.dropFirst(result.count)
            return result
        }
        let kind: Evaluation.Kind
        switch word() {
        case "instant":
            _ = word()
            kind = .instant(try Self.duration(word()))
        case "range":
            _ = word()
            let start = try Self.duration(word())
            _ = word()
            let end = try Self.duration(word())
            _ = word()
            kind = .range(start: start, end: end, step: try Self.duration(word()))
        default: throw ScriptError(description: "line \(number): cannot read: \(head)")
        }
        var result = Evaluation(line: number, kind: kind, expression: trimmed(rest))
        switch command {
        case "eval_fail": result.isFailure = true
        case "eval_warn": result.warnings.append(.init())
        case "eval_info": result.infos.append(.init())
        case "eval_ordered": result.isOrdered = true
        default: break
        }
        for (number, line) in block() {
            do { try read(line, into: &result) } catch {
                throw ScriptError(description: "line \(number): \(error)")
            }
        }
        return result
    }

    private func read(_ line: String, into result: inout Evaluation) throws {
        if line.hasPrefix("expected_fail_message") || line.hasPrefix("expected_fail_regexp") {
            result.isFailure = true
            result.failure.isExact = line.hasPrefix("expected_fail_message")
            result.failure.text = trimmed(line.drop { !$0.isWhitespace })
        } else if line.hasPrefix("expect ") {
            try readExpectation(trimmed(line.dropFirst(7)), into: &result)
        } else if let value = Self.number(line) {
            result.scalar = value
        } else if line.hasPrefix("\"") || line.hasPrefix("`") {
            result.string = Self.unquoted(line)
        } else if line.contains("{{") {
            result.isNative = true
        } else {
            let (labels, values) = try Self.series(line)
            result.series.append((labels, values ?? []))
        }
    }

    private func readExpectation(_ text: String, into result: inout Evaluation) throws {
        let word = text.prefix { !$0.isWhitespace }
        let rest = trimmed(text.dropFirst(word.count))
        var expectation = Evaluation.Expectation()
        if rest.hasPrefix("msg:") {
            expectation = .init(isExact: true, text: trimmed(rest.dropFirst(4)))
        } else if rest.hasPrefix("regex:") {
            expectation = .init(isExact: false, text: trimmed(rest.dropFirst(6)))
        }
        switch word {
        case "fail": (result.isFailure, result.failure) = (true, expectation)
        case "warn": result.warnings.append(expectation)
        case "info": result.infos.append(expectation)
        case "no_warn": result.noWarnings = true
        case "no_info": result.noInfos = true
        case "ordered": result.isOrdered = true
        case "string": result.string = Self.unquoted(rest)
        case "range":
            let words = rest.split(separator: " ")
            guard words.count == 7 else { throw ScriptError(description: "cannot read: \(text)") }
            result.matrix = (try Self.duration(words[2]), try Self.duration(words[6]))
        default: throw ScriptError(description: "cannot read: \(text)")
        }
    }

    private static func unquoted(_ text: String) -> String? {
        guard case .string(let value, _)? = try? Parser.parse(text) else { return nil }
        return value
    }
}
