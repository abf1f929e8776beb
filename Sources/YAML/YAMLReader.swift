// SPDX-License-Identifier: Apache-2.0

import CYAML

/// Reads YAML 1.1 through libyaml's events, within bounds.
public struct YAMLReader {
    /// What a document may have.
    public struct Bounds: Sendable {
        /// Levels of lists and mappings.
        public var depth: Int
        /// Nodes, those that aliases repeat counted each time.
        public var nodes: Int
        /// Whether `&name`, `*name` and the merge key `<<` are understood; an error otherwise.
        public var allowsAliases: Bool
        /// Whether what follows the first document is ignored; an error otherwise.
        public var ignoresLaterDocuments: Bool

        /// Bounds of these values.
        public init(
            depth: Int = 32, nodes: Int = 10_000, allowsAliases: Bool = false,
            ignoresLaterDocuments: Bool = false
        ) {
            self.depth = depth
            self.nodes = nodes
            self.allowsAliases = allowsAliases
            self.ignoresLaterDocuments = ignoresLaterDocuments
        }
    }

    private var parser = yaml_parser_t()
    private let bounds: Bounds
    private var nodes = 0
    /// What each anchor names, with how many nodes it has and how many levels.
    private var anchors: [String: (node: YAMLNode, size: Int, levels: Int)] = [:]

    private init(_ bounds: Bounds) { self.bounds = bounds }

    /// The document in `bytes`; nil when there is none.
    public static func read(
        _ bytes: [UInt8], bounds: Bounds = Bounds()
    ) throws(YAMLProblem) -> YAMLNode? {
        let outcome: Result<YAMLNode?, YAMLProblem> = bytes.withUnsafeBufferPointer { buffer in
            var reader = YAMLReader(bounds)
            yaml_parser_initialize(&reader.parser)
            defer { yaml_parser_delete(&reader.parser) }
            yaml_parser_set_input_string(&reader.parser, buffer.baseAddress, buffer.count)
            return Result { () throws(YAMLProblem) in try reader.document() }
        }
        return try outcome.get()
    }

    private mutating func document() throws(YAMLProblem) -> YAMLNode? {
        var root: YAMLNode?
        while true {
            var event = try next()
            defer { yaml_event_delete(&event) }
            switch event.type {
            case YAML_STREAM_END_EVENT: return root
            case YAML_DOCUMENT_START_EVENT:
                if root != nil {
                    if bounds.ignoresLaterDocuments { return root }
                    throw YAMLProblem(
                        Self.mark(event.start_mark),
                        "a second document begins here: a configuration is one document")
                }
                root = try node(try next(), depth: 0)
            case YAML_DOCUMENT_END_EVENT:
                if bounds.ignoresLaterDocuments { return root }
            default: break
            }
        }
    }

    private mutating func node(_ taken: yaml_event_t, depth: Int) throws(YAMLProblem) -> YAMLNode {
        var event = taken
        defer { yaml_event_delete(&event) }
        let mark = Self.mark(event.start_mark)
        nodes += 1
        guard depth < bounds.depth, nodes < bounds.nodes else {
            throw YAMLProblem(mark, "the document is too deep or too large for a configuration")
        }
        let before = nodes
        let result: YAMLNode
        let anchor: UnsafeMutablePointer<yaml_char_t>?
        switch event.type {
        case YAML_SCALAR_EVENT:
            result = Self.scalar(event, mark)
            anchor = event.data.scalar.anchor
        case YAML_SEQUENCE_START_EVENT:
            let items = try list(depth: depth)
            result = YAMLNode(
                content: .list(items), mark: mark, tag: Self.text(event.data.sequence_start.tag))
            anchor = event.data.sequence_start.anchor
        case YAML_MAPPING_START_EVENT:
            let pairs = try map(depth: depth)
            result = YAMLNode(
                content: .map(pairs), mark: mark, tag: Self.text(event.data.mapping_start.tag))
            anchor = event.data.mapping_start.anchor
        default: return try alias(Self.text(event.data.alias.anchor), mark, depth: depth)
        }
        if anchor != nil, bounds.allowsAliases {
            anchors[Self.text(anchor)] = (result, nodes - before + 1, Self.levels(result))
        }
        return result
    }

