// SPDX-License-Identifier: Apache-2.0

import Matching
import Model
import PromQL

/// Pipeline stages.
extension LogParser {
    /// The next stage; nil when there is none. `unwrap` is left to the caller.
    mutating func stage(after count: Int) throws(QueryError) -> Stage? {
        let token = current
        guard token.kind == .symbol else { return nil }
        let isStage = token.text == "|" && !following.isKeyword("unwrap")
        guard isStage || LineTest.Kind(rawValue: token.text) != nil else { return nil }
        // Between two operands `!=` compares; a text or an address follows a filter.
        if token.text == "!=", following.kind != .string, !following.isKeyword("ip") { return nil }
        guard count < Self.maxStages else {
            throw fail("the pipeline has more than \(Self.maxStages) stages")
        }
        if !isStage { return .line(try lineTest()) }
        _ = take()
        return try pipeStage()
    }

    // MARK: Lines

    private mutating func lineTest() throws(QueryError) -> LineTest {
        guard let kind = LineTest.Kind(rawValue: take().text) else { throw unexpected("a filter") }
        var test = LineTest(kind: kind, operands: [try operand(kind)])
        while current.isKeyword("or"), following.kind == .string || following.isKeyword("ip") {
            _ = take()
            test.operands.append(try operand(kind))
            guard test.operands.count <= 1000 else {
                throw fail("a line filter has more than 1000 alternatives")
            }
        }
        return test
    }

    private mutating func operand(_ kind: LineTest.Kind) throws(QueryError) -> LineTest.Operand {
        if current.isKeyword("ip") {
            let word = take()
            guard kind == .contains || kind == .containsNot else {
                throw fail("ip: only |= and != take addresses", word)
            }
            return .init(text: try address(), isAddress: true)
        }
        let token = try text()
        switch kind {
        case .contains, .containsNot: break
        case .matches, .matchesNot: try checkExpression(token)
        case .pattern, .patternNot:
            do throws(PatternError) { _ = try LinePattern(token.text, allowsNames: false) } catch {
                throw fail(error.description, token)
            }
        }
        return .init(text: token.text)
    }

    /// `("10.0.0.0/8")` after the word `ip`.
    private mutating func address() throws(QueryError) -> String {
        try expect("(")
        let token = try text()
        guard AddressRange(token.text) != nil else {
            throw fail(
                "ip: \(Quoting.quote(token.text)) is no address, range of addresses or network",
                token)
        }
        try expect(")")
        return token.text
    }

    private func checkExpression(_ token: Token) throws(QueryError) {
        do throws(PatternError) { _ = try BytePattern(token.text) } catch {
            throw fail(error.description, token)
        }
    }

    // MARK: After a pipe

    private mutating func pipeStage() throws(QueryError) -> Stage {
        let word = current
        let isLabel =
            following.kind == .symbol
            && ["=", "==", "!=", "=~", "!~", "<", "<=", ">", ">="].contains(following.text)
        guard word.kind == .identifier, !isLabel else {
            return .labels(try condition())
        }
        switch word.text {
        case "json":
            _ = take()
            let extractions = try extractions()
            for extraction in extractions where JSONPath(extraction.source) == nil {
                throw fail(
                    "json: \(Quoting.quote(extraction.source)) is no path to a member", word)
            }
            return .json(extractions)
        case "logfmt":
            _ = take()
            return try logfmt()
        case "regexp":
            _ = take()
            return try regexp()
        case "pattern":
            _ = take()
            let token = try text()
            do throws(PatternError) { _ = try LinePattern(token.text, allowsNames: true) } catch {
                throw fail(error.description, token)
            }
            return .pattern(token.text)
        case "unpack":
            _ = take()
            return .unpack
        case "decolorize":
            _ = take()
            return .decolorize
        case "line_format":
            _ = take()
            return .lineFormat(try template())
        case "label_format":
            _ = take()
            return .labelFormat(try assignments())
        case "drop", "keep":
            _ = take()
            let choices = try list { parser throws(QueryError) in
                let name = try parser.identifier()
                return LabelChoice(name: name, matcher: try parser.matcher(on: name))
            }
            return word.text == "drop" ? .drop(choices) : .keep(choices)
        default:
            _ = take()
            throw fail(
                "syntax error: \(word.described) is no stage of a pipeline and no condition on a "
                    + "label", word)
        }
    }

