// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// Turns a section into a bucket of segments.
enum Sealer {
    /// Writes the bucket, with the names that are new, in one transaction that is on the disk when
    /// this returns; gives the section's table with the ids of all its rows. Samples that the journal
    /// does not have and that are worth less than `worth` are left out and counted.
    static func seal(
        _ section: Section, worth: SampleWorth, in database: Database
    ) throws(StoreError) -> (table: SeriesTable, left: Int) {
        var table = section.table
        guard let first = section.first, let last = section.last else { return (table, 0) }
        var left = 0
        try database.execute("PRAGMA synchronous = FULL")
        try database.transaction { () throws(StoreError) in
            try writeDown(section, &table, last: last, in: database)
            let id = try Bucket.insert(
                first: first, last: last, section: section.number, in: database)
            for one in section.stretches {
                try Bucket.insert(
                    timeline: Int(one.timeline), one.stretch.times, bucket: id, in: database)
            }
            left = try writeSegments(section, worth, table, bucket: id, in: database)
            try TierBuilder.invalidate(after: id - 1, in: database)
        }
        // The pages are not needed again until the next section, minutes from now.
        try database.execute("PRAGMA shrink_memory")
        return (table, left)
    }

    /// Gives everything that has samples its row.
    private static func writeDown(
        _ section: Section, _ table: inout SeriesTable, last: Milliseconds, in database: Database
    ) throws(StoreError) {
        try forgetDeleted(&table, in: database)
        var targets: Set<UInt32> = []
        for (_, stretch) in section.stretches {
            for slot in stretch.columns where slot != SeriesTable.none {
                let one = table.series[Int(slot)]
                guard one.metric != SeriesTable.none else { continue }
                targets.insert(one.target)
                if one.id > 0 { continue }
                let metric = table.metrics[Int(one.metric)]
                if metric.id == 0 {
                    table.setID(
                        try Registry.metric(metric.descriptor, in: database),
                        metric: Int(one.metric))
                }
                guard let target = table.targets[one.target],
                    let identity = table.identities[one.identity]
                else { continue }
                if target.id == 0 {
                    table.setID(
                        try Registry.target(target.labels, in: database), target: one.target)
                }
                let id = try Registry.series(
                    metric: table.metrics[Int(one.metric)].id,
                    target: table.targets[one.target]?.id ?? 0, name: identity.name,
                    labels: identity.labels, in: database)
                table.setID(id, slot: slot)
            }
        }
        let seen = try database.prepare("UPDATE target SET last = max(last, ?) WHERE id = ?")
        for number in targets {
            seen.bind(1, last)
            seen.bind(2, table.targets[number]?.id ?? 0)
            try seen.run()
        }
    }

    /// Forgets the ids of rows that retention deleted while the section waited.
    private static func forgetDeleted(
        _ table: inout SeriesTable, in database: Database
    ) throws(StoreError) {
        let exists = try database.prepare("SELECT 1 FROM target WHERE id = ? AND labels = ?")
        var gone: Set<Int64> = []
        for target in table.targets.values where target.id > 0 {
            exists.bind(1, target.id)
            exists.bind(2, LabelsCoding.encode(target.labels))
            if try !exists.step() { gone.insert(target.id) }
            exists.reset()
        }
        if !gone.isEmpty { table.forgetIDs(ofTargets: gone) }
    }

    private static func writeSegments(
        _ section: Section, _ worth: SampleWorth, _ table: SeriesTable, bucket: Int64,
        in database: Database
    ) throws(StoreError) -> Int {
        var left = 0
        let places = SectionPlaces(section, table)
        var segments = SegmentInserter(database)
        let codec = ValueCodec()
        var samples = ColumnSamples()
        for number in table.metrics.indices.sorted(by: {
            table.metrics[$0].id < table.metrics[$1].id
        }) {
            let metric = table.metrics[number]
            let members = places.members(of: metric, table)
            guard !members.isEmpty else { continue }
            segments.begin(SegmentKey(bucket: bucket, metric: metric.id))
            let isUnworthy = metric.worth < worth
            for member in members {
                let (timeline, stretch) = section.stretches[member.place.stretch]
                samples.removeAll()
                stretch.snapshot(member.place.column).read(into: &samples, codec)
                if isUnworthy { left += samples.remove(stretch.incomplete) }
                guard !samples.values.isEmpty else { continue }
                try segments.append(
                    id: member.id, timeline: Int(timeline), runs: samples.runs,
                    values: samples.values)
            }
            try segments.finish()
        }
        return left
    }
}

/// Where in a section the samples of each series are: 8 bytes a series, so that sealing takes little
/// more memory than the section itself.
private struct SectionPlaces {
    struct Place {
        let stretch: Int
        let column: Int

        init(_ packed: UInt64) {
            stretch = Int(packed >> 32)
            column = Int(packed & 0xffff_ffff)
        }
    }

    private static let none = UInt64.max
    /// By slot of the table.
    private var first: [UInt64]
    /// Of series that changed from one timeline to another within the section.
    private var others: [UInt32: [UInt64]] = [:]

    init(_ section: Section, _ table: SeriesTable) {
        first = [UInt64](repeating: Self.none, count: table.series.count)
        for (index, one) in section.stretches.enumerated() {
            for (column, slot) in one.stretch.columns.enumerated() where slot != SeriesTable.none {
                let place = UInt64(index) << 32 | UInt64(column)
                if first[Int(slot)] == Self.none {
                    first[Int(slot)] = place
                } else {
                    others[slot, default: []].append(place)
                }
            }
        }
    }

    /// The series of a metric that have a row and samples, in order of their ids.
    func members(
        of metric: SeriesTable.Metric, _ table: SeriesTable
    ) -> [(id: Int64, place: Place)] {
        var members: [(id: Int64, place: Place)] = []
        for slot in metric.members where first[Int(slot)] != Self.none {
            let id = table.series[Int(slot)].id
            guard id > 0 else { continue }
            members.append((id, Place(first[Int(slot)])))
            for place in others[slot] ?? [] { members.append((id, Place(place))) }
        }
        return members.sorted { $0.id < $1.id }
    }
}

/// A bucket's timestamps: the change of the step from one to the next, as varints.
enum Timeline {
    static func encode(_ times: [Milliseconds]) -> [UInt8] {
        var bytes: [UInt8] = []
        var previous: Milliseconds = 0
        var step: Milliseconds = 0
        for time in times {
            Varint.appendSigned(time &- previous &- step, to: &bytes)
            step = time &- previous
            previous = time
        }
        return bytes
    }

    static func decode(_ bytes: UnsafeRawBufferPointer) -> [Milliseconds] {
        var times: [Milliseconds] = []
        times.reserveCapacity(bytes.count)
        var at = 0
        var time: Milliseconds = 0
        var step: Milliseconds = 0
        while let change = Varint.readSigned(bytes, at: &at) {
            step &+= change
            time &+= step
            times.append(time)
        }
        return times
    }
}
