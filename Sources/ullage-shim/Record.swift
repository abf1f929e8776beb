// SPDX-License-Identifier: Apache-2.0

/// Which output a record came from.
enum LogStreamIndex {
    case stdout
    case stderr

    var index: Int { self == .stdout ? 0 : 1 }
}

/// A line of output, or a part of one that was too long. The bytes belong to whoever made it.
struct Record {
    /// A record's bytes before escaping; Docker splits longer lines here.
    static let maxBytes = 16384

    var bytes: UnsafePointer<UInt8>
    var count: Int
    var stream: LogStreamIndex
    /// Whether a newline ended it. The newline is not among the bytes.
    var isWhole: Bool
    /// Its place among the parts of a line that was split, from 1; 0 for a line in one piece.
    var part: UInt32
    /// Nanoseconds since the epoch; parts of one line share the first part's.
    var time: Int64
}
