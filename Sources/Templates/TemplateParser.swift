// SPDX-License-Identifier: Apache-2.0

/// Reads a template's words into nodes by the grammar of Go's `text/template/parse`.
struct TemplateParser {
    private let name: String
    private let tokens: [TemplateToken]
    private let functions: Set<String>
    private var at = 0
    private var depth = 0
    private var loops = 0
    private var variables = ["$"]
    private(set) var definitions: [String: [TemplateNode]] = [:]

    /// Levels of blocks and parentheses a template may have.
    private static let maxDepth = 100

    /// What ends a list of nodes.
    private enum Ending { case end, otherwise, chained, file }

    init(
        _ bytes: [UInt8], name: String, functions: Set<String>
    ) throws(TemplateError) {
        self.name = name
        self.functions = functions
        do { tokens = try TemplateLexer.tokens(bytes) } catch {
            throw TemplateError("template: \(name):\(error.line): \(error.message)")
        }
    }

    /// The nodes of the whole template.
    mutating func parse() throws(TemplateError) -> [TemplateNode] {
        let (nodes, ending, token) = try list(isTop: true)
        guard ending == .file else {
            throw fail("unexpected {{\(ending == .end ? "end" : "else")}}", token)
        }
        return nodes
    }

    // MARK: Words

    private func peek() -> TemplateToken { tokens[at] }

    private mutating func next() -> TemplateToken {
        defer { if at + 1 < tokens.count { at += 1 } }
        return tokens[at]
    }

    private mutating func skipSpace() { while tokens[at].kind == .space { at += 1 } }

    private mutating func peekNonSpace() -> TemplateToken {
        skipSpace()
        return tokens[at]
    }

    private mutating func nextNonSpace() -> TemplateToken {
        skipSpace()
        return next()
    }

    private func fail(_ message: String, _ token: TemplateToken? = nil) -> TemplateError {
        TemplateError("template: \(name):\((token ?? tokens[max(0, at - 1)]).line): \(message)")
    }

    private func unexpected(_ token: TemplateToken, _ context: String) -> TemplateError {
        let shown: String =
            switch token.kind {
            case .end: "EOF"
            case .keyword: "<\(token.text)>"
            default:
                token.text.utf8.count > 10
                    ? GoFormat.quote(String(token.text.prefix(10))) + "..."
                    : GoFormat.quote(token.text)
            }
        return fail("unexpected \(shown) in \(context)", token)
    }

    private mutating func expect(
        _ kind: TemplateToken.Kind, _ context: String
    ) throws(TemplateError) {
        let token = nextNonSpace()
        guard token.kind == kind else { throw unexpected(token, context) }
    }

    // MARK: Lists

    /// Nodes up to `{{end}}`, `{{else}}` or the end of the text.
    private mutating func list(
        isTop: Bool = false
    ) throws(TemplateError) -> ([TemplateNode], Ending, TemplateToken) {
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.maxDepth else { throw fail("exceeded maximum depth of blocks") }
        var nodes: [TemplateNode] = []
        while true {
            let token = nextNonSpace()
            switch token.kind {
            case .end:
                guard isTop else { throw fail("unexpected EOF", token) }
                return (nodes, .file, token)
            case .text: nodes.append(.text(token.text))
            case .leftDelimiter:
                let word = peekNonSpace()
                if word.kind == .keyword, word.text == "end" || word.text == "else" {
                    _ = next()
                    if word.text == "end" {
                        try expect(.rightDelimiter, "end")
                        return (nodes, .end, word)
                    }
                    let after = peekNonSpace()
                    if after.kind == .keyword, after.text == "if" || after.text == "with" {
                        return (nodes, .chained, after)
                    }
                    try expect(.rightDelimiter, "else")
                    return (nodes, .otherwise, word)
                }
                if let node = try action(isTop: isTop) { nodes.append(node) }
            default: throw unexpected(token, "input")
            }
        }
    }

    private mutating func action(isTop: Bool) throws(TemplateError) -> TemplateNode? {
        let token = peekNonSpace()
        guard token.kind == .keyword, token.text != "nil" else {
            return .action(try pipeline("command", until: .rightDelimiter))
        }
        _ = next()
        switch token.text {
        case "if": return try control(.condition, "if")
        case "with": return try control(.scope, "with")
        case "range": return try control(.loop, "range")
        case "template": return try call()
        case "block": return try block()
        case "define":
            guard isTop else { throw unexpected(token, "command") }
            try define()
            return nil
        default:
            let word = "{{\(token.text)}}"
            try expect(.rightDelimiter, word)
            guard loops > 0 else { throw fail("\(word) outside {{range}}", token) }
            return token.text == "break" ? .breakLoop : .continueLoop
        }
    }

