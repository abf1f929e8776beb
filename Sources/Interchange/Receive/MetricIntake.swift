// SPDX-License-Identifier: Apache-2.0

import Model
public import SeriesStore
import Synchronization

/// Takes remote write requests into a series store. Safe to call from several threads at once.
public final class MetricIntake: Sendable {
    /// The versions of the protocol.
    public enum Version: Sendable {
        /// `prometheus.WriteRequest`.
        case one
        /// `io.prometheus.write.v2.Request`.
        case two
    }

    private let store: SeriesStore
    private let limits: ReceiveLimits
    private let families = Mutex(Families())

    /// An intake into `store`.
    public init(into store: SeriesStore, limits: ReceiveLimits = ReceiveLimits()) {
        self.store = store
        self.limits = limits
    }

    /// Stores the samples of a request's body; when it returns they are on the disk. Throws
    /// `ReceiveError` when nothing of it was stored; what was refused of it is in the receipt.
    public func take(
        _ body: [UInt8], version: Version, encoding: String
    ) throws(ReceiveError) -> Receipt {
        let message = try RequestBody.decode(body, encoding: encoding, limit: limits.decoded)
        let request =
            switch version {
            case .one: try WriteRequest.version1(message, limits)
            case .two: try WriteRequest.version2(message, limits)
            }
        var receipt = Receipt()
        receipt.ignore("exemplar", request.exemplars)
        receipt.refuse("histogram", request.histograms, "native histograms are not stored here")
        let batch = self.batch(request, &receipt)
        guard !batch.isEmpty else { return receipt }
        let outcome: ReceiveOutcome
        do { outcome = try store.receive(batch) } catch {
            throw .unavailable("the samples cannot be stored now: \(error)")
        }
        note(outcome, in: &receipt)
        return receipt
    }

    private func note(_ outcome: ReceiveOutcome, in receipt: inout Receipt) {
        receipt.accepted = outcome.accepted
        receipt.late = outcome.late
        receipt.duplicates = outcome.duplicate
        receipt.refuse(
            "conflict", outcome.conflicting,
            "\(outcome.conflicting) samples have another value at a time at which their series has "
                + "one; the first stays")
        receipt.refuse(
            "time", outcome.outOfBounds,
            "\(outcome.outOfBounds) samples are older than what is kept here, or more than "
                + "\(limits.ahead / 60_000) minutes in the future")
        receipt.refuse(
            "series", outcome.overLimit,
            "\(outcome.overLimit) samples are of new series, and there are as many as "
                + "store.max_series allows")
    }

    private func batch(_ request: WriteRequest, _ receipt: inout Receipt) -> [BackfillSeries] {
        families.withLock { families in
            for one in request.metadata where !one.family.isEmpty {
                families.remember(one.family, type: one.type, unit: one.unit, help: one.help)
            }
            var batch: [BackfillSeries] = []
            batch.reserveCapacity(request.series.count)
            for series in request.series where !series.times.isEmpty {
                if let problem = limits.problem(with: series.labels) {
                    receipt.refuse("labels", series.times.count, problem)
                    continue
                }
                var labels = Labels(series.labels)
                let name = labels[Labels.metricName]
                guard !name.isEmpty else {
                    receipt.refuse("labels", series.times.count, "a series has no __name__")
                    continue
                }
                labels[Labels.metricName] = ""
                if let said = series.metadata { families.remember(said, of: name) }
                batch.append(
                    BackfillSeries(
                        descriptor: families.family(of: name), sampleName: name, labels: labels,
                        timestamps: series.times, values: series.values))
            }
            return batch
        }
    }
}

extension Families {
    /// Takes over what version 2.0 says with a series: the family of parts of histograms and
    /// summaries has their name without the ending.
    fileprivate mutating func remember(_ said: WriteRequest.Metadata, of name: String) {
        guard said.type != .unknown || !said.help.isEmpty else { return }
        var family = name
        if said.type == .histogram || said.type == .summary {
            for ending in ["_bucket", "_sum", "_count"] where name.hasSuffix(ending) {
                family = String(name.dropLast(ending.count))
                break
            }
        }
        remember(family, type: said.type, unit: said.unit, help: said.help)
    }
}

extension ReceiveLimits {
    /// What is wrong with the labels of a series or stream; nil when they can be stored.
    func problem(with labels: [Label]) -> String? {
        guard labels.count <= self.labels else {
            return "a series or stream has more than \(self.labels) labels"
        }
        var before: String?
        var isSorted = true
        for label in labels {
            guard !label.name.isEmpty else { return "a label has no name" }
            guard label.name.utf8.count <= labelName else {
                return "a label's name has more than \(labelName) bytes"
            }
            guard label.value.utf8.count <= labelValue else {
                return "the value of the label \(label.name.prefix(64)) has more than "
                    + "\(labelValue) bytes"
            }
            guard !label.name.utf8.contains(0), !label.value.utf8.contains(0) else {
                return "the label \(label.name.prefix(64)) has a NUL in it"
            }
            if let before, !(before < label.name) { isSorted = false }
            before = label.name
        }
        if !isSorted, Set(labels.map(\.name)).count < labels.count {
            return "a series or stream has two labels of one name"
        }
        return nil
    }
}
