// SPDX-License-Identifier: Apache-2.0

import Codecs
public import Model

/// An event as a line of the log and as the HTTP API gives it: one JSON object in base units.
enum EventRecord {
    /// The line of event `number`, without its end. Names are cut to what a terminal can show.
    static func encode(_ event: ContainerEvent, number: Int64) -> [UInt8] {
        let container = event.container
        var json = JSONObject()
        json.add("number", number)
        json.add("timeMs", event.time)
        json.add("event", event.kind.rawValue)
        json.add("engine", container.engine.rawValue)
        json.add("id", cut(container.id))
        json.add("name", cut(container.name))
        json.add("image", cut(container.image))
        if let names = container.kubernetes {
            json.add("namespace", cut(names.namespace))
            json.add("pod", cut(names.pod))
            json.add("container", cut(names.container))
        }
        json.add("project", container.composeProject.map(cut))
        json.add("oldName", event.oldName.map(cut))
        json.add("oomKills", event.oomKills)
        if event.isLate { json.add("late", true) }
        switch event.kind {
        case .start:
            // So that the next agent can tell this life from a later one.
            json.add("startTicks", container.initStartTicks.flatMap { Int64(exactly: $0) })
        case .die:
            json.add("exitCode", container.exitCode.map(Int64.init))
            if let start = container.startedAt {
                json.add("durationSeconds", Double(max(0, event.time - start)) / 1000)
            }
            json.add("cpuSeconds", event.totals?.cpuSeconds)
            json.add("memoryPeakBytes", event.totals?.memoryPeak)
            json.add("readBytes", event.totals?.readBytes)
            json.add("writtenBytes", event.totals?.writtenBytes)
        case .health: json.add("health", container.health?.rawValue)
        case .create, .oom, .rename, .remove: break
        }
        json.end()
        return json.bytes
    }

    private static func cut(_ text: String) -> String {
        text.utf8.count <= 512 ? text : String(text.prefix(512))
    }

    /// The parts of a line that are needed to choose lines and to know what was; nil when it is
    /// not a line of the log.
    static func decode(_ line: ArraySlice<UInt8>) -> Stored? {
        guard line.first == UInt8(ascii: "{"), let json = JSONValue(Array(line)),
            let number = json["number"].int, let time = json["timeMs"].int,
            let kind = json["event"].string.flatMap(ContainerEvent.Kind.init(rawValue:)),
            let engine = json["engine"].string.flatMap(Container.Engine.init(rawValue:)),
            let id = json["id"].string
        else { return nil }
        return Stored(
            number: number, time: time, kind: kind, key: ContainerKey(engine: engine, id: id),
            json: json)
    }

    /// A line that was read.
    struct Stored {
        let number: Int64
        let time: Milliseconds
        let kind: ContainerEvent.Kind
        let key: ContainerKey
        let json: JSONValue
    }
}

/// Which events are wanted.
public struct EventQuery: Hashable, Sendable {
    /// When they happened.
    public var range = TimeRange(start: .min, end: .max)
    /// Only what was written after this event.
    public var after: Int64 = 0
    /// The last so many.
    public var limit = 1000
    /// Values by name; of one name any value will do, and each name must be satisfied.
    public var filters: [String: Set<String>] = [:]

    /// Names a filter can have.
    public static let filterNames = [
        "container", "engine", "event", "image", "name", "namespace", "pod", "project",
    ]

    /// Everything, the last 1,000.
    public init() {}

    /// Adds `NAME=VALUE`; false when that is no filter.
    public mutating func addFilter(_ text: String) -> Bool {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, Self.filterNames.contains(String(parts[0])) else { return false }
        filters[String(parts[0]), default: []].insert(String(parts[1]))
        return true
    }

    func accepts(_ event: EventRecord.Stored) -> Bool {
        guard event.number > after, range.start <= event.time, event.time <= range.end else {
            return false
        }
        return filters.allSatisfy { name, values in
            switch name {
            case "container":
                // A name, or an id from its beginning, as everywhere.
                values.contains { value in
                    value == event.json["name"].string
                        || value.utf8.count >= 4 && event.key.id.hasPrefix(value)
                }
            case "engine": values.contains(event.key.engine.rawValue)
            case "event": values.contains(event.kind.rawValue)
            default: event.json[name].string.map(values.contains) ?? false
            }
        }
    }
}
