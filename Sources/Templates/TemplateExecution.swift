// SPDX-License-Identifier: Apache-2.0

import Model

/// One expansion of a template.
struct TemplateExecution {
    private let template: Template
    private let environment: TemplateEnvironment
    private var output = ""
    private var variables: [(name: String, value: TemplateValue)] = []
    private var steps = 0
    private var calls = 0
    /// Bytes that functions made without writing them.
    private var made = 0

    /// What is being evaluated, for messages.
    private var place = 0..<0
    private var position = 0

    /// How a list of nodes ended.
    private enum Flow { case on, leave, next }

    init(template: Template, environment: TemplateEnvironment) {
        self.template = template
        self.environment = environment
    }

    /// What the template writes for `dot`.
    mutating func run(_ dot: TemplateValue) throws -> String {
        variables = [("$", dot)]
        _ = try walk(template.nodes, dot)
        return output
    }

    // MARK: Nodes

    /// A failure at what is being evaluated.
    private func fail(_ message: String, shown: String? = nil) -> TemplateError {
        let before = template.source.prefix(position)
        let line = before.count { $0 == 0x0a } + 1
        let column = before.lastIndex(of: 0x0a).map { before.count - $0 - 1 } ?? before.count
        let shown = shown ?? String(decoding: template.source[place], as: UTF8.self)
        return TemplateError(
            "template: \(template.name):\(line):\(column): executing "
                + "\(GoFormat.quote(template.name)) at <\(shown)>: \(message)")
    }

    private mutating func at(_ operand: TemplateNode.Operand) {
        (place, position) = (operand.range, operand.position)
    }

    private mutating func at(_ range: Range<Int>) { (place, position) = (range, range.lowerBound) }

    private mutating func step() throws {
        steps += 1
        guard steps <= Template.maxSteps else {
            throw fail("more than \(Template.maxSteps) steps")
        }
    }

    private mutating func write(_ text: String) throws {
        output += text
        guard output.utf8.count <= Template.maxOutput else {
            throw fail("more than \(Template.maxOutput) bytes of output")
        }
    }

    private mutating func walk(_ nodes: [TemplateNode], _ dot: TemplateValue) throws -> Flow {
        for node in nodes {
            switch node {
            case .text(let text): try write(text)
            case .action(let pipeline):
                let value = try evaluate(pipeline, dot)
                if pipeline.variables.isEmpty { try write(Self.shown(value)) }
            case .branch(let branch):
                let known = variables.count
                let flow = try walk(branch, dot)
                variables.removeLast(variables.count - known)
                if flow != .on { return flow }
            case .call(let name, let pipeline, let range): try call(name, pipeline, range, dot)
            case .breakLoop: return .leave
            case .continueLoop: return .next
            }
        }
        return .on
    }

    private static func shown(_ value: TemplateValue) -> String {
        if case .nothing = value { return "<no value>" }
        return value.printed
    }

    private mutating func walk(
        _ branch: TemplateNode.Branch, _ dot: TemplateValue
    ) throws -> Flow {
        guard branch.kind != .loop else { return try loop(branch, dot) }
        let value = try evaluate(branch.pipeline, dot)
        guard value.isTrue else { return try walk(branch.otherwise, dot) }
        return try walk(branch.body, branch.kind == .scope ? value : dot)
    }

    private mutating func loop(
        _ branch: TemplateNode.Branch, _ dot: TemplateValue
    ) throws -> Flow {
        var pipeline = branch.pipeline
        // The loop gives its variables their values itself.
        let names = pipeline.isAssignment ? [] : pipeline.variables
        let assigned = pipeline.isAssignment ? pipeline.variables : []
        pipeline.variables = []
        let subject = try evaluate(pipeline, dot)
        let items = try self.items(subject)
        guard !items.isEmpty else { return try walk(branch.otherwise, dot) }
        let known = variables.count
        for (key, item) in items {
            try step()
            let values = names.count + assigned.count > 1 ? [key, item] : [item]
            for (name, value) in zip(names, values) { variables.append((name, value)) }
            for (name, value) in zip(assigned, values) { try assign(name, value) }
            let flow = try walk(branch.body, item)
            variables.removeLast(variables.count - known)
            if flow == .leave { break }
        }
        return .on
    }

    private func items(_ value: TemplateValue) throws -> [(TemplateValue, TemplateValue)] {
        switch value {
        case .nothing: return []
        case .samples(let samples):
            return samples.enumerated().map { (.integer(Int64($0.offset)), .sample($0.element)) }
        case .list(let values):
            return values.enumerated().map { (.integer(Int64($0.offset)), $0.element) }
        case .labels(let labels): return labels.pairs.map { (.text($0.name), .text($0.value)) }
        case .arguments(let values):
            return values.sorted { $0.key < $1.key }.map { (.text($0.key), $0.value) }
        case .integer(let count):
            guard count <= Template.maxSteps else { throw fail("the range is too long") }
            return (0..<max(0, count)).map { (.integer($0), .integer($0)) }
        default: throw fail("range can't iterate over \(value.printed)")
        }
    }

