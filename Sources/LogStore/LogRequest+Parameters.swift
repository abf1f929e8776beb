// SPDX-License-Identifier: Apache-2.0

public import Model

/// Why the parameters of a request for lines are none.
public struct LogRequestError: Error, CustomStringConvertible, Sendable {
    /// Which one, and what was expected.
    public let description: String
}

// A request as parameters of an address, which is how the command line asks an agent. What a
// parameter means is in docs/http-api.md.
extension LogRequest {
    /// The parameters that `init(parameters:)` reads back.
    public var parameters: [(String, String)] {
        var result = names.map { ("name", $0) }
        result += matchers.map { ("label", $0.name + $0.operation.rawValue + $0.value) }
        func add(_ name: String, _ value: Int64?) {
            if let value { result.append((name, String(value))) }
        }
        add("start", query.start == .min ? nil : query.start)
        add("end", query.end == .max ? nil : query.end)
        add("tail", tail.map { Int64($0) })
        add("before", before == 0 ? nil : Int64(before))
        add("after", after == 0 ? nil : Int64(after))
        add("at", around)
        result += query.streams.map { ("stream", $0.name) }
        result += query.levels.map { ("level", $0.name) }
        for filter in query.filters {
            let kind =
                switch filter.kind {
                case .substring: "text"
                case .word: "word"
                case .pattern: "regex"
                }
            let name = (filter.isInverted ? "not_" : "") + kind + (filter.ignoresCase ? "_i" : "")
            result.append((name, filter.text))
        }
        result += query.from.sorted { $0.key < $1.key }.map { ("from", "\($0.value):\($0.key)") }
        if isPrevious { result.append(("previous", "true")) }
        if isFollowing { result.append(("follow", "true")) }
        return result
    }

    /// Reads parameters; names that are not known are an error.
    public init(parameters: [(String, String)]) throws(LogRequestError) {
        self.init()
        guard parameters.count <= 10_000 else {
            throw LogRequestError(description: "there are more than 10000 parameters")
        }
        for (name, value) in parameters { try set(name, value) }
    }

    private mutating func set(_ name: String, _ value: String) throws(LogRequestError) {
        func number() throws(LogRequestError) -> Int64 {
            guard let number = Int64(value) else {
                throw LogRequestError(description: "`\(name)` must be a whole number")
            }
            return number
        }
        func count() throws(LogRequestError) -> Int { Int(max(0, min(1_000_000, try number()))) }
        switch name {
        case "name": names.append(value)
        case "label":
            guard let matcher = Self.matcher(value) else {
                throw LogRequestError(
                    description: "`label` must be KEY=VALUE, KEY!=VALUE, KEY=~REGEX or KEY!~REGEX")
            }
            matchers.append(matcher)
        case "start": query.start = try number()
        case "end": query.end = try number()
        case "tail": tail = try count()
        case "before": before = try count()
        case "after": after = try count()
        case "at": around = try number()
        case "stream":
            guard value == "stdout" || value == "stderr" else {
                throw LogRequestError(description: "`stream` must be stdout or stderr")
            }
            query.streams.insert(value == "stdout" ? .stdout : .stderr)
        case "level":
            guard let level = LogLevel(word: value) else {
                throw LogRequestError(
                    description: "`level` must be one of "
                        + LogLevel.allCases.map(\.name).joined(separator: ", "))
            }
            query.levels.insert(level)
        case "from":
            let parts = value.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let sequence = Int64(parts[0]), sequence >= 0 else {
                throw LogRequestError(description: "`from` must be SEQUENCE:ID")
            }
            query.from[String(parts[1])] = sequence
        case "previous": isPrevious = value == "true" || value == "1"
        case "follow": isFollowing = value == "true" || value == "1"
        default: try setFilter(name, value)
        }
    }

    private mutating func setFilter(_ name: String, _ value: String) throws(LogRequestError) {
        var rest = name[...]
        let isInverted = rest.hasPrefix("not_")
        if isInverted { rest = rest.dropFirst(4) }
        let ignoresCase = rest.hasSuffix("_i")
        if ignoresCase { rest = rest.dropLast(2) }
        let kind: LineFilter.Kind
        switch rest {
        case "text": kind = .substring
        case "word": kind = .word
        case "regex": kind = .pattern
        default: throw LogRequestError(description: "unknown parameter `\(name.prefix(64))`")
        }
        query.filters.append(
            LineFilter(kind, value, ignoresCase: ignoresCase, isInverted: isInverted))
    }

    /// A condition on a label such as `app=web` or `app!~a|b`; nil for what is none.
    public static func matcher(_ text: String) -> Matcher? {
        guard let at = text.firstIndex(where: { $0 == "=" || $0 == "!" }), at > text.startIndex
        else { return nil }
        let name = String(text[..<at])
        for operation in ["=~", "!~", "!=", "="] where text[at...].hasPrefix(operation) {
            return Matcher.Operation(rawValue: operation).map {
                Matcher(name, $0, String(text[at...].dropFirst(operation.count)))
            }
        }
        return nil
    }
}
