// SPDX-License-Identifier: Apache-2.0

import YAML

/// One key of the configuration: its place, its default as YAML, what it means, how it is read.
struct Key {
    let section: String
    let name: String
    let preset: String
    let comment: String
    let set: @Sendable (YAMLNode, inout Configuration) throws(ValueError) -> Void
}

/// The table of keys, from which files are read and `config/ullage.yaml` is written.
enum Keys {
    static let all: [Key] =
        [
            Key(
                section: "", name: "data_dir", preset: "/var/lib/ullage",
                comment: "Where containers and samples are kept. --data-dir wins over it."
            ) { node, c throws(ValueError) in
                let path = try Value.text(node)
                guard path.hasPrefix("/") else { throw ValueError("expected an absolute path") }
                c.dataDirectory = path
            },
            Key(
                section: "", name: "listen", preset: "127.0.0.1:9850",
                comment: "Where the HTTP API listens; loopback only. --listen wins over it."
            ) { node, c throws(ValueError) in c.listen = try ListenAddress(try Value.text(node)) },
            Key(
                section: "", name: "socket_group", preset: "ullage",
                comment:
                    "Group whose members may use the agent's Unix socket, logs included, if there is one."
            ) { node, c throws(ValueError) in c.socketGroup = try Value.text(node) },
            Key(
                section: "sampling", name: "interval", preset: "10s",
                comment: "Time between two samples, 1s to 5m. Reloaded on SIGHUP."
            ) { node, c throws(ValueError) in
                c.samplingInterval = try Value.duration(node, 1000...300_000)
            },
            Key(
                section: "sampling", name: "descriptor_budget", preset: "16000",
                comment:
                    "Files kept open for reading, ten a container and 5 kB of kernel memory each; beyond them, files are opened each time."
            ) { node, c throws(ValueError) in
                c.descriptorBudget = try Value.integer(node, 0...1_000_000)
            },
            Key(
                section: "store", name: "retention", preset: "15d",
                comment: "How long samples are kept as they were taken, 1h to 10y."
            ) { node, c throws(ValueError) in
                c.retention = try Value.duration(node, 3_600_000...315_360_000_000)
            },
            Key(
                section: "store", name: "retention_5m", preset: "90d",
                comment:
                    "How long one sample for each five minutes is kept, up to 10y; 0s for none."
            ) { node, c throws(ValueError) in
                c.retention5m = try Value.duration(node, 0...315_360_000_000)
            },
            Key(
                section: "store", name: "retention_1h", preset: "2y",
                comment: "How long one sample for each hour is kept, up to 10y; 0s for none."
            ) { node, c throws(ValueError) in
                c.retention1h = try Value.duration(node, 0...315_360_000_000)
            },
            Key(
                section: "store", name: "max_size", preset: "1GiB",
                comment:
                    "Bytes that all files of the series store have; the oldest samples go. At least 16MiB."
            ) { node, c throws(ValueError) in c.maxSize = try Value.size(node, atLeast: 16 << 20) },
            Key(
                section: "store", name: "min_free", preset: "64MiB",
                comment: "Free bytes of the file system below which detail is not written any more."
            ) { node, c throws(ValueError) in c.minFree = try Value.size(node, atLeast: 0) },
            Key(
                section: "store", name: "journal_sync", preset: "5s",
                comment:
                    "How far back a power failure may reach; 0s waits for the disk at each sample."
            ) { node, c throws(ValueError) in
                c.journalSync = try Value.duration(node, 0...3_600_000)
            },
            Key(
                section: "store", name: "max_series", preset: "200000",
                comment: "Series in memory; more are refused and counted."
            ) { node, c throws(ValueError) in
                c.maxSeries = try Value.integer(node, 1000...10_000_000)
            },
            Key(
                section: "query", name: "lookback", preset: "5m",
                comment: "How far back a selector looks for a sample, 1s to 1h."
            ) { node, c throws(ValueError) in
                c.lookback = try Value.duration(node, 1000...3_600_000)
            },
            Key(
                section: "query", name: "max_samples", preset: "50000000",
                comment: "Samples one query may read."
            ) { node, c throws(ValueError) in
                c.maxSamples = try Value.integer(node, 1000...1_000_000_000)
            },
            Key(
                section: "query", name: "max_series", preset: "200000",
                comment: "Series one query may select."
            ) { node, c throws(ValueError) in
                c.maxQuerySeries = try Value.integer(node, 100...10_000_000)
            },
            Key(
                section: "containers", name: "labels", preset: "[]",
                comment:
                    "Container labels to export as container_label_*. Each value makes new series. "
                    + "Reloaded on SIGHUP."
            ) { node, c throws(ValueError) in c.containerLabels = try Value.texts(node) },
            Key(
                section: "log", name: "level", preset: "info",
                comment: "debug, info, warning or error."
            ) { node, c throws(ValueError) in
                let level = try Value.text(node)
                guard ["debug", "info", "warning", "error"].contains(level) else {
                    throw ValueError("expected debug, info, warning or error")
                }
                c.logLevel = level
            },
        ] + discovery + events + serving + runtime + logs + alerts + rules + ship + receive

    private static let sections = Set(all.map(\.section)).subtracting([""])

    static func decode(
        _ root: YAMLNode, into configuration: inout Configuration, problems: inout [ConfigProblem]
    ) {
        read(root, section: "", into: &configuration, problems: &problems)
        AlertReference.check(&configuration, &problems)
    }

