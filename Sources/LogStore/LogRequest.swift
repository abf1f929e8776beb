// SPDX-License-Identifier: Apache-2.0

import Matching
public import Model

/// Which lines somebody asks for, in the terms of the command line.
public struct LogRequest: Sendable {
    /// Names, patterns of names, ids, `name~1`; empty for all logs. See `LogNames`.
    public var names: [String] = []
    /// Conditions on labels that all hold.
    public var matchers: [Matcher] = []
    /// Of each name the container before the newest.
    public var isPrevious = false
    /// What of these logs; `matchers` and `backward` are not looked at.
    public var query = LogQuery()
    /// How many of the last lines of each name; nil for all.
    public var tail: Int?
    /// Lines shown before each line that the filters let pass.
    public var before = 0
    /// Lines shown after it.
    public var after = 0
    /// With it, `before` lines before this time and `after` from it on, in nanoseconds.
    public var around: Int64?
    /// Whether lines that come later are wanted, of containers that come later too.
    public var isFollowing = false

    /// All lines of all logs.
    public init() {}

    /// Which logs these are among those of the archive and `others`, in order of name and age.
    public func resolve(
        in archive: LogArchive, also others: [LogIdentity] = []
    ) throws -> [LogIdentity] {
        var all = try archive.logs(matchers)
        if !others.isEmpty {
            let compiled = try CompiledMatchers(matchers)
            let known = Set(all.map(\.id))
            all += others.filter {
                !known.contains($0.id) && (matchers.isEmpty || compiled.match($0.selectable))
            }
            all.sort { ($0.name, $0.createdAt, $0.id) < ($1.name, $1.createdAt, $1.id) }
        }
        var found: [LogIdentity] = names.isEmpty ? all : []
        for word in names {
            let some = LogNames.resolve(word, among: all)
            if some.isEmpty, !isFollowing, !LogNames.isPattern(word) {
                throw LogNotFound(word: word, near: LogNames.near(word, among: all))
            }
            found += some.filter { log in !found.contains { $0.id == log.id } }
        }
        guard isPrevious else { return found }
        let generations = Dictionary(grouping: found, by: \.name)
        return generations.values.compactMap { $0.count > 1 ? $0[$0.count - 2] : nil }
            .sorted { $0.name < $1.name }
    }
}

/// No log has the name or id asked for.
public struct LogNotFound: Error, CustomStringConvertible, Sendable {
    /// What was asked for.
    public let word: String
    /// Names that are like it.
    public let near: [String]

    /// In a sentence. The word is untrusted.
    public var description: String {
        let advice =
            near.isEmpty ? "" : "; there is " + near.map { "`\($0)`" }.joined(separator: ", ")
        return "no container `\(word)` has a log here\(advice)"
    }
}

/// A line with what is known of its log.
public struct LogLine: Hashable, Sendable {
    /// The line.
    public var entry: LogEntry
    /// Whose it is.
    public var identity: LogIdentity
    /// Whether it is shown because of a line near it.
    public var isContext = false
    /// Whether lines were left out before it, of those that are shown with their neighbours.
    public var startsGroup = false

    /// A line that is asked for itself.
    public init(_ entry: LogEntry, of identity: LogIdentity) {
        self.entry = entry
        self.identity = identity
    }
}
