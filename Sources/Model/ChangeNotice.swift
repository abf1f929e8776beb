// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Tells those who wait for it that something has changed, so that they need not look again and
/// again.
public final class ChangeNotice: Sendable {
    private struct State {
        var count: UInt64 = 0
        var next = 0
        var observers: [Int: @Sendable () -> Void] = [:]
    }

    private let state = Mutex(State())

    /// Nothing has changed yet.
    public init() {}

    /// How often something has changed.
    public var count: UInt64 { state.withLock { $0.count } }

    /// Has `body` called at each change, on the thread that makes it; it must return at once. Gives
    /// what `remove` wants.
    public func observe(_ body: @escaping @Sendable () -> Void) -> Int {
        state.withLock { state in
            state.next += 1
            state.observers[state.next] = body
            return state.next
        }
    }

    /// Ends what `observe` began.
    public func remove(_ observer: Int) { state.withLock { $0.observers[observer] = nil } }

    /// Says that something has changed.
    public func note() {
        let observers = state.withLock { state in
            state.count += 1
            return Array(state.observers.values)
        }
        for observer in observers { observer() }
    }
}
