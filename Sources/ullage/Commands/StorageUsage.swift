// SPDX-License-Identifier: Apache-2.0

import Agent
import ArgumentParser
import LogStore
import Model
import SeriesStore

/// `ullage storage df`: what the store takes, and what for.
struct StorageUsage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "df", abstract: "Show what the series store takes, by part and by metric.",
        discussion: "Only reads; works beside a running agent.")

    @Flag(name: [.short, .long], help: "Show all metrics instead of the 15 largest.")
    var all = false

    @Option(name: [.short, .long], help: "table or json.")
    var output = ListFormat.table

    @OptionGroup var place: StoreOptions

    func run() async throws {
        try await reportingFailures {
            let usage = try StoreAccess.read(place.directory) {
                try StoreMaintenance.usage(directory: $0)
            }
            if output == .json {
                return Terminal.writeJSON(
                    try JSONOutput.document(StorageUsageRecord(place.directory, usage)))
            }
            Terminal.write(parts(usage).rendered())
            Terminal.write("\n" + tiers(usage).rendered())
            Terminal.write("\n" + metrics(usage).rendered())
        }
    }

    private func parts(_ usage: StoreUsage) -> Table {
        var table = Table([.left("PART"), .right("SIZE"), .left("REMARK")])
        let reusable =
            usage.reusableBytes > 0
            ? "\(Quantity.bytes(usage.reusableBytes)) of it free to be used again" : ""
        table.append(["database", Quantity.bytes(usage.databaseBytes), reusable])
        table.append(["write-ahead log", Quantity.bytes(usage.walBytes), ""])
        table.append(["journals", Quantity.bytes(usage.journalBytes), "not sealed yet"])
        table.append([
            "in use", Quantity.bytes(usage.totalBytes),
            "\(usage.series) series of \(usage.targets) targets, past ones included",
        ])
        for leftover in usage.leftovers {
            table.append([
                leftover.name, Quantity.bytes(leftover.bytes), "set aside; may be deleted",
            ])
        }
        if usage.quarantinedSegments > 0 {
            table.append([
                "quarantine", Quantity.unknown,
                "\(usage.quarantinedSegments) damaged segments, kept in the database",
            ])
        }
        if place.store == nil {
            let archive = LogArchive(directory: place.data.directory.logs)
            let logs = (try? archive.logs([])) ?? []
            let bytes = archive.sizes(logs).reduce(0) { $0 + $1.storedBytes }
            table.append(["logs", Quantity.bytes(Int64(bytes)), "of \(logs.count) containers"])
        }
        table.append(["file system", Quantity.bytes(usage.availableBytes), "available"])
        return table
    }

    private func tiers(_ usage: StoreUsage) -> Table {
        var table = Table([
            .left("RESOLUTION"), .right("BUCKETS"), .right("SAMPLES"), .right("SIZE"),
            .right("BYTES/SAMPLE"), .left("OLDEST"), .left("NEWEST"),
        ])
        for tier in usage.tiers {
            table.append([
                tier.name, "\(tier.buckets)", "\(tier.samples)", Quantity.bytes(tier.bytes),
                perSample(tier.bytes, tier.samples),
                tier.oldest.map(ContainerRecord.rfc3339) ?? Quantity.unknown,
                tier.newest.map(ContainerRecord.rfc3339) ?? Quantity.unknown,
            ])
        }
        return table
    }

    private func metrics(_ usage: StoreUsage) -> Table {
        var table = Table([
            .left("METRIC"), .right("SERIES"), .right("SAMPLES"), .right("SIZE"),
            .right("BYTES/SAMPLE"),
        ])
        let shown = all ? usage.metrics[...] : usage.metrics.prefix(15)
        for metric in shown {
            table.append([
                metric.name, "\(metric.series)", "\(metric.samples)", Quantity.bytes(metric.bytes),
                perSample(metric.bytes, metric.samples),
            ])
        }
        let rest = usage.metrics.dropFirst(shown.count)
        if !rest.isEmpty {
            let (bytes, samples) = (
                rest.reduce(0) { $0 + $1.bytes }, rest.reduce(0) { $0 + $1.samples }
            )
            table.append([
                "(\(rest.count) more; see --all)", "\(rest.reduce(0) { $0 + $1.series })",
                "\(samples)", Quantity.bytes(bytes), perSample(bytes, samples),
            ])
        }
        return table
    }

    private func perSample(_ bytes: Int64, _ samples: Int) -> String {
        samples > 0 ? Quantity.decimal(Double(bytes) / Double(samples), 2) : Quantity.unknown
    }
}

/// What `storage df -o json` prints: bytes, and times in RFC 3339.
struct StorageUsageRecord: Encodable {
    struct Tier: Encodable {
        var resolution: String
        var buckets: Int
        var samples: Int
        var bytes: Int64
        var oldest: String?
        var newest: String?
    }

    struct Metric: Encodable {
        var name: String
        var series: Int
        var samples: Int
        var bytes: Int64
    }

    struct File: Encodable {
        var name: String
        var bytes: Int64
    }

    var directory: String
    var databaseBytes: Int64
    var reusableBytes: Int64
    var walBytes: Int64
    var journalBytes: Int64
    var totalBytes: Int64
    var availableBytes: Int64
    var targets: Int
    var series: Int
    var quarantinedSegments: Int
    var setAside: [File]
    var tiers: [Tier]
    var metrics: [Metric]

    init(_ directory: String, _ usage: StoreUsage) {
        self.directory = directory
        databaseBytes = usage.databaseBytes
        reusableBytes = usage.reusableBytes
        walBytes = usage.walBytes
        journalBytes = usage.journalBytes
        totalBytes = usage.totalBytes
        availableBytes = usage.availableBytes
        targets = usage.targets
        series = usage.series
        quarantinedSegments = usage.quarantinedSegments
        setAside = usage.leftovers.map { File(name: $0.name, bytes: $0.bytes) }
        tiers = usage.tiers.map {
            Tier(
                resolution: $0.name, buckets: $0.buckets, samples: $0.samples, bytes: $0.bytes,
                oldest: $0.oldest.map(ContainerRecord.rfc3339),
                newest: $0.newest.map(ContainerRecord.rfc3339))
        }
        metrics = usage.metrics.map {
            Metric(name: $0.name, series: $0.series, samples: $0.samples, bytes: $0.bytes)
        }
    }
}
