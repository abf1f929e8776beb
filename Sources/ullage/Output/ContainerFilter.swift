// SPDX-License-Identifier: Apache-2.0

import Model

extension Container {
    /// Whether it satisfies a filter of the form KEY=VALUE; see `StatsRow.filterKeys`.
    func matches(_ filter: String) -> Bool {
        let parts = filter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return false }
        let value: String? =
            switch parts[0] {
            case "engine": engine.rawValue
            case "name": name
            case "image": image
            case "pod": kubernetes?.pod
            case "namespace": kubernetes?.namespace
            case "project": composeProject
            default: nil
            }
        return value.map { $0 == parts[1] } ?? false
    }
}