    private mutating func control(
        _ kind: TemplateNode.Branch.Kind, _ context: String
    ) throws(TemplateError) -> TemplateNode {
        let known = variables.count
        defer { variables.removeLast(variables.count - known) }
        let pipeline = try pipeline(context, until: .rightDelimiter)
        if kind == .loop { loops += 1 }
        let (body, ending, token) = try list()
        if kind == .loop { loops -= 1 }
        var otherwise: [TemplateNode] = []
        switch ending {
        case .chained:
            _ = next()
            guard kind != .loop, token.text == context else {
                throw unexpected(token, "else")
            }
            depth += 1
            defer { depth -= 1 }
            guard depth < Self.maxDepth else { throw fail("exceeded maximum depth of blocks") }
            otherwise = [try control(kind, context)]
        case .otherwise:
            let last: Ending
            (otherwise, last, _) = try list()
            guard last == .end else { throw fail("expected end; found {{else}}") }
        case .end, .file: break
        }
        return .branch(
            TemplateNode.Branch(kind: kind, pipeline: pipeline, body: body, otherwise: otherwise))
    }

    private mutating func call() throws(TemplateError) -> TemplateNode {
        let token = peekNonSpace()
        let name = try templateName("template clause")
        guard peekNonSpace().kind != .rightDelimiter else {
            let end = next()
            return .call(name, nil, token.position..<end.position)
        }
        let pipeline = try pipeline("template clause", until: .rightDelimiter)
        return .call(name, pipeline, token.position..<pipeline.range.upperBound)
    }

    private mutating func templateName(_ context: String) throws(TemplateError) -> String {
        let token = nextNonSpace()
        switch token.kind {
        case .string:
            guard let name = TemplateQuoting.unquote(token.text) else {
                throw fail("invalid syntax", token)
            }
            return name
        case .rawString: return String(token.text.dropFirst().dropLast())
        default: throw unexpected(token, context)
        }
    }

    private mutating func define() throws(TemplateError) {
        let name = try templateName("define clause")
        try expect(.rightDelimiter, "define clause")
        definitions[name] = try definition("define clause")
    }

    private mutating func block() throws(TemplateError) -> TemplateNode {
        let start = peekNonSpace()
        let name = try templateName("block clause")
        let pipeline = try pipeline("block clause", until: .rightDelimiter)
        definitions[name] = try definition("block clause")
        return .call(name, pipeline, start.position..<pipeline.range.upperBound)
    }

    /// The body of a template of its own, with variables of its own.
    private mutating func definition(
        _ context: String
    ) throws(TemplateError) -> [TemplateNode] {
        let outer = (variables, loops)
        (variables, loops) = (["$"], 0)
        defer { (variables, loops) = outer }
        let (nodes, ending, _) = try list()
        guard ending == .end else { throw fail("unexpected {{else}} in \(context)") }
        return nodes
    }

    // MARK: Pipelines

    private mutating func pipeline(
        _ context: String, until end: TemplateToken.Kind
    ) throws(TemplateError) -> TemplateNode.Pipeline {
        depth += 1
        defer { depth -= 1 }
        guard depth < Self.maxDepth else { throw fail("exceeded maximum depth of parentheses") }
        var pipeline = TemplateNode.Pipeline()
        let start = peekNonSpace().position
        try declarations(&pipeline, context)
        while true {
            let token = peekNonSpace()
            switch token.kind {
            case end:
                _ = next()
                pipeline.range = start..<(pipeline.commands.last?.range.upperBound ?? start)
                try check(pipeline, context)
                return pipeline
            case .boolean, .character, .dot, .field, .identifier, .number, .rawString, .string,
                .variable, .leftParen:
                pipeline.commands.append(try command())
            case .keyword where token.text == "nil": pipeline.commands.append(try command())
            default:
                _ = next()
                throw unexpected(token, context)
            }
        }
    }

    private mutating func declarations(
        _ pipeline: inout TemplateNode.Pipeline, _ context: String
    ) throws(TemplateError) {
        while peekNonSpace().kind == .variable {
            let before = at
            let variable = next()
            let following = peekNonSpace()
            switch following.kind {
            case .declare, .assign:
                _ = next()
                pipeline.isAssignment = following.kind == .assign
                pipeline.variables.append(variable.text)
                variables.append(variable.text)
                return
            case .comma:
                _ = next()
                pipeline.variables.append(variable.text)
                variables.append(variable.text)
                guard context == "range", pipeline.variables.count < 2 else {
                    throw fail("too many declarations in \(context)")
                }
                guard [.variable, .rightDelimiter, .rightParen].contains(peekNonSpace().kind)
                else { throw fail("range can only initialize variables") }
            default:
                at = before
                return
            }
        }
    }

