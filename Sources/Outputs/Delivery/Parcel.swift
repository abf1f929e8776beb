// SPDX-License-Identifier: Apache-2.0

public import Model

/// One request's worth of records, encoded.
public struct Parcel: Sendable {
    /// What is sent.
    public var body: [UInt8]
    /// Headers of a request that carries it, `Content-Type` and the like.
    public var headers: [(name: String, value: String)]
    /// Records in it: samples or log lines.
    public var records: Int
    /// Bytes before compression.
    public var rawBytes: Int
    /// When the newest record was made.
    public var newest: Milliseconds
    /// Whether it is as large as it may be, so that waiting for more is of no use.
    public var isFull: Bool
    /// Which of the parts of a batch it is, of those that are sent at once.
    public var part = 0
    /// What an HTTP server's answer to it means.
    var judge: HTTPJudge = HTTPCarrier.standardVerdict

    /// A parcel of these parts.
    public init(
        body: [UInt8], headers: [(name: String, value: String)] = [], records: Int, rawBytes: Int,
        newest: Milliseconds, isFull: Bool
    ) {
        self.body = body
        self.headers = headers
        self.records = records
        self.rawBytes = rawBytes
        self.newest = newest
        self.isFull = isFull
    }
}

/// What became of a parcel at the sink.
public enum Verdict: Hashable, Sendable {
    /// Everything was taken.
    case accepted
    /// So many records were refused for good, the others taken.
    case partly(rejected: Int, reason: String)
    /// Nothing was taken; later it may be. `after` is what the sink asked for, in milliseconds.
    case retry(reason: String, after: Milliseconds?)
    /// The sink takes only smaller requests.
    case tooLarge(reason: String)
    /// The sink does not know this version of the protocol.
    case unsupported(reason: String)
    /// The sink will never take these records.
    case refused(reason: String)

    /// The word for it in metrics.
    public var name: String {
        switch self {
        case .accepted: "accepted"
        case .partly: "partly"
        case .retry: "retry"
        case .tooLarge: "too_large"
        case .unsupported: "unsupported"
        case .refused: "refused"
        }
    }

    /// How long the sink asked to be left alone, in milliseconds.
    var asked: Milliseconds? { if case .retry(_, let after) = self { after } else { nil } }

    /// Why, when it is not `accepted`.
    public var reason: String? {
        switch self {
        case .accepted: nil
        case .partly(_, let reason), .retry(let reason, _), .tooLarge(let reason),
            .unsupported(let reason), .refused(let reason):
            reason
        }
    }
}

/// How much goes into a request.
public struct BatchLimits: Hashable, Sendable {
    /// Records.
    public var records = 10_000
    /// Bytes before compression.
    public var bytes = 4 << 20
    /// How long the first record waits for others, in milliseconds.
    public var age: Milliseconds = 1000
    /// Requests that are sent at once: a batch is cut into so many parts, each with all its records of
    /// some streams or series, so that each of these stays in order. The limits above are each part's.
    public var parts = 1

    /// The defaults.
    public init() {}
}

/// What a sink has still to get.
public struct Backlog: Hashable, Sendable {
    /// Records.
    public var records: Int64 = 0
    /// Bytes they take in the store.
    public var bytes: Int64 = 0
    /// When the oldest was made; nil when there are none.
    public var oldest: Milliseconds?

    /// Nothing to come.
    public init() {}
}

/// A reader of a store that remembers how far its sink has taken what it read. Used by one thread.
public protocol ParcelSource: AnyObject {
    /// How far the sink is, as one line.
    var cursor: String { get }

    /// The next batch after what was acknowledged, as parcels of which none depends on another; the same
    /// again when that one was not. Empty when there is nothing yet.
    func next(_ limits: BatchLimits) throws -> [Parcel]

    /// The sink has taken all parcels of the last batch, or never will: the cursor moves past them.
    func acknowledge()

    /// What a parcel of the last batch held, a JSON document a line, for people to read.
    func describe(_ parcel: Parcel) -> [UInt8]

    /// Uses an older version of the protocol from now on; false when there is none.
    func fallBack() -> Bool

    /// What is still to come.
    func backlog() throws -> Backlog

    /// Goes to the first record at or after `time`.
    func seek(to time: Milliseconds) throws

    /// Whether records that should have come before the last batch are not in the store any more.
    /// Asking takes note of it.
    func takeGap() -> Bool
}

extension ParcelSource {
    /// See the requirement: most protocols have one version.
    public func fallBack() -> Bool { false }
}

/// Carries parcels to a sink and says what became of them. Blocks; called by one thread.
public protocol Carrier: Sendable {
    /// Sends one parcel and waits for the answer.
    func carry(_ parcel: Parcel) -> Verdict

    /// Sends parcels, at once where the protocol has a request for each, and waits for all answers.
    func carry(_ parcels: [Parcel]) -> [Verdict]

    /// Ends a `carry` that waits, as far as that is possible.
    func interrupt()
}

extension Carrier {
    /// See the requirement: a connection takes one parcel after the other.
    public func carry(_ parcels: [Parcel]) -> [Verdict] { parcels.map { carry($0) } }
}
