// SPDX-License-Identifier: Apache-2.0

import Model

/// Operators with two operands.
extension Evaluator {
    func evaluate(_ binary: Expression.Binary, _ grid: Grid) throws -> Evaluated {
        let left = try evaluate(binary.left, grid)
        let right = try evaluate(binary.right, grid)
        switch (left, right) {
        case (.scalar(let a), .scalar(let b)):
            return .scalar(zip(a, b).map { Arithmetic.scalar(binary.symbol, $0, $1) })
        case (.rows(let rows), .scalar(let values)):
            return .rows(try combine(rows, values, binary, isSwapped: false))
        case (.scalar(let values), .rows(let rows)):
            return .rows(try combine(rows, values, binary, isSwapped: true))
        case (.rows(let a), .rows(let b)):
            try count(rows: a.count + b.count, grid)
            if TypeCheck.setOperators.contains(binary.symbol) {
                return .rows(try setOperation(binary, a, b, grid))
            }
            var matching = VectorMatching(binary, grid, delaysNames: options.delaysNameRemoval)
            return .rows(try merged(try matching.combine(a, b)))
        default: throw QueryError(.execution, "an operand is a string")
        }
    }

    private func combine(
        _ rows: [Row], _ scalars: [Double], _ binary: Expression.Binary, isSwapped: Bool
    ) throws -> [Row] {
        let operation = ElementOperation(binary)
        var rows = rows
        for r in rows.indices {
            rows[r].values.withUnsafeMutableBufferPointer { values in
                for i in values.indices where !Absent.isAbsent(values[i]) {
                    let vector = values[i]
                    values[i] =
                        isSwapped
                        ? operation.apply(scalars[i], vector, kept: vector)
                        : operation.apply(vector, scalars[i], kept: vector)
                }
            }
        }
        return operation.changesMetric ? try withoutNames(rows) : rows
    }

    // MARK: Sets

    private func setOperation(
        _ binary: Expression.Binary, _ left: [Row], _ right: [Row], _ grid: Grid
    ) throws -> [Row] {
        var signatures = LabelGroups(LabelSelection(binary.matching ?? .init()))
        let leftGroups = left.map { signatures.number($0.labels) }
        let rightGroups = right.map { signatures.number($0.labels) }
        let source = binary.symbol == "or" ? left : right
        let groups = binary.symbol == "or" ? leftGroups : rightGroups
        // For each group, at which steps the deciding side has a value.
        var present = [[Bool]](
            repeating: [Bool](repeating: false, count: grid.count), count: signatures.labels.count)
        for (row, group) in zip(source, groups) {
            for i in 0..<grid.count where !Absent.isAbsent(row.values[i]) {
                present[group][i] = true
            }
        }
        func filtered(_ rows: [Row], _ groups: [Int], where wanted: Bool) -> [Row] {
            var result: [Row] = []
            for (row, group) in zip(rows, groups) {
                var row = row
                for i in 0..<grid.count where present[group][i] != wanted {
                    row.values[i] = Absent.value
                }
                result.append(row)
            }
            return result
        }
        switch binary.symbol {
        case "and": return filtered(left, leftGroups, where: true)
        case "unless": return filtered(left, leftGroups, where: false)
        default:
            let rows = left + filtered(right, rightGroups, where: false)
            return options.delaysNameRemoval ? rows : try merged(rows)
        }
    }
}

/// What an operator does to a pair of numbers.
struct ElementOperation {
    private enum Code { case add, subtract, multiply, divide, other, compare }
    private let code: Code
    private let symbol: String
    private let comparison: Comparison
    let returnsBool: Bool

    private enum Comparison { case equal, notEqual, less, greater, atMost, atLeast }

    init(_ binary: Expression.Binary) {
        symbol = binary.symbol
        returnsBool = binary.returnsBool
        comparison =
            switch binary.symbol {
            case "==": .equal
            case "!=": .notEqual
            case "<": .less
            case ">": .greater
            case "<=": .atMost
            default: .atLeast
            }
        code =
            switch binary.symbol {
            case "+": .add
            case "-": .subtract
            case "*": .multiply
            case "/": .divide
            default: TypeCheck.comparisons.contains(binary.symbol) ? .compare : .other
            }
    }

    /// Whether the result is no longer a sample of the metric.
    var changesMetric: Bool { code != .compare || returnsBool }

    /// The result; a comparison that fails gives `Absent`, one that holds gives `kept`.
    @inline(__always)
    func apply(_ left: Double, _ right: Double, kept: Double) -> Double {
        switch code {
        case .add: return left + right
        case .subtract: return left - right
        case .multiply: return left * right
        case .divide: return left / right
        case .other: return Arithmetic.scalar(symbol, left, right)
        case .compare:
            let holds = holds(left, right)
            if returnsBool { return holds ? 1 : 0 }
            return holds ? kept : Absent.value
        }
    }

    @inline(__always)
    private func holds(_ left: Double, _ right: Double) -> Bool {
        switch comparison {
        case .equal: left == right
        case .notEqual: left != right
        case .less: left < right
        case .greater: left > right
        case .atMost: left <= right
        case .atLeast: left >= right
        }
    }
}