    private mutating func call(
        _ name: String, _ pipeline: TemplateNode.Pipeline?, _ range: Range<Int>,
        _ dot: TemplateValue
    ) throws {
        guard let nodes = template.definitions[name] else {
            at(range)
            let data = pipeline.map {
                " " + String(decoding: template.source[$0.range], as: UTF8.self)
            }
            throw fail(
                "template \(GoFormat.quote(name)) not defined",
                shown: "{{template \(GoFormat.quote(name))\(data ?? "")}}")
        }
        let value = try pipeline.map { try evaluate($0, dot) } ?? .nothing
        try expand(nodes, value)
    }

    private mutating func expand(_ nodes: [TemplateNode], _ dot: TemplateValue) throws {
        calls += 1
        defer { calls -= 1 }
        guard calls <= Template.maxCalls else {
            throw fail("exceeded maximum template depth (\(Template.maxCalls))")
        }
        let outer = variables
        variables = [("$", dot)]
        _ = try walk(nodes, dot)
        variables = outer
    }

    // MARK: Pipelines

    private mutating func evaluate(
        _ pipeline: TemplateNode.Pipeline, _ dot: TemplateValue
    ) throws -> TemplateValue {
        var value: TemplateValue?
        for command in pipeline.commands { value = try evaluate(command, dot, last: value) }
        let result = value ?? .nothing
        for name in pipeline.variables {
            if pipeline.isAssignment {
                try assign(name, result)
            } else {
                variables.append((name, result))
            }
        }
        return result
    }

    private mutating func assign(_ name: String, _ value: TemplateValue) throws {
        guard let index = variables.lastIndex(where: { $0.name == name }) else {
            throw fail("undefined variable: \(name)")
        }
        variables[index].value = value
    }

    private mutating func evaluate(
        _ command: TemplateNode.Command, _ dot: TemplateValue, last: TemplateValue?
    ) throws -> TemplateValue {
        let first = command.operands[0]
        try step()
        at(first)
        let arguments = command.operands.dropFirst()
        switch first.kind {
        case .function(let name):
            return try function(name, first, command.range, arguments, dot, last: last)
        case .field(let names):
            return try fields(names, of: dot, arguments, dot, last: last)
        case .variable(let name, let names) where !names.isEmpty:
            return try fields(names, of: variable(name), arguments, dot, last: last)
        case .chain(let inner, let names):
            let value = try evaluate(inner, dot)
            return try fields(names, of: value, arguments, dot, last: last)
        default:
            guard arguments.isEmpty, last == nil else {
                throw fail(
                    "can't give argument to non-function "
                        + String(decoding: template.source[first.range], as: UTF8.self))
            }
            if case .none = first.kind {
                throw fail("nil is not a command")
            }
            return try evaluate(first, dot)
        }
    }

    private func variable(_ name: String) -> TemplateValue {
        variables.last { $0.name == name }?.value ?? .nothing
    }

    /// The value of an operand that stands alone.
    private mutating func evaluate(
        _ operand: TemplateNode.Operand, _ dot: TemplateValue
    ) throws -> TemplateValue {
        try step()
        at(operand)
        switch operand.kind {
        case .dot: return dot
        case .none: return .nothing
        case .boolean(let value): return .boolean(value)
        case .integer(let value, _): return .integer(value)
        case .number(let value, _): return .number(value)
        case .string(let text): return .text(text)
        case .function(let name):
            return try function(name, operand, operand.range, [], dot, last: nil)
        case .field(let names): return try fields(names, of: dot, [], dot, last: nil)
        case .variable(let name, let names):
            return try fields(names, of: variable(name), [], dot, last: nil)
        case .chain(let inner, let names):
            return try fields(names, of: try evaluate(inner, dot), [], dot, last: nil)
        case .pipeline(let pipeline): return try evaluate(pipeline, dot)
        }
    }

    /// The field of a field of `value`; the last may be a method that takes arguments.
    private mutating func fields(
        _ names: [String], of value: TemplateValue,
        _ arguments: ArraySlice<TemplateNode.Operand>, _ dot: TemplateValue, last: TemplateValue?
    ) throws -> TemplateValue {
        var value = value
        for (i, name) in names.enumerated() {
            var given: [TemplateValue] = []
            if i == names.count - 1, arguments.count > 0 || last != nil {
                guard TemplateFields.hasMethods(value) else {
                    throw fail(TemplateFields.refusal(name, of: value))
                }
                for argument in arguments { given.append(try evaluate(argument, dot)) }
                if let last { given.append(last) }
            }
            do { value = try TemplateFields.field(name, of: value, given) } catch {
                throw fail(error.message)
            }
        }
        return value
    }

    // MARK: Functions

