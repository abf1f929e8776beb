// SPDX-License-Identifier: Apache-2.0

import Model
import Synchronization

/// Wakes one task that waits, from any thread; a wake-up while nobody waits is kept, once. May wake
/// for no reason, so that waiters look again.
final class Signal: Sendable {
    private struct State {
        var isSet = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Wakes the task.
    func wake() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            if state.waiter == nil { state.isSet = true }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Waits for a wake-up, at most `milliseconds`, for ever without. Ends when the task is cancelled.
    func wait(milliseconds: Milliseconds? = nil) async {
        let timer = milliseconds.map { time in
            Task {
                try? await Task.sleep(for: .milliseconds(max(0, time)))
                if !Task.isCancelled { self.wake() }
            }
        }
        defer { timer?.cancel() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let isSet = state.withLock { state in
                    defer { state.isSet = false }
                    if !state.isSet { state.waiter = waiter }
                    return state.isSet
                }
                if isSet { waiter.resume() }
            }
        } onCancel: {
            wake()
        }
    }
}
