// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// What each integration was last told of each group, so that nobody is told the same twice; kept
/// over restarts.
struct NotificationLog: Sendable {
    /// An integration and a group.
    struct Key: Hashable, Sendable {
        let receiver: String
        let integration: Int
        let group: String
    }

    /// What was told, and when.
    struct Entry: Hashable, Sendable {
        var firing: Set<UInt64>
        var resolved: Set<UInt64>
        var time: Milliseconds
    }

    private(set) var entries: [Key: Entry] = [:]

    /// Entries that are kept; beyond, the oldest go.
    static let maxEntries = 20_000
    /// Milliseconds after which an entry is forgotten, as in Alertmanager.
    static let retention: Milliseconds = 120 * 3_600_000

    /// An empty log.
    init() {}

    subscript(key: Key) -> Entry? {
        get { entries[key] }
        set { entries[key] = newValue }
    }

    /// Forgets what is too old, and the oldest of what is too much.
    mutating func trim(at now: Milliseconds) {
        entries = entries.filter { now - $0.value.time < Self.retention }
        guard entries.count > Self.maxEntries else { return }
        let oldest = entries.sorted { $0.value.time < $1.value.time }
        for entry in oldest.prefix(entries.count - Self.maxEntries) { entries[entry.key] = nil }
    }

    /// Whether an integration has to be told, by Alertmanager's rules: something fires that it does
    /// not know, all is over, something is over that it does not know, or it was last told
    /// `repeatInterval` ago.
    static func isNews(
        firing: Set<UInt64>, resolved: Set<UInt64>, entry: Entry?, repeatInterval: Milliseconds,
        sendsResolved: Bool, at now: Milliseconds
    ) -> Bool {
        guard let entry else { return !firing.isEmpty }
        if !firing.isSubset(of: entry.firing) { return true }
        if firing.isEmpty { return !entry.firing.isEmpty }
        // Of what is over, only what the integration was told is firing is news to it.
        let over = resolved.intersection(entry.firing)
        if sendsResolved, !over.isSubset(of: entry.resolved) { return true }
        return now - min(entry.time, now) >= repeatInterval
    }
}

extension NotificationLog {
    /// The log as JSON.
    func encoded() -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"version\":1,\"entries\":")
        json.list(entries.sorted { $0.value.time < $1.value.time }) { json, entry in
            json.raw("{\"receiver\":")
            json.string(entry.key.receiver)
            json.raw(",\"integration\":")
            json.integer(Int64(entry.key.integration))
            json.raw(",\"group\":")
            json.string(entry.key.group)
            json.raw(",\"time\":")
            json.integer(entry.value.time)
            json.raw(",\"firing\":")
            json.strings(entry.value.firing.sorted().map { String($0, radix: 16) })
            json.raw(",\"resolved\":")
            json.strings(entry.value.resolved.sorted().map { String($0, radix: 16) })
            json.raw("}")
        }
        json.raw("}\n")
        return json.bytes
    }

    /// Reads a log; nil when the bytes are none.
    init?(_ bytes: [UInt8]) {
        guard let document = JSONValue(bytes), document["version"].int == 1 else { return nil }
        for item in document["entries"].array {
            guard let receiver = item["receiver"].string, let group = item["group"].string,
                let integration = item["integration"].int, let time = item["time"].int
            else { continue }
            func numbers(_ name: String) -> Set<UInt64> {
                Set(item[name].array.compactMap { $0.string.flatMap { UInt64($0, radix: 16) } })
            }
            let key = Key(receiver: receiver, integration: Int(integration), group: group)
            entries[key] = Entry(
                firing: numbers("firing"), resolved: numbers("resolved"), time: time)
        }
    }
}
