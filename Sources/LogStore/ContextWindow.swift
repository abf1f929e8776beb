// SPDX-License-Identifier: Apache-2.0

import Model

/// Passes on the lines of one log that match, with some before and after each.
struct ContextWindow {
    private let before: Int
    private let after: Int
    private var waiting: [LogLine] = []
    private var left = 0
    private var isSkipped = false
    private var hasShown = false
    private var lastSequence: Int64 = -1

    init(before: Int, after: Int) {
        self.before = before
        self.after = after
    }

    /// Takes the next line and adds what is to be shown to `output`.
    mutating func take(_ line: LogLine, matches: Bool, into output: inout [LogLine]) {
        let sequence = line.entry.sequence
        if sequence >= 0 {
            // Lines too far from any match are not even read.
            if sequence != lastSequence + 1, lastSequence >= 0 { isSkipped = true }
            lastSequence = sequence
        }
        if matches {
            let start = output.count
            output += waiting
            output.append(line)
            if isSkipped, hasShown { output[start].startsGroup = true }
            waiting.removeAll(keepingCapacity: true)
            (left, isSkipped, hasShown) = (after, false, true)
            return
        }
        var line = line
        line.isContext = true
        if left > 0 {
            left -= 1
            output.append(line)
            return
        }
        guard before > 0 else {
            isSkipped = true
            return
        }
        if waiting.count == before {
            waiting.removeFirst()
            isSkipped = true
        }
        waiting.append(line)
    }
}
