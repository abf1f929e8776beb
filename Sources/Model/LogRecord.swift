// SPDX-License-Identifier: Apache-2.0

/// Which of its two outputs a container wrote to.
public enum LogStream: UInt8, Hashable, Sendable {
    /// Standard output.
    case stdout = 1
    /// Standard error.
    case stderr = 2

    /// The stream's name in Docker's and CRI's formats.
    public var name: String { self == .stdout ? "stdout" : "stderr" }
}

/// One record of a container's output: a line, or a piece of one that was too long.
public struct LogRecord: Hashable, Sendable {
    /// Nanoseconds since the Unix epoch.
    public var timestamp: Int64
    /// Which output it was written to.
    public var stream: LogStream
    /// Whether the line goes on in the next record of the same stream.
    public var isPartial: Bool
    /// The bytes as the container wrote them, without the newline. Untrusted.
    public var bytes: [UInt8]

    /// A record of these parts.
    public init(timestamp: Int64, stream: LogStream, isPartial: Bool, bytes: [UInt8]) {
        self.timestamp = timestamp
        self.stream = stream
        self.isPartial = isPartial
        self.bytes = bytes
    }
}
