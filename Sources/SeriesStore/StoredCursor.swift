// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// The samples of one series: packed runs of segments, then what the head had.
///
/// Owned by the query that made it, and used by its thread alone.
final class StoredCursor: SampleCursor {
    private var runs: [StoredRun] = []
    private var next = 0
    private var last: Milliseconds = .min
    private let range: TimeRange

    init(range: TimeRange) { self.range = range }

    var isEmpty: Bool { runs.isEmpty }

    /// Adds what segments have.
    func add(_ stored: [StoredRun]) { runs += stored }

    /// Adds what the head had.
    func add(head times: [Milliseconds], _ values: [Double], endsBefore ended: Milliseconds?) {
        guard let first = times.first, let last = times.last, first <= range.end,
            last >= range.start
        else { return }
        runs.append(.plain(times, values, ended: ended))
    }

    func next(into buffer: inout SampleBuffer) throws -> Bool {
        buffer.removeAll()
        while next < runs.count, buffer.timestamps.isEmpty {
            switch runs[next] {
            case .packed(let bytes, let times, let ended):
                let values = bytes.withUnsafeBytes { ValueCodec.decode($0, count: times.count) }
                if let values { fill(&buffer, times, values, ended) }
            case .plain(let times, let values, let ended): fill(&buffer, times, values, ended)
            }
            next += 1
        }
        return !buffer.timestamps.isEmpty
    }

    private func fill(
        _ buffer: inout SampleBuffer, _ times: [Milliseconds], _ values: [Double],
        _ ended: Milliseconds?
    ) {
        for (time, value) in zip(times, values) where time > last {
            guard time <= range.end else { return }
            last = time
            guard time >= range.start else { continue }
            buffer.timestamps.append(time)
            buffer.values.append(value)
        }
        if let ended, ended > last, ended >= range.start, ended <= range.end {
            last = ended
            buffer.timestamps.append(ended)
            buffer.values.append(StaleMarker.value)
        }
    }
}

/// Samples of one series without a gap of other series' samples between: packed, or from the head.
enum StoredRun: Sendable {
    case packed([UInt8], times: [Milliseconds], ended: Milliseconds?)
    case plain([Milliseconds], [Double], ended: Milliseconds?)

    /// What the segments of `buckets` have of a series. A damaged segment is passed over.
    static func of(
        _ row: SeriesRow, in buckets: [Bucket], from database: Database
    ) throws(StoreError) -> [StoredRun] {
        var runs: [StoredRun] = []
        let select = try database.prepare(
            "SELECT data FROM segment WHERE bucket = ? AND metric = ?")
        for bucket in buckets {
            select.bind(1, bucket.id)
            select.bind(2, row.metric)
            defer { select.reset() }
            guard try select.step() else { continue }
            let bytes = select.blob(0)
            let entry = Segment.entries(bytes)?.first { $0.id == row.id }
            if let entry, let run = packed(entry, Array(bytes[entry.values]), bucket) {
                runs.append(run)
            }
        }
        return runs
    }

    private static func packed(
        _ entry: Segment.Entry, _ values: [UInt8], _ bucket: Bucket
    ) -> StoredRun? {
        var times: [Milliseconds] = []
        for run in entry.runs where run.first + run.count <= bucket.times.count {
            times += bucket.times[run.first..<(run.first + run.count)]
        }
        guard times.count == entry.count, let end = entry.runs.last else { return nil }
        let after = end.first + end.count
        let ended = after < bucket.times.count ? bucket.times[after] : nil
        return .packed(values, times: times, ended: ended)
    }
}
