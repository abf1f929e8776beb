// SPDX-License-Identifier: Apache-2.0

/// What is done to the lines of some logs before they are stored, in this order.
public struct PipelineOptions: Hashable, Sendable {
    /// How lines are put together to one entry.
    public enum Multiline: Hashable, Sendable {
        /// A language's stack traces.
        case preset(MultilinePreset)
        /// An entry begins with a line that matches; the others belong to the one before.
        case firstLine(String)
    }

    /// How fields are found in a line.
    public enum Parser: Hashable, Sendable {
        /// The members of an object, also of objects in it: `http.status`.
        case json
        /// `key=value key="a value"`.
        case logfmt
        /// Access logs in the common and in the combined format.
        case access
        /// The named groups of an expression.
        case regex(String)
        /// Text with `<name>` for fields and `<_>` for what is passed over.
        case pattern(String)
    }

    /// Where the level is.
    public enum Level: Hashable, Sendable {
        /// Where lines of that form have it.
        case automatic
        /// In a field.
        case field(String)
    }

    /// The same for multiline entries.
    public var multiline: Multiline?
    /// How fields are found; the stages after it can use them.
    public var parser: Parser?
    /// Where the level is.
    public var level = Level.automatic
    /// The field that has the time; nil leaves that of the record.
    public var timestamp: String?
    /// The field that is kept instead of the whole line; nil keeps the line.
    public var message: String?
    /// Expressions of which one must match.
    public var keep: [String] = []
    /// Expressions of which none may match.
    public var drop: [String] = []
    /// Entries a second, above which they are left out and counted; nil for no limit.
    public var rateLimit: Int?
    /// What is made unreadable: `cards`, `tokens`, `keys`, `emails`, or expressions.
    public var redact: [String] = []
    /// Labels of the log, by name.
    public var labels: [String: String] = [:]

    /// Nothing is done.
    public init() {}
}

/// Languages whose stack traces are one entry.
public enum MultilinePreset: String, Hashable, CaseIterable, Sendable {
    /// The Java virtual machine's.
    case java
    /// Python's.
    case python
    /// Go's panics.
    case go
    /// Node.js'.
    case node
    /// Ruby's.
    case ruby
}
