// SPDX-License-Identifier: Apache-2.0

import Model

extension Container {
    /// Whether it satisfies a filter of the form KEY=VALUE; see `StatsRow.filterKeys`.
    func matches(_ filter: String) -> Bool {
        let parts = filter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return false }
        let wanted = String(parts[1])
        switch parts[0] {
        case "id": return !wanted.isEmpty && id.hasPrefix(wanted)
        case "network": return networks.contains(wanted)
        case "label":
            let pair = wanted.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let key = pair.first, let value = labels[String(key)] else { return false }
            return pair.count == 1 || value == pair[1]
        default: break
        }
        let value: String? =
            switch parts[0] {
            case "engine": engine.rawValue
            case "name": name
            case "image": image
            case "status": state.rawValue
            case "health": health?.rawValue ?? "none"
            case "unit": unit
            case "pod": kubernetes?.pod
            case "namespace": kubernetes?.namespace
            case "project": composeProject
            default: nil
            }
        return value == wanted
    }
}
