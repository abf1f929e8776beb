// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Waits until `condition` holds, at most `seconds`, without holding a thread that what is waited for
/// may need; whether it came to hold.
func soon(within seconds: Double = 120, _ condition: () throws -> Bool) async rethrows -> Bool {
    let deadline = Date().addingTimeInterval(seconds)
    while Date() < deadline {
        if try condition() { return true }
        try? await Task.sleep(for: .milliseconds(5))  // the poll interval of a deadline loop
    }
    return try condition()
}
