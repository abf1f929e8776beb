// SPDX-License-Identifier: Apache-2.0

import Model
import Synchronization

/// What one integration has still to be told, newest state of each group only: while its target is
/// away, an hour of changes becomes one message for each group.
final class DeliveryQueue: Sendable {
    private struct State {
        var order: [NotificationLog.Key] = []
        var waiting: [NotificationLog.Key: Notification] = [:]
    }

    private let state = Mutex(State())
    private let signal = Signal()

    /// Groups that may wait; beyond, the oldest is dropped.
    static let capacity = 1000

    /// How many groups wait.
    var count: Int { state.withLock { $0.waiting.count } }

    /// Takes a notification, in place of an older one of its group. Returns the group that had to
    /// go for it, if one had to.
    func offer(_ key: NotificationLog.Key, _ notification: Notification) -> NotificationLog.Key? {
        let dropped = state.withLock { state -> NotificationLog.Key? in
            if state.waiting.updateValue(notification, forKey: key) != nil { return nil }
            state.order.append(key)
            guard state.order.count > Self.capacity else { return nil }
            let oldest = state.order.removeFirst()
            state.waiting[oldest] = nil
            return oldest
        }
        signal.wake()
        return dropped
    }

    /// The newest of a group, if something newer than what is being sent has come.
    func newer(_ key: NotificationLog.Key) -> Notification? {
        state.withLock { state in
            guard let found = state.waiting.removeValue(forKey: key) else { return nil }
            state.order.removeAll { $0 == key }
            return found
        }
    }

    /// The next to send; waits for one. Nil when the task is cancelled.
    func next() async -> (NotificationLog.Key, Notification)? {
        while !Task.isCancelled {
            let found = state.withLock { state -> (NotificationLog.Key, Notification)? in
                guard let key = state.order.first else { return nil }
                state.order.removeFirst()
                return state.waiting.removeValue(forKey: key).map { (key, $0) }
            }
            if let found { return found }
            await signal.wait()
        }
        return nil
    }

    /// Waits, at most `milliseconds`, for something new.
    func wait(milliseconds: Milliseconds) async { await signal.wait(milliseconds: milliseconds) }
}
