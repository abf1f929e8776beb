// SPDX-License-Identifier: Apache-2.0

import Codecs
import Matching
public import Model

/// Keeps alerts that satisfy all its matchers quiet for a time. Its parts and their JSON are those of
/// Alertmanager's API version 2, so that amtool can list them.
public struct Silence: Hashable, Sendable {
    /// Where a silence is in its life.
    public enum State: String, Sendable {
        /// It has not begun.
        case pending
        /// It holds.
        case active
        /// It is over.
        case expired
    }

    /// A random UUID.
    public var id: String
    /// What an alert must satisfy; at least one.
    public var matchers: [Matcher]
    /// From when it holds.
    public var startsAt: Milliseconds
    /// Until when it holds.
    public var endsAt: Milliseconds
    /// When it was last changed.
    public var updatedAt: Milliseconds
    /// Who made it.
    public var createdBy: String
    /// Why.
    public var comment: String

    /// A silence of these parts.
    public init(
        id: String = "", matchers: [Matcher], startsAt: Milliseconds, endsAt: Milliseconds,
        updatedAt: Milliseconds = 0, createdBy: String = "", comment: String = ""
    ) {
        self.id = id
        self.matchers = matchers
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.updatedAt = updatedAt
        self.createdBy = createdBy
        self.comment = comment
    }

    /// Where it is in its life at `now`.
    public func state(at now: Milliseconds) -> State {
        now >= endsAt ? .expired : now < startsAt ? .pending : .active
    }

    /// Appends it as JSON.
    func write(to json: inout JSONWriter, at now: Milliseconds) {
        json.raw("{\"id\":")
        json.string(id)
        json.raw(",\"status\":{\"state\":")
        json.string(state(at: now).rawValue)
        json.raw("},\"matchers\":")
        json.list(matchers) { json, matcher in
            json.raw("{\"name\":")
            json.string(matcher.name)
            json.raw(",\"value\":")
            json.string(matcher.value)
            let isPattern = matcher.operation == .matches || matcher.operation == .matchesNot
            json.raw(isPattern ? ",\"isRegex\":true" : ",\"isRegex\":false")
            let isPositive = matcher.operation == .matches || matcher.operation == .equal
            json.raw(isPositive ? ",\"isEqual\":true}" : ",\"isEqual\":false}")
        }
        for (name, time) in [("startsAt", startsAt), ("endsAt", endsAt), ("updatedAt", updatedAt)] {
            json.raw(",")
            json.string(name)
            json.raw(":")
            json.string(RFC3339.format(time))
        }
        json.raw(",\"createdBy\":")
        json.string(createdBy)
        json.raw(",\"comment\":")
        json.string(comment)
        json.raw("}")
    }

    /// Reads what `write` writes, and what amtool sends.
    init(_ value: JSONValue) throws(NotifyError) {
        guard let starts = value["startsAt"].string.flatMap(RFC3339.parse),
            let ends = value["endsAt"].string.flatMap(RFC3339.parse)
        else { throw NotifyError("a silence needs startsAt and endsAt, in RFC 3339") }
        var matchers: [Matcher] = []
        for item in value["matchers"].array {
            guard let name = item["name"].string, let text = item["value"].string, !name.isEmpty
            else { throw NotifyError("a matcher of a silence needs a name and a value") }
            let operation: Matcher.Operation =
                switch (item["isRegex"].bool ?? false, item["isEqual"].bool ?? true) {
                case (false, true): .equal
                case (false, false): .notEqual
                case (true, true): .matches
                case (true, false): .matchesNot
                }
            matchers.append(Matcher(name, operation, text))
        }
        self.init(
            id: value["id"].string ?? "", matchers: matchers, startsAt: starts, endsAt: ends,
            updatedAt: value["updatedAt"].string.flatMap(RFC3339.parse) ?? 0,
            createdBy: value["createdBy"].string ?? "", comment: value["comment"].string ?? "")
    }
}
