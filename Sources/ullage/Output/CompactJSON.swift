// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// Values as JSON for programs to read.
enum CompactJSON {
    /// One line of JSON with sorted keys.
    static func bytes(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value)) + [UInt8(ascii: "\n")]
    }
}
