// SPDX-License-Identifier: Apache-2.0

/// A place in a file, counted from 1.
public struct Mark: Hashable, Sendable {
    /// The line.
    public var line: Int
    /// The column, in characters.
    public var column: Int

    /// The place in this line and column.
    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

/// A node of a YAML document, with its place.
public struct YAMLNode: Sendable {
    /// How a scalar is written.
    public enum Style: Hashable, Sendable {
        /// Without quotes.
        case plain
        /// In single or double quotes.
        case quoted
        /// `|`, line by line.
        case literal
        /// `>`, lines joined.
        case folded
    }

    /// What a node holds.
    public indirect enum Content: Sendable {
        /// A text, as written but for quotes and escapes.
        case scalar(String, Style)
        /// Nodes in order.
        case list([YAMLNode])
        /// Pairs in the order of the file; a key may come twice.
        case map([(key: YAMLNode, value: YAMLNode)])
    }

    /// What it holds.
    public var content: Content
    /// Where it begins.
    public var mark: Mark
    /// Its explicit tag, such as `tag:yaml.org,2002:str`, or empty.
    public var tag: String

    /// A node of these parts.
    public init(content: Content, mark: Mark, tag: String = "") {
        self.content = content
        self.mark = mark
        self.tag = tag
    }

    /// What it is, for messages.
    public var kind: String {
        switch content {
        case .scalar(let text, _): text.isEmpty ? "nothing" : "`\(text.prefix(40))`"
        case .list: "a list"
        case .map: "a mapping"
        }
    }

    /// Whether it is YAML's null: a plain `~`, `null` or nothing.
    public var isNull: Bool {
        guard case .scalar(let text, .plain) = content else { return false }
        return tag.isEmpty && ["", "~", "null", "Null", "NULL"].contains(text)
    }
}

/// What is wrong with a text that should be YAML, and where.
public struct YAMLProblem: Error, Sendable {
    /// Where.
    public let mark: Mark
    /// What.
    public let message: String

    /// A problem at a place.
    public init(_ mark: Mark, _ message: String) {
        self.mark = mark
        self.message = message
    }
}
