// SPDX-License-Identifier: Apache-2.0

import Model

/// What became of one attempt to tell somebody.
enum Outcome: Sendable {
    /// They were told; `note` says what was not quite right.
    case sent(note: String? = nil)
    /// Not now; perhaps later. `after` is what the other side asked to wait, in milliseconds.
    case retry(String, after: Milliseconds?)
    /// Not at all: trying again would fail the same way.
    case failed(String)
}

/// Tells somebody, once.
protocol Sender: Sendable {
    /// Tries once, within the time that the integration's settings give.
    func send(_ notification: Notification) async -> Outcome
}