    private mutating func function(
        _ name: String, _ operand: TemplateNode.Operand, _ range: Range<Int>,
        _ arguments: ArraySlice<TemplateNode.Operand>, _ dot: TemplateValue, last: TemplateValue?
    ) throws -> TemplateValue {
        let count = arguments.count + (last == nil ? 0 : 1)
        if name == "and" || name == "or" {
            guard count > 0 else {
                throw fail("wrong number of args for \(name): want at least 1 got 0")
            }
            return try logic(isAnd: name == "and", arguments, dot, last: last)
        }
        if name == "tmpl" { return try named(range, arguments, dot, last: last) }
        guard let function = template.functions[name] else {
            return try call(range, arguments, dot, last: last)
        }
        let wanted = function.parameters.count
        guard function.variadic == nil ? count == wanted : count >= wanted else {
            let least = function.variadic == nil ? "" : "at least "
            throw fail(
                "wrong number of args for \(name): want \(least)\(wanted) got \(count)")
        }
        var values: [TemplateValue] = []
        for (i, argument) in arguments.enumerated() {
            let parameter = i < wanted ? function.parameters[i] : function.variadic ?? .any
            values.append(try evaluate(argument, as: parameter, dot))
        }
        if let last {
            let at = values.count
            let parameter = at < wanted ? function.parameters[at] : function.variadic ?? .any
            values.append(try checked(last, as: parameter))
        }
        return try run(name, function, values, range)
    }

    private mutating func run(
        _ name: String, _ function: TemplateFunction, _ values: [TemplateValue],
        _ range: Range<Int>
    ) throws -> TemplateValue {
        do {
            let value = try function.run(values, environment)
            if let text = value.string {
                made += text.utf8.count
                guard made <= 4 * Template.maxOutput else {
                    throw TemplateFailure("more than \(4 * Template.maxOutput) bytes made")
                }
            }
            return value
        } catch let failure as TemplateFailure {
            at(range)
            throw fail("error calling \(name): \(failure.message)")
        } catch {
            at(range)
            throw fail("error calling \(name): \(error)")
        }
    }

    /// `and` and `or` evaluate no more than they need.
    private mutating func logic(
        isAnd: Bool, _ arguments: ArraySlice<TemplateNode.Operand>, _ dot: TemplateValue,
        last: TemplateValue?
    ) throws -> TemplateValue {
        var value = TemplateValue.nothing
        for argument in arguments {
            value = try evaluate(argument, dot)
            if value.isTrue != isAnd { return value }
        }
        return last ?? value
    }

    /// `tmpl name data`: what the template of this name writes.
    private mutating func named(
        _ range: Range<Int>, _ arguments: ArraySlice<TemplateNode.Operand>, _ dot: TemplateValue,
        last: TemplateValue?
    ) throws -> TemplateValue {
        var values: [TemplateValue] = []
        for argument in arguments { values.append(try evaluate(argument, dot)) }
        if let last { values.append(last) }
        guard values.count == 2 else {
            throw fail("wrong number of args for tmpl: want 2 got \(values.count)")
        }
        let name = values[0].string ?? ""
        guard let nodes = template.definitions[name] else {
            at(range)
            throw fail("error calling tmpl: template \(GoFormat.quote(name)) not defined")
        }
        let outer = output
        output = ""
        try expand(nodes, values[1])
        defer { output = outer }
        return .html(output)
    }

    /// `call`: there are no values that are functions.
    private mutating func call(
        _ range: Range<Int>, _ arguments: ArraySlice<TemplateNode.Operand>, _ dot: TemplateValue,
        last: TemplateValue?
    ) throws -> TemplateValue {
        guard let first = try arguments.first.map({ try evaluate($0, dot) }) ?? last else {
            throw fail("wrong number of args for call: want at least 1 got 0")
        }
        at(range)
        if case .nothing = first { throw fail("error calling call: call of nil") }
        throw fail("error calling call: non-function of type \(first.type)")
    }

    private mutating func evaluate(
        _ operand: TemplateNode.Operand, as parameter: TemplateFunction.Parameter,
        _ dot: TemplateValue
    ) throws -> TemplateValue {
        let source = String(decoding: template.source[operand.range], as: UTF8.self)
        switch (operand.kind, parameter) {
        case (_, .any), (.string, .text): return try evaluate(operand, dot)
        case (.none, .text):
            at(operand)
            throw fail("cannot assign nil to string")
        case (.boolean, .text), (.integer, .text), (.number, .text):
            at(operand)
            throw fail("expected string; found \(source)")
        case (.boolean, _), (.integer, _), (.number, _), (.string, _):
            at(operand)
            throw fail("can't handle \(source) for arg of type \(parameter.type)")
        default:
            let value = try evaluate(operand, dot)
            return try checked(value, as: parameter)
        }
    }

    private func checked(
        _ value: TemplateValue, as parameter: TemplateFunction.Parameter
    ) throws -> TemplateValue {
        switch (value, parameter) {
        case (_, .any), (.text, .text), (.sample, .sample), (.samples, .samples): return value
        case (.nothing, .samples): return .samples([])
        case (.nothing, _): throw fail("invalid value; expected \(parameter.type)")
        default:
            throw fail("wrong type for value; expected \(parameter.type); got \(value.type)")
        }
    }
}
