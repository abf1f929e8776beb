// SPDX-License-Identifier: Apache-2.0

/// Writes one flat JSON object member by member, leaving out what is not known; such as a line of
/// a file of records.
public struct JSONObject {
    private var json = JSONWriter()

    /// An object without members.
    public init() { json.raw("{") }

    /// The text so far; closed by `end`.
    public var bytes: [UInt8] { json.bytes }

    /// Adds a text; nothing when there is none.
    public mutating func add(_ name: StaticString, _ text: String?) {
        guard let text else { return }
        begin(name)
        json.string(text)
    }

    /// Adds a number; nothing when there is none, or it is not finite.
    public mutating func add(_ name: StaticString, _ number: Double?) {
        guard let number, number.isFinite else { return }
        begin(name)
        json.number(number)
    }

    /// Adds a whole number; nothing when there is none.
    public mutating func add(_ name: StaticString, _ number: Int64?) {
        guard let number else { return }
        begin(name)
        json.integer(number)
    }

    /// Adds a truth value.
    public mutating func add(_ name: StaticString, _ value: Bool) {
        begin(name)
        if value { json.raw("true") } else { json.raw("false") }
    }

    /// Closes the object.
    public mutating func end() { json.raw("}") }

    private mutating func begin(_ name: StaticString) {
        if json.bytes.count > 1 { json.raw(",") }
        json.raw("\"")
        json.raw(name)
        json.raw("\":")
    }
}
