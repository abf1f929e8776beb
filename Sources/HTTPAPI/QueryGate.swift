// SPDX-License-Identifier: Apache-2.0

public import Model
import NIOPosix
import PromQL
import Synchronization

/// The bounds of serving.
public struct ServingLimits: Hashable, Sendable {
    /// Milliseconds a query may take, its wait for a thread included.
    public var queryTimeout: Milliseconds = 120_000
    /// Queries that run at once, for each address listened on.
    public var concurrency = 4
    /// Queries that may wait for a thread.
    public var queue = 64
    /// Bytes a request's body may have.
    public var maxBody = 1 << 20
    /// Bytes an answer may have before it is compressed.
    public var maxAnswer = 256 << 20
    /// Seconds a client has for sending its request, and an idle connection stays open.
    public var requestTimeout: Int64 = 60
    /// Connections at once, for each address listened on.
    public var maxConnections = 512

    /// The defaults.
    public init() {}
}

/// One query's right to go on: until its client goes or its time is up.
final class QueryScope: Sendable {
    private let isCancelled = Atomic<Bool>(false)
    private let began = ContinuousClock.now
    private let deadline: ContinuousClock.Instant

    init(timeout: Milliseconds) {
        deadline = ContinuousClock.now.advanced(by: .milliseconds(timeout))
    }

    func cancel() { isCancelled.store(true, ordering: .relaxed) }

    /// Seconds since the request was read.
    var elapsed: Double {
        let (seconds, attoseconds) = (ContinuousClock.now - began).components
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    /// Why the query must stop, or nil.
    func stopped(in phase: String) -> APIError? {
        if isCancelled.load(ordering: .relaxed) {
            return APIError(.canceled, "query was canceled in \(phase)")
        }
        return ContinuousClock.now >= deadline
            ? APIError(.timeout, "query timed out in \(phase)") : nil
    }

    func check(in phase: String = "expression evaluation") throws(APIError) {
        if let error = stopped(in: phase) { throw error }
    }
}

/// Lets so many queries run and so many wait; refuses the rest at once, so that a burst of
/// requests costs neither memory nor the sampler's time.
///
/// Owns the threads on which queries block.
struct QueryGate: Sendable {
    let limits: ServingLimits
    let threads: NIOThreadPool
    let counters: ServingCounters

    /// Runs `body` on a thread once there is one.
    func run<T: Sendable>(
        for client: ClientPresence?, timeout: Milliseconds,
        _ body: @escaping @Sendable (QueryScope) throws -> T
    ) async throws -> T {
        let scope = QueryScope(timeout: min(timeout, limits.queryTimeout))
        guard counters.admit(atMost: limits.concurrency + limits.queue) else {
            throw APIError(
                .unavailable,
                "too many queries: \(limits.concurrency) run and \(limits.queue) wait already")
        }
        client?.add(scope)
        defer { client?.remove(scope) }
        let counters = counters
        do {
            let result = try await threads.runIfActive { () -> T in
                try scope.check(in: "query queue")
                do { return try body(scope) } catch {
                    // What the interrupted evaluation made of it does not matter.
                    throw scope.stopped(in: "expression evaluation") ?? error
                }
            }
            counters.finished(nil, seconds: scope.elapsed)
            return result
        } catch {
            let known = Self.apiError(error)
            counters.finished(known.kind, seconds: scope.elapsed)
            throw known
        }
    }

    static func apiError(_ error: any Error) -> APIError {
        switch error {
        case let error as APIError: error
        case let error as QueryError: APIError(error)
        case is CancellationError: APIError(.canceled, "query was canceled")
        default: APIError(.execution, "\(error)")
        }
    }
}

/// The store as one query sees it: reading stops when the query must.
struct ScopedQuerier: SeriesQuerier {
    let base: any SeriesQuerier
    let scope: QueryScope

    func select(
        _ matchers: [Matcher], in range: TimeRange, hints: SelectHints
    ) throws -> [SelectedSeries] {
        try scope.check()
        return try base.select(matchers, in: range, hints: hints).map {
            SelectedSeries(
                labels: $0.labels, cursor: Cursor(base: $0.cursor, scope: scope),
                resolution: $0.resolution)
        }
    }

    func series(_ matchers: [Matcher], in range: TimeRange, limit: Int) throws -> [Labels] {
        try scope.check()
        return try base.series(matchers, in: range, limit: limit)
    }

    func labelNames(_ matchers: [Matcher], in range: TimeRange) throws -> [String] {
        try scope.check()
        return try base.labelNames(matchers, in: range)
    }

    func labelValues(
        of name: String, _ matchers: [Matcher], in range: TimeRange
    ) throws -> [String] {
        try scope.check()
        return try base.labelValues(of: name, matchers, in: range)
    }

    func metadata() throws -> [MetricDescriptor] { try base.metadata() }

    private final class Cursor: SampleCursor {
        let base: any SampleCursor
        let scope: QueryScope

        init(base: any SampleCursor, scope: QueryScope) {
            self.base = base
            self.scope = scope
        }

        func next(into buffer: inout SampleBuffer) throws -> Bool {
            try scope.check()
            return try base.next(into: &buffer)
        }
    }
}
