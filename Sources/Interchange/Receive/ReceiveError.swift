// SPDX-License-Identifier: Apache-2.0

/// Why a request that brings samples or lines is not taken.
public enum ReceiveError: Error, Hashable, CustomStringConvertible, Sendable {
    /// The body is not what the protocol says; sending it again is of no use.
    case malformed(String)
    /// The body, or what is in it, is more than one request may have.
    case tooLarge(String)
    /// The body is written in a way that is not understood here.
    case unsupported(String)
    /// There is no room for it now; it may be sent again.
    case unavailable(String)

    /// What is wrong, and what can be done.
    public var description: String {
        switch self {
        case .malformed(let text), .tooLarge(let text), .unsupported(let text),
            .unavailable(let text):
            text
        }
    }
}

/// What became of a request that was understood.
public struct Receipt: Hashable, Sendable {
    /// Samples or lines stored.
    public var accepted = 0
    /// Of those, samples that came after a newer one of their series.
    public var late = 0
    /// Samples or lines that were there already.
    public var duplicates = 0
    /// What was refused, by a word for the reason.
    public var refused: [String: Int] = [:]
    /// What is wrong with the first that was refused.
    public var reason: String?
    /// What was passed over because it is not stored here, by its kind.
    public var ignored: [String: Int] = [:]

    /// Nothing yet.
    public init() {}

    /// How much was refused.
    public var refusedCount: Int { refused.values.reduce(0, +) }

    mutating func refuse(_ reason: String, _ count: Int, _ words: @autoclosure () -> String) {
        guard count > 0 else { return }
        refused[reason, default: 0] += count
        if self.reason == nil { self.reason = words() }
    }

    mutating func ignore(_ kind: String, _ count: Int) {
        if count > 0 { ignored[kind, default: 0] += count }
    }
}

/// How much one request may bring.
public struct ReceiveLimits: Hashable, Sendable {
    /// Bytes of a body as it comes.
    public var body = 16 << 20
    /// Bytes of a body after decompression.
    public var decoded = 32 << 20
    /// Bytes of a JSON document, which takes many times that in memory.
    public var json = 8 << 20
    /// Series or lines of a request.
    public var records = 250_000
    /// Series that a request may bring, and strings of its table.
    public var series = 100_000
    /// Labels of a series or stream.
    public var labels = 64
    /// Bytes of a label's name.
    public var labelName = 1024
    /// Bytes of a label's value.
    public var labelValue = 8192
    /// Streams of lines at once.
    public var streams = 1000
    /// How far ahead of this clock something may be, in milliseconds.
    public var ahead: Int64 = 600_000

    /// The defaults.
    public init() {}
}
