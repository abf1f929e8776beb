// SPDX-License-Identifier: Apache-2.0

import Matching
import Model

/// The tree of routes made ready: each node with its matchers compiled and its path as text.
struct RouteTable: Sendable {
    struct Node: Sendable {
        let route: Route
        let matchers: CompiledMatchers
        /// `{}/{severity="critical"}`: the start of a group's key.
        let path: String
        let children: [Int]
    }

    private(set) var nodes: [Node] = []
    private let root: Int

    /// Compiles the tree; throws for an expression that RE2 refuses.
    init(_ route: Route) throws(PatternError) {
        var nodes: [Node] = []
        root = try Self.add(route, above: "", to: &nodes)
        self.nodes = nodes
    }

    private static func add(
        _ route: Route, above: String, to nodes: inout [Node]
    ) throws(PatternError) -> Int {
        let path = (above.isEmpty ? "" : above + "/") + MatcherText.render(route.matchers)
        var children: [Int] = []
        for child in route.routes { children.append(try add(child, above: path, to: &nodes)) }
        nodes.append(
            Node(
                route: route, matchers: try CompiledMatchers(route.matchers), path: path,
                children: children))
        return nodes.count - 1
    }

    /// The nodes at which an alert ends up; at least the root.
    func match(_ labels: Labels) -> [Int] {
        var found: [Int] = []
        descend(root, labels, &found)
        return found
    }

    private func descend(_ index: Int, _ labels: Labels, _ found: inout [Int]) {
        let before = found.count
        for child in nodes[index].children where nodes[child].matchers.match(labels) {
            descend(child, labels, &found)
            if !nodes[child].route.continues { break }
        }
        if found.count == before { found.append(index) }
    }

    /// The labels by which `node` groups an alert.
    func groupLabels(_ node: Int, _ labels: Labels) -> Labels {
        switch nodes[node].route.grouping {
        case .all: labels
        case .labels(let names): Labels(names.map { Label(name: $0, value: labels[$0]) })
        }
    }
}
