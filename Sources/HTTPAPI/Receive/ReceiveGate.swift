// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Lets so many requests in at once and so many wait, before their bodies are read.
final class ReceiveGate: Sendable {
    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Bool, Never>] = []
    }

    private let state: Mutex<State>
    private let limit: Int

    init(atOnce: Int, waiting: Int) {
        state = Mutex(State(free: atOnce))
        limit = waiting
    }

    /// Waits for a place; false when too many wait. Who has entered must leave.
    func enter() async -> Bool {
        await withCheckedContinuation { continuation in
            let verdict = state.withLock { state -> Bool? in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                guard state.waiting.count < limit else { return false }
                state.waiting.append(continuation)
                return nil
            }
            if let verdict { continuation.resume(returning: verdict) }
        }
    }

    /// Gives the place to the one that has waited longest.
    func leave() {
        let next = state.withLock { state in
            if state.waiting.isEmpty {
                state.free += 1
                return nil as CheckedContinuation<Bool, Never>?
            }
            return state.waiting.removeFirst()
        }
        next?.resume(returning: true)
    }
}
