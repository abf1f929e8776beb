// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// What all containers of one name wrote.
public struct NamedTally: Hashable, Sendable {
    /// The name.
    public var name: String
    /// How many containers had it.
    public var containers: Int
    /// What they wrote.
    public var tally: LogTally

    /// Counts what a request asks for, by name, those with the most bytes first. Filters for text,
    /// levels and streams are not looked at.
    public static func read(
        _ request: LogRequest, in archive: LogArchive
    ) throws -> [NamedTally] {
        var byName: [String: NamedTally] = [:]
        for log in try request.resolve(in: archive) {
            let tally = try archive.tally(log, from: request.query.start, to: request.query.end)
            byName[log.name, default: NamedTally(name: log.name, containers: 0, tally: LogTally())]
                .containers += 1
            byName[log.name]?.tally.add(tally)
        }
        return byName.values.sorted { ($0.tally.bytes, $1.name) > ($1.tally.bytes, $0.name) }
    }

    /// A list as JSON: counts, bytes, and times in nanoseconds.
    public static func json(_ rows: [NamedTally]) -> [UInt8] {
        var json = JSONWriter()
        json.list(rows) { json, row in
            json.raw("{\"name\":")
            json.string(row.name)
            func add(_ name: StaticString, _ value: Int?) {
                guard let value else { return }
                json.raw(",\"")
                json.raw(name)
                json.raw("\":")
                json.integer(Int64(value))
            }
            add("containers", row.containers)
            add("lines", row.tally.lines)
            add("stderr_lines", row.tally.stderrLines)
            add("bytes", row.tally.bytes)
            add("stored_bytes", row.tally.storedBytes)
            add("gaps", row.tally.gaps)
            add("first_ns", row.tally.times.map { Int($0.lowerBound) })
            add("last_ns", row.tally.times.map { Int($0.upperBound) })
            json.raw(",\"levels\":{")
            var isFirst = true
            for level in LogLevel.allCases {
                guard let count = row.tally.levels[level] else { continue }
                if !isFirst { json.raw(",") }
                isFirst = false
                json.string(level.name)
                json.raw(":")
                json.integer(Int64(count))
            }
            json.raw("}}")
        }
        return json.bytes
    }

    /// Reads what `json` wrote; nil for anything else.
    public static func read(json bytes: [UInt8]) -> [NamedTally]? {
        guard case .array(let rows) = JSONValue(bytes) else { return nil }
        return rows.map { row in
            func int(_ key: String) -> Int { Int(clamping: row[key].int ?? 0) }
            var tally = LogTally()
            for (name, count) in row["levels"].object {
                if let level = LogLevel(word: name) { tally.levels[level] = Int(count.int ?? 0) }
            }
            tally.stderrLines = int("stderr_lines")
            tally.bytes = int("bytes")
            tally.storedBytes = int("stored_bytes")
            tally.gaps = int("gaps")
            if let first = row["first_ns"].int, let last = row["last_ns"].int, first <= last {
                tally.times = first...last
            }
            return NamedTally(
                name: row["name"].string ?? "", containers: int("containers"), tally: tally)
        }
    }
}