    private func check(
        _ pipeline: TemplateNode.Pipeline, _ context: String
    ) throws(TemplateError) {
        guard !pipeline.commands.isEmpty else { throw fail("missing value for \(context)") }
        for (i, command) in pipeline.commands.enumerated().dropFirst() {
            switch command.operands[0].kind {
            case .boolean, .dot, .none, .integer, .number, .string:
                throw fail("non executable command in pipeline stage \(i + 1)")
            default: break
            }
        }
    }

    private mutating func command() throws(TemplateError) -> TemplateNode.Command {
        var command = TemplateNode.Command()
        let start = peekNonSpace().position
        var end = start
        loop: while true {
            skipSpace()
            if let operand = try operand() {
                command.operands.append(operand)
                end = operand.range.upperBound
            }
            let token = peek()
            switch token.kind {
            case .space: _ = next()
            case .rightDelimiter, .rightParen: break loop
            case .pipe:
                _ = next()
                break loop
            default:
                _ = next()
                throw unexpected(token, "operand")
            }
        }
        guard !command.operands.isEmpty else { throw fail("empty command") }
        command.range = start..<end
        return command
    }

    private mutating func operand() throws(TemplateError) -> TemplateNode.Operand? {
        let start = peek().position
        guard let kind = try term() else { return nil }
        var names: [String] = []
        // Where Go says a chain of fields is: at the first that follows.
        var place = start
        while peek().kind == .field {
            if names.isEmpty { place = peek().position }
            names.append(String(next().text.dropFirst()))
        }
        let end = self.end
        let whole = start..<end
        guard !names.isEmpty else {
            return TemplateNode.Operand(kind: kind, range: whole, position: place)
        }
        let chained: TemplateNode.Operand.Kind
        switch kind {
        case .field(let first): chained = .field(first + names)
        case .variable(let name, _): chained = .variable(name, names)
        case .boolean, .string, .integer, .number, .none, .dot:
            throw fail("unexpected . after term")
        default:
            chained = .chain(
                TemplateNode.Operand(kind: kind, range: whole, position: start), names)
        }
        return TemplateNode.Operand(kind: chained, range: whole, position: place)
    }

    /// Where the word before the present one ends.
    private var end: Int {
        guard at > 0 else { return 0 }
        return tokens[at - 1].position + tokens[at - 1].text.utf8.count
    }

    private mutating func term() throws(TemplateError) -> TemplateNode.Operand.Kind? {
        let token = peekNonSpace()
        switch token.kind {
        case .identifier:
            guard functions.contains(token.text) else {
                throw fail("function \(GoFormat.quote(token.text)) not defined", token)
            }
            _ = next()
            return .function(token.text)
        case .dot:
            _ = next()
            return .dot
        case .keyword where token.text == "nil":
            _ = next()
            return TemplateNode.Operand.Kind.none
        case .variable:
            guard variables.contains(token.text) else {
                throw fail("undefined variable \(GoFormat.quote(token.text))", token)
            }
            _ = next()
            return .variable(token.text, [])
        case .field:
            _ = next()
            return .field([String(token.text.dropFirst())])
        case .boolean:
            _ = next()
            return .boolean(token.text == "true")
        case .character, .number, .string, .rawString: return try literal(next())
        case .leftParen:
            _ = next()
            return .pipeline(try pipeline("parenthesized pipeline", until: .rightParen))
        default: return nil
        }
    }

    private func literal(
        _ token: TemplateToken
    ) throws(TemplateError) -> TemplateNode.Operand.Kind {
        switch token.kind {
        case .rawString: return .string(String(token.text.dropFirst().dropLast()))
        case .string:
            guard let value = TemplateQuoting.unquote(token.text) else {
                throw fail("invalid syntax", token)
            }
            return .string(value)
        case .character:
            guard let value = TemplateQuoting.character(token.text) else {
                throw fail(
                    token.text == "''"
                        ? "invalid syntax" : "malformed character constant: \(token.text)", token)
            }
            return .integer(value, text: token.text)
        default:
            guard let number = TemplateNumber(token.text) else {
                throw fail("integer overflow: \(GoFormat.quote(token.text))", token)
            }
            if !number.looksFloating, let integer = number.integer {
                return .integer(integer, text: token.text)
            }
            return .number(number.number, text: token.text)
        }
    }
}
