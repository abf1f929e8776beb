// SPDX-License-Identifier: Apache-2.0

import Matching
public import Model

/// What a selector's conditions must satisfy before anything is read.
public enum MatcherRules {
    /// Why the regular expression cannot be used; nil when it can.
    public static func refusal(_ expression: String) -> String? {
        do throws(PatternError) {
            _ = try Pattern(expression)
            return nil
        } catch { return error.description }
    }

    /// Whether a series without the label fails the condition.
    public static func excludesEmpty(_ matcher: Matcher) -> Bool {
        switch matcher.operation {
        case .equal: return !matcher.value.isEmpty
        case .notEqual: return matcher.value.isEmpty
        case .matches, .matchesNot:
            guard let pattern = try? Pattern(matcher.value) else { return false }
            return pattern.matches("") != (matcher.operation == .matches)
        }
    }
}
