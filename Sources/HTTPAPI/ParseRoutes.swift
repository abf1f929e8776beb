// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model
import PromQL

/// Prometheus' HTTP API v1: what an expression says, without evaluating it.
enum ParseRoutes {
    static let all = [
        Endpoint(path: "/api/v1/format_query", methods: Endpoint.getAndPost) { call in
            let text = try expression(call).pretty()
            return Answer.success { $0.string(text) }
        },
        Endpoint(path: "/api/v1/parse_query", methods: Endpoint.getAndPost) { call in
            let expression = try expression(call)
            return Answer.success { ExpressionJSON.write(expression, &$0) }
        },
    ]

    private static func expression(_ call: APICall) throws(APIError) -> Expression {
        do throws(QueryError) {
            return try Parser.parse(call.parameters.first("query") ?? "")
        } catch { throw .parameter("query", error.message) }
    }
}

/// The tree of an expression as JSON, with the names and the order of keys that Prometheus has
/// (`web/api/v1/translate_ast.go`).
enum ExpressionJSON {
    static func write(_ expression: Expression, _ json: inout JSONWriter) {
        switch expression {
        case .number(let value, _, _):
            json.object([
                ("type", { $0.string("numberLiteral") }),
                (
                    "val",
                    { $0.string(Expression.number(value, isDuration: false, 0..<0).description) }
                ),
            ])
        case .string(let text, _):
            json.object([
                ("type", { $0.string("stringLiteral") }), ("val", { $0.string(text) }),
            ])
        case .paren(let inner, _):
            json.object([
                ("expr", { write(inner, &$0) }), ("type", { $0.string("parenExpr") }),
            ])
        case .unary(let sign, let operand, _):
            json.object([
                ("expr", { write(operand, &$0) }), ("op", { $0.string(sign) }),
                ("type", { $0.string("unaryExpr") }),
            ])
        case .binary(let binary): write(binary, &json)
        case .call(let name, let arguments, _): write(name, arguments, &json)
        case .aggregate(let aggregate): write(aggregate, &json)
        case .selector(let selector): write(selector, &json)
        case .subquery(let subquery): write(subquery, &json)
        }
    }

    private static func write(_ binary: Expression.Binary, _ json: inout JSONWriter) {
        json.object([
            ("bool", { $0.boolean(binary.returnsBool) }),
            ("lhs", { write(binary.left, &$0) }),
            (
                "matching",
                { json in
                    guard let matching = binary.matching else { return json.raw("null") }
                    json.object([
                        ("card", { $0.string(matching.cardinality.rawValue) }),
                        (
                            "fillValues",
                            {
                                $0.object([
                                    ("lhs", { $0.number(matching.fillLeft) }),
                                    ("rhs", { $0.number(matching.fillRight) }),
                                ])
                            }
                        ),
                        ("include", { $0.strings(matching.include) }),
                        ("labels", { $0.strings(matching.labels) }),
                        ("on", { $0.boolean(matching.isOn) }),
                    ])
                }
            ),
            ("op", { $0.string(binary.symbol) }),
            ("rhs", { write(binary.right, &$0) }),
            ("type", { $0.string("binaryExpr") }),
        ])
    }

    private static func write(
        _ name: String, _ arguments: [Expression], _ json: inout JSONWriter
    ) {
        let signature = FunctionTable.all[name]
        json.object([
            ("args", { $0.list(arguments) { write($1, &$0) } }),
            (
                "func",
                {
                    $0.object([
                        ("argTypes", { $0.strings((signature?.arguments ?? []).map(\.rawValue)) }),
                        ("name", { $0.string(name) }),
                        ("returnType", { $0.string((signature?.result ?? .vector).rawValue) }),
                        ("variadic", { $0.number(Double(signature?.variadic ?? 0)) }),
                    ])
                }
            ),
            ("type", { $0.string("call") }),
        ])
    }

    private static func write(_ aggregate: Expression.Aggregate, _ json: inout JSONWriter) {
        json.object([
            ("expr", { write(aggregate.operand, &$0) }),
            ("grouping", { $0.strings(aggregate.grouping) }),
            ("op", { $0.string(aggregate.name) }),
            (
                "param",
                { json in
                    guard let parameter = aggregate.parameter else { return json.raw("null") }
                    write(parameter, &json)
                }
            ),
            ("type", { $0.string("aggregation") }),
            ("without", { $0.boolean(aggregate.isWithout) }),
        ])
    }