    private static func read(
        _ node: YAMLNode, section: String, into configuration: inout Configuration,
        problems: inout [ConfigProblem]
    ) {
        guard case .map(let pairs) = node.content else {
            let what = section.isEmpty ? "the configuration" : "`\(section)`"
            problems.append(
                ConfigProblem(
                    node.mark, "\(what) must be a mapping of keys to values, not \(node.kind)"))
            return
        }
        var seen: Set<String> = []
        for (key, value) in pairs {
            guard case .scalar(let name, _) = key.content else {
                problems.append(ConfigProblem(key.mark, "a key must be a word, not \(key.kind)"))
                continue
            }
            guard seen.insert(name).inserted else {
                problems.append(ConfigProblem(key.mark, "`\(name)` is given twice"))
                continue
            }
            if section.isEmpty, sections.contains(name) {
                read(value, section: name, into: &configuration, problems: &problems)
            } else if let known = all.first(where: { $0.section == section && $0.name == name }) {
                do throws(ValueError) { try known.set(value, &configuration) } catch {
                    let words = error.mark == nil ? ", not \(value.kind)" : ""
                    problems.append(
                        ConfigProblem(
                            error.mark ?? value.mark, "`\(name)`: \(error.description)\(words)"))
                }
            } else {
                problems.append(ConfigProblem(key.mark, unknown(name, in: section)))
            }
        }
    }

    private static func unknown(_ name: String, in section: String) -> String {
        let known = all.filter { $0.section == section }.map(\.name)
        let candidates = section.isEmpty ? known + sections : known
        let place = section.isEmpty ? "" : " in `\(section)`"
        let advice =
            Suggestion.nearest(name, among: candidates).map { "did you mean `\($0)`?" }
            ?? "known are " + candidates.sorted().joined(separator: ", ")
        return "unknown key `\(name.prefix(64))`\(place); \(advice)"
    }

    static func documented() -> String {
        var text = "# Configuration of `ullage agent`. Every key, with its default.\n"
        var section = ""
        // Keys without a section come before the first section.
        for key in all.filter(\.section.isEmpty) + all.filter({ !$0.section.isEmpty }) {
            if key.section != section {
                section = key.section
                text += "\n\(section):\n"
            } else if section.isEmpty {
                text += "\n"
            }
            let indent = section.isEmpty ? "" : "  "
            text += "\(indent)# \(key.comment)\n\(indent)\(key.name): \(key.preset)\n"
        }
        return text
    }
}

/// How values are read.
enum Value {
    static func text(_ node: YAMLNode) throws(ValueError) -> String {
        guard case .scalar(let text, _) = node.content, !text.isEmpty else {
            throw ValueError("expected a text")
        }
        return text
    }

    /// A text that may be empty.
    static func anyText(_ node: YAMLNode) throws(ValueError) -> String {
        guard case .scalar(let text, _) = node.content else { throw ValueError("expected a text") }
        return text
    }

    static func boolean(_ node: YAMLNode) throws(ValueError) -> Bool {
        switch try text(node) {
        case "true", "yes", "on": return true
        case "false", "no", "off": return false
        default: throw ValueError("expected true or false")
        }
    }

    static func texts(_ node: YAMLNode) throws(ValueError) -> [String] {
        guard case .list(let items) = node.content else { throw ValueError("expected a list") }
        var result: [String] = []
        for item in items { result.append(try text(item)) }
        return result
    }

    static func integer(_ node: YAMLNode, _ range: ClosedRange<Int64>) throws(ValueError) -> Int64 {
        guard let value = Int64(try text(node)), range.contains(value) else {
            throw ValueError(
                "expected a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// A duration such as `1h30m`, in milliseconds.
    static func duration(_ node: YAMLNode, _ range: ClosedRange<Int64>) throws(ValueError) -> Int64
    {
        let units: [(String, Int64)] = [
            ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
            ("w", 604_800_000), ("y", 31_536_000_000),
        ]
        var rest = Substring(try text(node))
        var total: Int64 = 0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            let name = rest[digits.endIndex...].prefix { $0.isLetter }
            guard let count = Int64(digits), count < 1 << 30,
                let unit = units.first(where: { $0.0 == name })
            else { throw ValueError("expected a duration such as 10s, 5m, 1h30m or 15d") }
            total += count &* unit.1
            rest = rest[name.endIndex...]
        }
        guard range.contains(total) else {
            throw ValueError(
                "expected a duration from \(range.lowerBound / 1000)s to \(range.upperBound / 1000)s"
            )
        }
        return total
    }

    /// A size such as `1GiB`, `500MB` or a number of bytes.
    static func size(_ node: YAMLNode, atLeast least: Int64) throws(ValueError) -> Int64 {
        let units: [String: Double] = [
            "": 1, "B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1024,
            "MiB": 1_048_576, "GiB": 1_073_741_824, "TiB": 1_099_511_627_776,
        ]
        let text = try text(node)
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let number = Double(digits), let unit = units[String(text[digits.endIndex...])],
            number * unit < 9e18
        else { throw ValueError("expected a size such as 1GiB, 500MB or 1048576") }
        guard Int64(number * unit) >= least else {
            throw ValueError("expected at least \(least) bytes")
        }
        return Int64(number * unit)
    }
}
