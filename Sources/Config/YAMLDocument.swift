// SPDX-License-Identifier: Apache-2.0

import CYAML

/// A place in a file, counted from 1.
struct Mark: Hashable {
    var line: Int
    var column: Int
}

/// A node of a YAML document, with its place.
struct YAMLNode {
    indirect enum Content {
        case scalar(String, isQuoted: Bool)
        case list([YAMLNode])
        case map([(key: YAMLNode, value: YAMLNode)])
    }

    var content: Content
    var mark: Mark

    /// What it is, for messages.
    var kind: String {
        switch content {
        case .scalar(let text, _): text.isEmpty ? "nothing" : "`\(text.prefix(40))`"
        case .list: "a list"
        case .map: "a mapping"
        }
    }
}

/// Reads YAML through libyaml's events. Bounded: one document, no aliases, 32 levels, 10,000 nodes.
struct YAMLReader {
    private var parser = yaml_parser_t()
    private var nodes = 0

    private static let maxDepth = 32
    private static let maxNodes = 10_000

    /// The document in `bytes`; nil when there is none.
    static func read(_ bytes: [UInt8]) throws(ConfigProblem) -> YAMLNode? {
        let outcome: Result<YAMLNode?, ConfigProblem> = bytes.withUnsafeBufferPointer { buffer in
            var reader = YAMLReader()
            yaml_parser_initialize(&reader.parser)
            defer { yaml_parser_delete(&reader.parser) }
            yaml_parser_set_input_string(&reader.parser, buffer.baseAddress, buffer.count)
            return Result { () throws(ConfigProblem) in try reader.document() }
        }
        return try outcome.get()
    }

    private mutating func document() throws(ConfigProblem) -> YAMLNode? {
        var root: YAMLNode?
        while true {
            var event = try next()
            defer { yaml_event_delete(&event) }
            switch event.type {
            case YAML_STREAM_END_EVENT: return root
            case YAML_DOCUMENT_START_EVENT:
                if root != nil {
                    throw ConfigProblem(
                        Self.mark(event.start_mark),
                        "a second document begins here: a configuration is one document")
                }
                root = try node(try next(), depth: 0)
            default: break
            }
        }
    }

    private mutating func node(_ taken: yaml_event_t, depth: Int) throws(ConfigProblem) -> YAMLNode
    {
        var event = taken
        defer { yaml_event_delete(&event) }
        let mark = Self.mark(event.start_mark)
        nodes += 1
        guard depth < Self.maxDepth, nodes < Self.maxNodes else {
            throw ConfigProblem(mark, "the document is too deep or too large for a configuration")
        }
        switch event.type {
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            let text = String(
                decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length),
                as: UTF8.self)
            return YAMLNode(
                content: .scalar(text, isQuoted: scalar.style != YAML_PLAIN_SCALAR_STYLE),
                mark: mark)
        case YAML_SEQUENCE_START_EVENT:
            var items: [YAMLNode] = []
            while true {
                var item = try next()
                if item.type == YAML_SEQUENCE_END_EVENT {
                    yaml_event_delete(&item)
                    return YAMLNode(content: .list(items), mark: mark)
                }
                items.append(try node(item, depth: depth + 1))
            }
        case YAML_MAPPING_START_EVENT:
            var pairs: [(key: YAMLNode, value: YAMLNode)] = []
            while true {
                var key = try next()
                if key.type == YAML_MAPPING_END_EVENT {
                    yaml_event_delete(&key)
                    return YAMLNode(content: .map(pairs), mark: mark)
                }
                let keyNode = try node(key, depth: depth + 1)
                pairs.append((keyNode, try node(try next(), depth: depth + 1)))
            }
        default:
            throw ConfigProblem(mark, "aliases (`*name`) are not supported")
        }
    }

    private mutating func next() throws(ConfigProblem) -> yaml_event_t {
        var event = yaml_event_t()
        guard yaml_parser_parse(&parser, &event) == 1 else {
            let reason = parser.problem.map { String(cString: $0) } ?? "not YAML"
            throw ConfigProblem(Self.mark(parser.problem_mark), "not YAML: \(reason)")
        }
        return event
    }

    private static func mark(_ mark: yaml_mark_t) -> Mark {
        Mark(line: mark.line + 1, column: mark.column + 1)
    }
}
