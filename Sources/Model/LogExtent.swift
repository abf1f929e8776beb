// SPDX-License-Identifier: Apache-2.0

/// How much of a log lies within a time, as its index tells: no text is read, and a block that lies
/// there in part counts by the part of its time.
public struct LogExtent: Hashable, Sendable {
    /// Entries.
    public var entries = 0
    /// Bytes of text.
    public var bytes = 0
    /// Blocks.
    public var blocks = 0
    /// The outputs that blocks have entries of.
    public var streams: Set<LogStream> = []
    /// The levels that blocks have entries of.
    public var levels: Set<LogLevel> = []

    /// Nothing.
    public init() {}

    /// Adds what another log has.
    public mutating func add(_ other: LogExtent) {
        entries += other.entries
        bytes += other.bytes
        blocks += other.blocks
        streams.formUnion(other.streams)
        levels.formUnion(other.levels)
    }
}