    private mutating func extractions() throws(QueryError) -> [Extraction] {
        guard current.kind == .identifier else { return [] }
        return try list { parser throws(QueryError) in
            let label = try parser.identifier()
            guard parser.takes("=") else { return Extraction(label: label, source: label) }
            return Extraction(label: label, source: try parser.text().text)
        }
    }

    private mutating func logfmt() throws(QueryError) -> Stage {
        var (isStrict, keepsEmpty) = (false, false)
        while current.kind == .flag {
            let flag = take()
            switch flag.text {
            case "--strict", "strict": isStrict = true
            case "--keep-empty", "keep-empty": keepsEmpty = true
            default: throw fail("logfmt has no \(flag.described)", flag)
            }
        }
        return .logfmt(isStrict: isStrict, keepsEmpty: keepsEmpty, try extractions())
    }

    private mutating func regexp() throws(QueryError) -> Stage {
        let token = try text()
        do throws(PatternError) {
            let pattern = try BytePattern(token.text)
            guard !pattern.groupNames.isEmpty else {
                throw PatternError(description: "at least one named capture must be supplied")
            }
        } catch { throw fail(error.description, token) }
        return .regexp(token.text)
    }

    private mutating func assignments() throws(QueryError) -> [LabelAssignment] {
        var seen: Set<String> = []
        return try list { parser throws(QueryError) in
            let token = parser.current
            let label = try parser.identifier()
            guard seen.insert(label).inserted else {
                throw parser.fail(
                    "multiple label name '\(label)' not allowed in a single format operation",
                    token)
            }
            try parser.expect("=")
            if parser.current.kind == .identifier {
                return LabelAssignment(label: label, source: parser.take().text, isTemplate: false)
            }
            return LabelAssignment(
                label: label, source: try parser.template(), isTemplate: true)
        }
    }

    /// The text of a template.
    private mutating func template() throws(QueryError) -> String {
        let token = try text()
        if let reason = TemplateCheck.refusal(token.text) { throw fail(reason, token) }
        return token.text
    }

    // MARK: Conditions on labels

    /// `or` binds least; `and`, a comma and nothing at all are the same.
    mutating func condition() throws(QueryError) -> LabelCondition {
        var left = try conjunction()
        var count = 0
        while current.isKeyword("or") {
            _ = take()
            left = .or(left, try conjunction())
            count += 1
            guard count < Self.maxDepth else { throw fail("too many conditions") }
        }
        return left
    }

    private mutating func conjunction() throws(QueryError) -> LabelCondition {
        var left = try singleCondition()
        var count = 0
        while true {
            if current.isKeyword("and") || current.isSymbol(",") {
                _ = take()
            } else {
                guard
                    current.kind == .identifier && !current.isKeyword("or")
                        && !current.isKeyword("offset") && !current.isKeyword("unless")
                        || current.isSymbol("(")
                else { return left }
            }
            left = .and(left, try singleCondition())
            count += 1
            guard count < Self.maxDepth else { throw fail("too many conditions") }
        }
    }

    private mutating func singleCondition() throws(QueryError) -> LabelCondition {
        if takes("(") {
            let inner = try nested { parser throws(QueryError) in try parser.condition() }
            try expect(")")
            return inner
        }
        let name = try identifier()
        if let matcher = try matcher(on: name) { return .text(matcher) }
        let token = current
        let symbol = token.text == "=" ? "==" : token.text
        guard token.kind == .symbol, let comparison = LabelCondition.Comparison(rawValue: symbol)
        else { throw unexpected("a comparison") }
        _ = take()
        switch current.kind {
        case .duration: return .duration(name, comparison, Int64(take().value))
        case .bytes: return .bytes(name, comparison, take().value)
        case .identifier where current.isKeyword("ip"):
            _ = take()
            guard comparison == .equal || comparison == .notEqual else {
                throw fail("ip: only = and != take addresses", token)
            }
            return .address(name, comparison == .equal, try address())
        default: return .number(name, comparison, try number())
        }
    }
}
