// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The dashboards ask for metrics that there are.
@Suite("Dashboards")
struct DashboardTests {
    private static let folder = SourceTree.root.appending(path: "dashboards")

    private static let names: [String] = {
        let all = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
        return (all ?? []).filter { $0.hasSuffix(".json") }.sorted()
    }()

    /// The text of every expression in a JSON value.
    private static func expressions(_ value: Any) -> [String] {
        if let list = value as? [Any] { return list.flatMap(expressions) }
        guard let object = value as? [String: Any] else { return [] }
        return object.flatMap { key, value in
            key == "expr" ? [value as? String ?? ""] : expressions(value)
        }
    }

    @Test("There is one for containers, a container, the host, headroom and the agent")
    func present() {
        #expect(
            Self.names == [
                "container.json", "containers.json", "headroom.json", "host.json", "ullage.json",
            ])
    }

    @Test("Every metric of every expression is in the catalogue", arguments: names)
    func metrics(name: String) throws {
        let data = try Data(contentsOf: Self.folder.appending(path: name))
        let dashboard = try #require(
            try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let expressions = Self.expressions(dashboard)
        #expect(expressions.count >= 5)
        for expression in expressions {
            let metrics = expression.matches(
                of: /\b(?:container|node|ullage|machine|process)_[A-Za-z0-9_]+/)
            #expect(!metrics.isEmpty, "\(expression)")
            for metric in metrics.map({ String($0.output) }) {
                #expect(MetricNames.isKnown(metric), "\(metric) in \(name)")
            }
        }
    }
}
