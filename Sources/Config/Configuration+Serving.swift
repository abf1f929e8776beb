// SPDX-License-Identifier: Apache-2.0

extension Configuration {
    /// The bounds of the HTTP API.
    public struct Serving: Hashable, Sendable {
        /// Milliseconds a query may take, its wait included.
        public var queryTimeout: Int64 = 120_000
        /// Queries at once, for each address.
        public var queryConcurrency: Int64 = 4
        /// Queries that may wait, for each address.
        public var queryQueue: Int64 = 64
        /// Bytes a request's body may have.
        public var maxBody: Int64 = 1 << 20
        /// Connections at once, for each address.
        public var maxConnections: Int64 = 512
    }
}