    private static func scalar(_ event: yaml_event_t, _ mark: Mark) -> YAMLNode {
        let scalar = event.data.scalar
        let text = String(
            decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length),
            as: UTF8.self)
        let style: YAMLNode.Style =
            switch scalar.style {
            case YAML_PLAIN_SCALAR_STYLE: .plain
            case YAML_LITERAL_SCALAR_STYLE: .literal
            case YAML_FOLDED_SCALAR_STYLE: .folded
            default: .quoted
            }
        return YAMLNode(content: .scalar(text, style), mark: mark, tag: Self.text(scalar.tag))
    }

    private mutating func list(depth: Int) throws(YAMLProblem) -> [YAMLNode] {
        var items: [YAMLNode] = []
        while true {
            var item = try next()
            if item.type == YAML_SEQUENCE_END_EVENT {
                yaml_event_delete(&item)
                return items
            }
            items.append(try node(item, depth: depth + 1))
        }
    }

    private mutating func map(
        depth: Int
    ) throws(YAMLProblem) -> [(key: YAMLNode, value: YAMLNode)] {
        var pairs: [(key: YAMLNode, value: YAMLNode)] = []
        var merged: [(key: YAMLNode, value: YAMLNode)] = []
        while true {
            var key = try next()
            if key.type == YAML_MAPPING_END_EVENT {
                yaml_event_delete(&key)
                // What is written wins over what is merged in, and an earlier merge over a later.
                var known = Set(pairs.compactMap { Self.name($0.key) })
                for pair in merged {
                    guard let name = Self.name(pair.key), known.insert(name).inserted else {
                        continue
                    }
                    pairs.append(pair)
                }
                return pairs
            }
            let keyNode = try node(key, depth: depth + 1)
            let value = try node(try next(), depth: depth + 1)
            if bounds.allowsAliases, case .scalar("<<", .plain) = keyNode.content {
                merged += try Self.merge(value)
            } else {
                pairs.append((keyNode, value))
            }
        }
    }

    private static func name(_ key: YAMLNode) -> String? {
        if case .scalar(let name, _) = key.content { return name }
        return nil
    }

    /// The pairs that `<<: value` stands for.
    private static func merge(
        _ value: YAMLNode
    ) throws(YAMLProblem) -> [(key: YAMLNode, value: YAMLNode)] {
        switch value.content {
        case .map(let pairs): return pairs
        case .list(let items):
            var pairs: [(key: YAMLNode, value: YAMLNode)] = []
            for item in items {
                guard case .map(let more) = item.content else { break }
                pairs += more
            }
            if items.allSatisfy({ if case .map = $0.content { true } else { false } }) {
                return pairs
            }
        default: break
        }
        throw YAMLProblem(value.mark, "map merge requires map or sequence of maps as the value")
    }

    private static func levels(_ node: YAMLNode) -> Int {
        switch node.content {
        case .scalar: 1
        case .list(let items): 1 + (items.map(levels).max() ?? 0)
        case .map(let pairs): 1 + (pairs.map { max(levels($0.key), levels($0.value)) }.max() ?? 0)
        }
    }

    private mutating func alias(
        _ name: String, _ mark: Mark, depth: Int
    ) throws(YAMLProblem) -> YAMLNode {
        guard bounds.allowsAliases else {
            throw YAMLProblem(mark, "aliases (`*name`) are not supported")
        }
        guard let known = anchors[name] else {
            throw YAMLProblem(mark, "unknown anchor '\(name.prefix(64))' referenced")
        }
        nodes += known.size
        guard nodes < bounds.nodes, depth + known.levels <= bounds.depth else {
            throw YAMLProblem(mark, "the document's aliases make it too large")
        }
        return known.node
    }

    private mutating func next() throws(YAMLProblem) -> yaml_event_t {
        var event = yaml_event_t()
        guard yaml_parser_parse(&parser, &event) == 1 else {
            let reason = parser.problem.map { String(cString: $0) } ?? "not YAML"
            throw YAMLProblem(Self.mark(parser.problem_mark), "not YAML: \(reason)")
        }
        return event
    }

    private static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String {
        pointer.map { String(cString: $0) } ?? ""
    }

    private static func mark(_ mark: yaml_mark_t) -> Mark {
        Mark(line: mark.line + 1, column: mark.column + 1)
    }
}
