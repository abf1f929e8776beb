// SPDX-License-Identifier: Apache-2.0

/// Shows a block of lines in place of the one before, without flicker; prints plainly when
/// stdout is not a terminal.
struct LiveScreen {
    let enabled: Bool

    /// Replaces what is shown. Lines too long for the terminal are cut, not wrapped.
    func show(_ lines: [String]) {
        guard enabled else {
            return Terminal.write(lines.map { $0 + "\n" }.joined())
        }
        let width = Terminal.width
        // Home, then each line cleared to its end, then everything below cleared: nothing blinks.
        let body = lines.map { String($0.prefix(width)) + "\u{1b}[K\n" }.joined()
        Terminal.write("\u{1b}[H" + body + "\u{1b}[J")
    }
}
