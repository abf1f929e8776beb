// SPDX-License-Identifier: Apache-2.0

/// What a function of the language takes and gives.
public struct FunctionSignature: Hashable, Sendable {
    /// The types of the arguments.
    public let arguments: [ValueType]
    /// How many of the last argument may be left out or added: 0 for none, n for up to n, -1 for
    /// any number.
    public var variadic = 0
    /// What it yields.
    public var result = ValueType.vector
}

/// All functions by name, and the aggregation operators
/// (https://prometheus.io/docs/prometheus/latest/querying/functions/).
public enum FunctionTable {
    /// The functions.
    public static let all: [String: FunctionSignature] = {
        var table: [String: FunctionSignature] = [:]
        func add(
            _ names: String, _ arguments: [ValueType], variadic: Int = 0,
            result: ValueType = .vector
        ) {
            for name in names.split(separator: " ") {
                table[String(name)] = FunctionSignature(
                    arguments: arguments, variadic: variadic, result: result)
            }
        }
        add(
            "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg "
                + "histogram_count histogram_sum histogram_stddev histogram_stdvar ln log10 log2 "
                + "rad sgn sin sinh sort sort_desc sqrt tan tanh timestamp", [.vector])
        add(
            "absent_over_time avg_over_time changes count_over_time delta deriv first_over_time "
                + "idelta increase irate last_over_time mad_over_time max_over_time "
                + "min_over_time present_over_time rate resets stddev_over_time "
                + "stdvar_over_time sum_over_time ts_of_first_over_time ts_of_last_over_time "
                + "ts_of_max_over_time ts_of_min_over_time", [.matrix])
        add(
            "day_of_month day_of_week day_of_year days_in_month hour minute month year", [.vector],
            variadic: 1)
        add("clamp", [.vector, .scalar, .scalar])
        add("clamp_max clamp_min", [.vector, .scalar])
        add("histogram_fraction", [.scalar, .scalar, .vector])
        add("histogram_quantile", [.scalar, .vector])
        add("histogram_quantiles", [.vector, .string, .scalar, .scalar], variadic: 9)
        add("double_exponential_smoothing", [.matrix, .scalar, .scalar])
        add("label_replace", [.vector, .string, .string, .string, .string])
        add("label_join", [.vector, .string, .string, .string], variadic: -1)
        add("predict_linear", [.matrix, .scalar])
        add("quantile_over_time", [.scalar, .matrix])
        add("round", [.vector, .scalar], variadic: 1)
        add("sort_by_label sort_by_label_desc", [.vector, .string], variadic: -1)
        add("scalar", [.vector], result: .scalar)
        add("vector", [.scalar])
        add("time pi start end range step", [], result: .scalar)
        add("max_of min_of", [.scalar, .scalar], result: .scalar)
        return table
    }()

    /// The aggregation operators.
    public static let aggregators: Set<String> = [
        "sum", "avg", "count", "min", "max", "group", "stddev", "stdvar", "topk", "bottomk",
        "count_values", "quantile", "limitk", "limit_ratio",
    ]

    /// Those of them that take a parameter.
    static let parameterised: Set<String> = [
        "topk", "bottomk", "count_values", "quantile", "limitk", "limit_ratio",
    ]
}
