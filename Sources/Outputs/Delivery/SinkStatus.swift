// SPDX-License-Identifier: Apache-2.0

public import Model

/// How a sink is doing.
public struct SinkStatus: Sendable {
    /// What its thread does.
    public enum Activity: String, Sendable {
        /// It has everything.
        case idle
        /// A request is on its way.
        case sending
        /// The last attempt failed; another comes.
        case waiting
        /// It has ended.
        case stopped
    }

    /// The sink's name.
    public var name = ""
    /// The kind of sink, such as `remote_write`.
    public var kind = ""
    /// Where it sends to, without credentials.
    public var target = ""
    /// What its thread does.
    public var activity = Activity.idle
    /// How far the sink is.
    public var cursor = ""
    /// What is still to come.
    public var backlog = Backlog()
    /// Records taken by the sink.
    public var records: Int64 = 0
    /// Bytes of records before compression.
    public var rawBytes: Int64 = 0
    /// Bytes sent in requests that were taken.
    public var bytes: Int64 = 0
    /// Attempts by their outcome.
    public var attempts: [String: Int64] = [:]
    /// Records that the sink refused for good.
    public var refused: Int64 = 0
    /// Records that were skipped, by reason.
    public var skipped: [String: Int64] = [:]
    /// Times at which the store had lost what should have been sent.
    public var gaps: Int64 = 0
    /// What failed last.
    public var lastError: String?
    /// When.
    public var lastErrorAt: Milliseconds?
    /// When the sink last took something.
    public var lastSuccessAt: Milliseconds?
    /// When the next attempt comes.
    public var retryAt: Milliseconds?

    /// Nothing done yet.
    public init() {}
}

/// What can be asked of a sink.
public enum SinkRequest: Hashable, Sendable {
    /// To send at once what there is.
    case flush
    /// To send everything since a time again.
    case replay(since: Milliseconds)
}

/// What the operator may choose of how a sink is served.
public struct DeliveryOptions: Hashable, Sendable {
    /// How much goes into a request.
    public var batch = BatchLimits()
    /// The wait after the first failure, in milliseconds.
    public var firstBackoff: Milliseconds = 500
    /// The longest wait after a failure.
    public var longestBackoff: Milliseconds = 30_000
    /// Bytes a second on the wire; 0 for no limit.
    public var bandwidth: Int64 = 0
    /// Bytes of the store that may wait, above which the oldest are skipped; 0 for no limit.
    public var maxLagBytes: Int64 = 0
    /// How old what waits may be, above which it is skipped; 0 for no limit.
    public var maxLagAge: Milliseconds = 0
    /// Bytes of refused records that are kept.
    public var deadLetterBytes = 64 << 20
    /// Whether a new sink gets what the store has already, and not only what comes.
    public var fromOldest = false
    /// How often an idle sink looks for more.
    public var poll: Milliseconds = 500

    /// The defaults.
    public init() {}
}
