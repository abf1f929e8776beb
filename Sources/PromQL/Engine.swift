// SPDX-License-Identifier: Apache-2.0

public import Model

/// Evaluates PromQL over a `SeriesQuerier`.
///
/// Blocks its caller while it evaluates, so callers run it on threads of their own, never on the
/// cooperative pool. One engine serves any number of threads.
public struct Engine: Sendable {
    /// The bounds of one query.
    public struct Options: Sendable {
        /// How far back an instant selector looks for a sample.
        public var lookback: Milliseconds = 300_000
        /// Samples one query may hold at a time.
        public var maxSamples = 50_000_000
        /// Steps a range query may have: Prometheus' 11,000.
        public var maxSteps = 11_000
        /// How long a query may take, in seconds.
        public var timeout = 120.0

        /// Prometheus' defaults.
        public init() {}
    }

    let querier: any SeriesQuerier
    let options: Options

    /// An engine over `querier` within `options`.
    public init(querier: any SeriesQuerier, options: Options = Options()) {
        self.querier = querier
        self.options = options
    }
}