    private static func write(_ selector: Expression.Selector, _ json: inout JSONWriter) {
        var members: [(StaticString, (inout JSONWriter) -> Void)] = [
            ("anchored", { $0.boolean(selector.isAnchored) }),
            (
                "matchers",
                {
                    $0.list(selector.matchers) { json, matcher in
                        json.object([
                            ("name", { $0.string(matcher.name) }),
                            ("type", { $0.string(matcher.operation.rawValue) }),
                            ("value", { $0.string(matcher.value) }),
                        ])
                    }
                }
            ),
            ("name", { $0.string(selector.name) }),
            ("offset", { milliseconds(selector.offset, &$0) }),
            ("offsetExpr", { calculation(selector.offset, &$0) }),
        ]
        if let window = selector.window {
            members += [
                ("range", { milliseconds(window, &$0) }),
                ("rangeExpr", { calculation(window, &$0) }),
            ]
        }
        members += [
            ("smoothed", { $0.boolean(selector.isSmoothed) }),
            ("startOrEnd", { startOrEnd(selector.at, &$0) }),
            ("timestamp", { timestamp(selector.at, &$0) }),
            ("type", { $0.string(selector.window == nil ? "vectorSelector" : "matrixSelector") }),
        ]
        json.object(members)
    }

    private static func write(_ subquery: Expression.Subquery, _ json: inout JSONWriter) {
        json.object([
            ("expr", { write(subquery.operand, &$0) }),
            ("offset", { milliseconds(subquery.offset, &$0) }),
            ("offsetExpr", { calculation(subquery.offset, &$0) }),
            ("range", { milliseconds(subquery.window, &$0) }),
            ("rangeExpr", { calculation(subquery.window, &$0) }),
            ("startOrEnd", { startOrEnd(subquery.at, &$0) }),
            ("step", { milliseconds(subquery.step, &$0) }),
            ("stepExpr", { calculation(subquery.step, &$0) }),
            ("timestamp", { timestamp(subquery.at, &$0) }),
            ("type", { $0.string("subquery") }),
        ])
    }

    private static func startOrEnd(_ at: AtModifier?, _ json: inout JSONWriter) {
        switch at {
        case .start: json.string("start")
        case .end: json.string("end")
        case .time, nil: json.raw("null")
        }
    }

    private static func timestamp(_ at: AtModifier?, _ json: inout JSONWriter) {
        guard case .time(let time) = at else { return json.raw("null") }
        json.number(Double(time))
    }

    /// The length of a literal, 0 for none and for what must be calculated.
    private static func milliseconds(_ duration: DurationExpression?, _ json: inout JSONWriter) {
        json.number(Double(duration?.literalMilliseconds ?? 0))
    }

    /// The tree of a duration that is no literal, or null.
    private static func calculation(_ duration: DurationExpression?, _ json: inout JSONWriter) {
        guard let duration, duration.literalMilliseconds == nil else { return json.raw("null") }
        write(duration, isWrapped: false, &json)
    }

    private static func write(
        _ duration: DurationExpression, isWrapped: Bool, _ json: inout JSONWriter
    ) {
        func operation(_ op: String, _ left: DurationExpression?, _ right: DurationExpression?) {
            func operand(_ one: DurationExpression?, _ json: inout JSONWriter) {
                guard let one else { return json.raw("null") }
                write(one, isWrapped: false, &json)
            }
            json.object([
                ("lhs", { operand(left, &$0) }), ("op", { $0.string(op) }),
                ("rhs", { operand(right, &$0) }), ("type", { $0.string("durationExpr") }),
                ("wrapped", { $0.boolean(isWrapped) }),
            ])
        }
        switch duration {
        case .literal(let seconds, let isDuration):
            json.object([
                ("duration", { $0.boolean(isDuration) }),
                ("type", { $0.string("numberLiteral") }),
                (
                    "val",
                    {
                        $0.string(
                            Expression.number(seconds, isDuration: false, 0..<0).description)
                    }
                ),
            ])
        case .parameter(let name): operation(name, nil, nil)
        case .call(let name, let a, let b): operation(name, a, b)
        case .negative(let inner): operation("-", nil, inner)
        case .binary(let symbol, let a, let b): operation(symbol, a, b)
        case .paren(let inner): write(inner, isWrapped: true, &json)
        }
    }
}

extension JSONWriter {
    /// An object, its members in this order.
    fileprivate mutating func object(
        _ members: [(StaticString, (inout JSONWriter) -> Void)]
    ) {
        raw("{")
        for (i, (name, write)) in members.enumerated() {
            raw(i > 0 ? ",\"" : "\"")
            raw(name)
            raw("\":")
            write(&self)
        }
        raw("}")
    }

    fileprivate mutating func boolean(_ value: Bool) { raw(value ? "true" : "false") }
}
