// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What was asked and how it ended, since the agent started. One is shared by all addresses.
public final class ServingCounters: Sendable {
    /// The counts at one moment.
    public struct Snapshot: Sendable {
        /// Answered requests, by route and status code.
        public var requests: [Request: Int64] = [:]
        /// Finished queries, by `success` or the kind of error.
        public var queries: [String: Int64] = [:]
        /// Seconds all finished queries took together, waiting included.
        public var querySeconds = 0.0
        /// Queries running or waiting.
        public var inFlight: Int64 = 0
        /// Queries refused because too many were running and waiting.
        public var refused: Int64 = 0
    }

    /// A route and how it was answered.
    public struct Request: Hashable, Sendable {
        /// The route's pattern, or `other`.
        public var handler: String
        /// The status code.
        public var code: Int

        /// This route, answered with this code.
        public init(handler: String, code: Int) {
            self.handler = handler
            self.code = code
        }
    }

    private let state = Mutex(Snapshot())

    /// All zero.
    public init() {}

    /// The counts now.
    public var snapshot: Snapshot { state.withLock { $0 } }

    func answered(_ handler: String, _ code: Int) {
        state.withLock { $0.requests[Request(handler: handler, code: code), default: 0] += 1 }
    }

    func admit(atMost limit: Int) -> Bool {
        state.withLock { state in
            guard state.inFlight < Int64(limit) else {
                state.refused += 1
                return false
            }
            state.inFlight += 1
            return true
        }
    }

    func finished(_ error: APIError.Kind?, seconds: Double) {
        state.withLock {
            $0.inFlight -= 1
            $0.queries[error?.rawValue ?? "success", default: 0] += 1
            $0.querySeconds += seconds
        }
    }
}
