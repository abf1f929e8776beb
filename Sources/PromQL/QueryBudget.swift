// SPDX-License-Identifier: Apache-2.0

import Model
import Synchronization

/// What one query may still read, and whether it may go on. Shared by the threads that evaluate its
/// series.
final class QueryBudget: Sendable {
    private let maxSamples: Int
    private let interruption: (@Sendable () -> QueryError?)?
    private let read = Atomic<Int>(0)
    private let done = Atomic<Int>(0)

    init(maxSamples: Int, interruption: (@Sendable () -> QueryError?)?) {
        self.maxSamples = maxSamples
        self.interruption = interruption
    }

    /// Samples read from the store so far.
    var samples: Int { read.load(ordering: .relaxed) }

    /// Counts samples read from the store.
    func count(samples: Int) throws(QueryError) {
        let total = read.wrappingAdd(samples, ordering: .relaxed).newValue
        guard total <= maxSamples else { throw tooMany }
        try checkInterruption(work: samples)
    }

    /// Throws when the query must stop. `work` is how many values were handled since the last call,
    /// so that asking costs little.
    func checkInterruption(work: Int) throws(QueryError) {
        let (before, after) = done.wrappingAdd(work, ordering: .relaxed)
        guard before == 0 || before / 100_000 != after / 100_000 else { return }
        if let error = interruption?() { throw error }
    }

    var tooMany: QueryError {
        QueryError(
            .execution,
            "query processing would load too many samples into memory in query execution "
                + "(more than \(maxSamples))")
    }
}
