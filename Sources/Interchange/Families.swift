// SPDX-License-Identifier: Apache-2.0

import Model

/// What is known of the families that samples belong to, within bounds.
struct Families: Sendable {
    /// Families that are remembered.
    static let limit = 100_000

    private var known: [String: MetricDescriptor] = [:]

    /// Takes over what was said of a family; nil leaves what was said before.
    mutating func remember(
        _ name: String, type: MetricType? = nil, unit: String? = nil, help: String? = nil
    ) {
        let before = known[name]
        if before == nil, known.count >= Self.limit { known.removeAll(keepingCapacity: true) }
        known[name] = MetricDescriptor(
            name, type ?? before?.type ?? .unknown, unit: unit ?? before?.unit ?? "",
            help: help ?? before?.help ?? "")
    }

    /// The family of a sample's name: the parts of histograms and summaries belong to the family
    /// without their ending; counters are called by their samples' name in the store.
    func family(of name: String) -> MetricDescriptor {
        for ending in ["_bucket", "_sum", "_count"] where name.hasSuffix(ending) {
            if let family = known[String(name.dropLast(ending.count))],
                family.type == .histogram || family.type == .summary
            {
                return family
            }
        }
        let stem = name.hasSuffix("_total") ? known[String(name.dropLast(6))] : nil
        let found = known[name] ?? stem
        return MetricDescriptor(
            name, found?.type ?? .unknown, unit: found?.unit ?? "", help: found?.help ?? "")
    }
}
