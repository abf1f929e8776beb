// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// `ullage headroom`: who runs out of what first, of the containers and the host.
struct HeadroomCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "headroom",
        abstract: "List what runs out first: memory, CPU, pids, disks, files.",
        discussion: """
            Sorted by the time until a limit is reached at the present trend, then by the share \
            that is left. What has no limit is not listed.
            """)

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    @Option(help: "List so many at most.")
    var limit = 40

    @OptionGroup var host: HostOptions

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be at least 1.") }
    }

    func run() async throws {
        try await reportingFailures {
            let client = try host.client()
            var rows: [[String: String]: Row] = [:]
            for metric in [
                "ullage_headroom_ratio", "ullage_headroom_bytes",
                "ullage_time_to_full_seconds", "ullage_saturation_ratio",
            ] {
                let response = try await client.get("/api/v1/query", query: [("query", metric)])
                for series in try QueryAnswer(response, expression: metric).series {
                    let labels = series.labels.filter { $0.key != "__name__" }
                    let value = series.points.last.flatMap { Double($0.value) }
                    var row = rows[labels] ?? Row(labels: labels)
                    switch metric {
                    case "ullage_headroom_ratio": row.ratio = value
                    case "ullage_headroom_bytes": row.bytes = value
                    case "ullage_saturation_ratio": row.saturation = value
                    default: row.seconds = value
                    }
                    rows[labels] = row
                }
            }
            let sorted = rows.values.filter { $0.ratio != nil }.sorted { $0.isBefore($1) }
            let shown = Array(sorted.prefix(limit))
            if output == .json {
                Terminal.write(try JSONOutput.lines(shown.map(\.record)))
            } else {
                Terminal.write(table(shown).rendered())
            }
        }
    }

    private func table(_ rows: [Row]) -> Table {
        var table = Table([
            .left("WHAT"), .left("RESOURCE"), .right("LEFT"), .right("ROOM"), .right("FULL IN"),
            .right("WAITING"),
        ])
        for row in rows {
            table.append([
                row.subject, row.resource, Quantity.percent(row.ratio),
                Quantity.bytes(row.bytes.flatMap { Int64(exactly: $0.rounded()) }),
                Quantity.duration(row.seconds), Quantity.percent(row.saturation),
            ])
        }
        return table
    }

    /// One resource of a container or the host.
    private struct Row {
        let labels: [String: String]
        var ratio: Double?
        var bytes: Double?
        var seconds: Double?
        var saturation: Double?

        init(labels: [String: String]) { self.labels = labels }

        var resource: String { labels["resource"] ?? "" }
        var subject: String {
            if let name = labels["name"] ?? labels["id"] { return name }
            return labels["mountpoint"].map { "host " + $0 } ?? "host"
        }
        var record: HeadroomRecord {
            HeadroomRecord(
                subject: subject, resource: resource, labels: labels, ratio: ratio, bytes: bytes,
                timeToFullSeconds: seconds, saturationRatio: saturation)
        }

        func isBefore(_ other: Row) -> Bool {
            let mine = (seconds ?? .infinity, ratio ?? 1, subject, resource)
            return mine < (
                other.seconds ?? .infinity, other.ratio ?? 1, other.subject, other.resource
            )
        }
    }
}

/// A line of `ullage headroom -o json`, in base units.
struct HeadroomRecord: Encodable {
    let subject: String
    let resource: String
    let labels: [String: String]
    let ratio: Double?
    let bytes: Double?
    let timeToFullSeconds: Double?
    let saturationRatio: Double?
}
