// SPDX-License-Identifier: Apache-2.0

import PromQL

/// Names of labels as queries write them.
enum LabelName {
    /// Whether `name` can be written in a query.
    static func isPlain(_ name: String) -> Bool { Quoting.isPlainLabel(name) }

    /// `name` with `_` for every byte that a query cannot write, such as the points in
    /// `com.docker.compose.service`.
    static func plain(_ name: some Collection<UInt8>) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(name.count + 1)
        if let first = name.first, Literals.isDigit(first) { result.append(UInt8(ascii: "_")) }
        for byte in name {
            result.append(
                Literals.isAlpha(byte) || Literals.isDigit(byte) ? byte : UInt8(ascii: "_"))
        }
        return String(decoding: result, as: UTF8.self)
    }
}
