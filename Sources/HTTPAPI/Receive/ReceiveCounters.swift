// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Interchange
import Synchronization

/// What came in from other hosts, and how it ended, since the agent started.
public final class ReceiveCounters: Sendable {
    /// The counts at one moment, by protocol.
    public struct Snapshot: Sendable {
        /// Requests, by what became of them.
        public var requests: [Pair: Int64] = [:]
        /// Bytes of bodies.
        public var bytes: [String: Int64] = [:]
        /// Samples or lines stored.
        public var records: [String: Int64] = [:]
        /// Samples or lines that were there already.
        public var duplicates: [String: Int64] = [:]
        /// Samples that came after a newer one of their series.
        public var late: [String: Int64] = [:]
        /// Samples or lines not stored, by why.
        public var refused: [Pair: Int64] = [:]
    }

    /// A protocol, and a word.
    public struct Pair: Hashable, Sendable {
        /// `remote_write`, `loki` or `otlp_logs`.
        public var name: String
        /// What became of it, or why.
        public var word: String
    }

    private let state = Mutex(Snapshot())

    /// All zero.
    public init() {}

    /// The counts now.
    public var snapshot: Snapshot { state.withLock { $0 } }

    func read(_ name: String, _ bytes: Int) {
        state.withLock { $0.bytes[name, default: 0] += Int64(bytes) }
    }

    func answered(_ name: String, _ word: String) {
        state.withLock { $0.requests[Pair(name: name, word: word), default: 0] += 1 }
    }

    func answered(_ name: String, _ reply: ReceiveReply) {
        let word: String =
            switch reply.status.code {
            case 200..<300: (reply.receipt?.refusedCount ?? 0) > 0 ? "partial" : "accepted"
            case 503: "unavailable"
            default: reply.receipt == nil ? "refused" : "partial"
            }
        answered(name, word)
        guard let receipt = reply.receipt else { return }
        state.withLock { state in
            state.records[name, default: 0] += Int64(receipt.accepted)
            state.duplicates[name, default: 0] += Int64(receipt.duplicates)
            state.late[name, default: 0] += Int64(receipt.late)
            for (why, count) in receipt.refused.merging(receipt.ignored, uniquingKeysWith: +) {
                state.refused[Pair(name: name, word: why), default: 0] += Int64(count)
            }
        }
    }
}
