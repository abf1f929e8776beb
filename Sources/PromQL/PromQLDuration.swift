// SPDX-License-Identifier: Apache-2.0

public import Model

/// Durations as PromQL writes them.
public enum PromQLDuration {
    /// `1h30m` in milliseconds; nil when `text` is no duration.
    public static func parse(_ text: String) -> Milliseconds? { Lexer.duration(text) }
}
