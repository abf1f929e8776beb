// SPDX-License-Identifier: Apache-2.0

import Glibc
import Matching

/// What the log drivers may say of a container.
struct LogSubject {
    var id = ""
    var name = ""
    var image = ""
    var command: [String] = []
    var labels: [String: String] = [:]
    /// `KEY=VALUE` each.
    var environment: [String] = []

    init() {}

    init(_ spec: ContainerSpec, id: String) {
        self.id = id
        name = spec.name
        image = spec.rootfs
        command = spec.command
        labels = spec.labels
        environment = spec.environment
    }
}

/// The attributes that go with each record: labels and variables that the options name, and a tag
/// (`daemon/logger/loginfo.go` and `templates` in moby).
struct LogAttributes {
    /// By name, without the tag.
    private(set) var values: [String: String] = [:]
    /// The tag's text; nil when none was asked for.
    private(set) var tag: String?

    static let options: Set<String> = ["labels", "labels-regex", "env", "env-regex", "tag"]

    init(_ options: [String: String], of subject: LogSubject) throws(RuntimeError) {
        let variables = subject.environment.compactMap { text -> (String, String)? in
            guard let equals = text.firstIndex(of: "=") else { return nil }
            return (String(text[..<equals]), String(text[text.index(after: equals)...]))
        }
        try add(Array(subject.labels), "labels", options)
        try add(variables.map { (key: $0.0, value: $0.1) }, "env", options)
        if let text = options["tag"] { tag = try Self.expand(text, subject) }
    }

    private mutating func add(
        _ pairs: [(key: String, value: String)], _ option: String, _ options: [String: String]
    ) throws(RuntimeError) {
        let named = Set((options[option] ?? "").split(separator: ",").map(String.init))
        var pattern: BytePattern?
        if let text = options[option + "-regex"], !text.isEmpty {
            do { pattern = try BytePattern(text) } catch {
                throw RuntimeError(
                    .invalid,
                    "the log option \(option)-regex cannot be \(quoted(text)): \(error)")
            }
        }
        for (key, value) in pairs {
            let isMatched = Array(key.utf8).withUnsafeBytes { pattern?.matches($0) ?? false }
            if named.contains(key) || isMatched { values[key] = value }
        }
    }

    /// Fills in a tag: text with `{{.Name}}` and its like.
    static func expand(_ text: String, _ subject: LogSubject) throws(RuntimeError) -> String {
        let fields = [
            "ID": String(subject.id.prefix(12)), "FullID": subject.id, "Name": subject.name,
            "Command": subject.command.joined(separator: " "), "ImageName": subject.image,
            "ImageID": subject.image, "ImageFullID": subject.image,
            "Hostname": hostname, "DaemonName": "ullage",
        ]
        var result = ""
        var rest = Substring(text)
        while let open = rest.firstRange(of: "{{") {
            result += rest[..<open.lowerBound]
            rest = rest[open.upperBound...]
            let close = rest.firstRange(of: "}}")
            let inner = rest[..<(close?.lowerBound ?? rest.endIndex)].filter { $0 != " " }
            guard let close, inner.hasPrefix("."), let value = fields[String(inner.dropFirst())]
            else {
                throw RuntimeError(
                    .invalid,
                    "the log option tag cannot be \(quoted(text)): between {{ and }} there may be "
                        + fields.keys.sorted().map { "." + $0 }.joined(separator: ", "))
            }
            result += value
            rest = rest[close.upperBound...]
        }
        return result + rest
    }

    private static var hostname: String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        return String(
            decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// An object as Go's encoding/json writes it, with the keys in order; nil when there is none.
    var json: String? {
        var all = values
        if let tag { all["tag"] = tag }
        guard !all.isEmpty else { return nil }
        let pairs = all.sorted { $0.key < $1.key }
            .map { Self.quote($0.key) + ":" + Self.quote($0.value) }
        return "{" + pairs.joined(separator: ",") + "}"
    }

    private static func quote(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\" + String(scalar)
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "<", ">", "&", "\u{2028}", "\u{2029}", "\u{0}"..<" ":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// Fields of the journal: Docker's, and the attributes under names that the journal takes.
    func journalFields(_ subject: LogSubject) throws(RuntimeError) -> [(
        name: String, value: String
    )] {
        let tag = if let tag { tag } else { try Self.expand("{{.ID}}", subject) }
        let own = [
            ("CONTAINER_ID", String(subject.id.prefix(12))), ("CONTAINER_ID_FULL", subject.id),
            ("CONTAINER_NAME", subject.name), ("CONTAINER_TAG", tag),
            ("IMAGE_NAME", subject.image), ("SYSLOG_IDENTIFIER", tag),
        ]
        var taken = Set(own.map(\.0))
        var result = own.map { (name: $0.0, value: $0.1) }
        for (key, value) in values.sorted(by: { $0.key < $1.key }) {
            let name = Self.fieldName(key)
            guard !name.isEmpty, name.utf8.count <= 64, taken.insert(name).inserted else {
                continue
            }
            result.append((name, value))
        }
        return result
    }

    private static func fieldName(_ key: String) -> String {
        let letters = key.unicodeScalars.map { scalar -> Character in
            switch scalar {
            case "a"..."z": Character(String(scalar).uppercased())
            case "A"..."Z", "0"..."9": Character(scalar)
            default: "_"
            }
        }
        return String(letters.drop { $0 == "_" })
    }
}
