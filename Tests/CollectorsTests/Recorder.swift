// SPDX-License-Identifier: Apache-2.0

import Model

/// Keeps what was appended, by a readable key.
final class Recorder: Appender, @unchecked Sendable {
    // Used by one test's thread alone, as the protocol promises of a sampling thread.
    var names: [String] = []
    var samples: [String: Double] = [:]
    var retired = 0

    func target(_ labels: Labels) throws -> TargetRef { TargetRef(raw: 0) }
    func series(
        _ metric: MetricDescriptor, sampleName: String, target: TargetRef, labels: Labels
    ) throws -> SeriesRef {
        names.append(sampleName + labels.pairs.map { "{\($0.name)=\($0.value)}" }.joined())
        return SeriesRef(raw: UInt32(names.count - 1))
    }
    func append(_ batch: borrowing Batch) -> AppendOutcome {
        samples = [:]
        for (series, value) in zip(batch.series, batch.values) {
            samples[names[Int(series.raw)]] = value
        }
        return AppendOutcome()
    }
    func retire(_ target: TargetRef) { retired += 1 }
}
