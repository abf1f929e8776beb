// SPDX-License-Identifier: Apache-2.0

/// What becomes of a container's output: a log driver and its options, by Docker's names and rules
/// (`daemon/logger` in moby).
public struct LogOptions: Hashable, Sendable {
    /// `json-file`, `journald` or `none`.
    public var driver: String
    /// The driver's options as they were given.
    public var options: [String: String]

    /// A driver with options, not yet validated.
    public init(driver: String = "json-file", options: [String: String] = [:]) {
        self.driver = driver
        self.options = options
    }

    /// What a user asked for on top of the host's defaults. As with Docker's daemon, default
    /// options count only for the default driver, and each gives way to one that was asked for.
    public init(
        driver: String?, options pairs: [String], defaults: LogOptions
    ) throws(RuntimeError) {
        self.driver = driver ?? defaults.driver
        options = self.driver == defaults.driver ? defaults.options : [:]
        for pair in pairs {
            guard let equals = pair.firstIndex(of: "="), equals > pair.startIndex else {
                throw RuntimeError(.invalid, "the log option \(quoted(pair)) is not KEY=VALUE")
            }
            options[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
        }
        // Without a limit there is no rotation, and defaults that are about it give way too.
        guard options["max-size"] == "-1" else { return }
        for key in ["max-file", "compress"]
        where !pairs.contains(where: { $0.hasPrefix(key + "=") }) {
            options[key] = nil
        }
    }

    /// Refuses drivers, options and values that do not exist or do not go together.
    public func validate() throws(RuntimeError) { _ = try plan(LogSubject()) }

    private static let shared: Set<String> = ["mode", "max-buffer-size"]
    private static let known: [String: Set<String>] = [
        "journald": shared.union(LogAttributes.options),
        "json-file": shared.union(LogAttributes.options).union(
            ["max-size", "max-file", "compress"]),
        "none": [],
    ]

    /// Where journald takes entries.
    static let journalSocket = "/run/systemd/journal/socket"

    /// The keys of `shim.spec` that say the same for a container.
    func plan(_ subject: LogSubject) throws(RuntimeError) -> [(key: String, value: String)] {
        guard let known = Self.known[driver] else {
            throw RuntimeError(
                .invalid,
                "there is no log driver \(quoted(driver)): there are "
                    + Self.known.keys.sorted().joined(separator: ", "))
        }
        for key in options.keys.sorted() where !known.contains(key) {
            let others = known.sorted().joined(separator: ", ")
            throw RuntimeError(
                .invalid,
                "the log driver \(driver) has no option \(quoted(key)): "
                    + (others.isEmpty ? "it has none" : "it has " + others))
        }
        var plan = [(key: "log-driver", value: driver)]
        let attributes = try LogAttributes(options, of: subject)
        switch driver {
        case "json-file":
            plan += try filePlan()
            if let json = attributes.json { plan.append(("log-attrs", json)) }
        case "journald":
            plan.append(("journal-socket", Self.journalSocket))
            for (name, value) in try attributes.journalFields(subject) {
                plan.append(("journal-field", name + "=" + value))
            }
        default: break
        }
        plan += try modePlan()
        return plan
    }

    private func filePlan() throws(RuntimeError) -> [(key: String, value: String)] {
        // -1 is Docker's way of asking for no limit.
        let maxSize = try options["max-size"].flatMap { $0 == "-1" ? nil : $0 }
            .map { text throws(RuntimeError) in
                try size(text, of: "max-size", unit: 1000, example: "10m")
            }
        let maxFile = try options["max-file"].map { text throws(RuntimeError) in
            guard let count = Int(text), (1...1000).contains(count) else {
                throw invalid("max-file", text, "a whole number from 1 to 1000")
            }
            return count
        }
        guard maxSize != nil || maxFile ?? 1 == 1 else {
            throw RuntimeError(
                .invalid,
                "the log option max-file needs max-size: a file without a limit is never rotated")
        }
        let compresses = try options["compress"].map { text throws(RuntimeError) in
            guard let value = Self.boolean(text) else {
                throw invalid("compress", text, "true or false")
            }
            return value
        }
        guard compresses != true || (maxFile ?? 1 > 1 && maxSize != nil) else {
            throw RuntimeError(
                .invalid,
                "the log option compress needs max-size and a max-file of 2 or more: the file "
                    + "that is written to is not compressed")
        }
        return [
            ("log-max-size", "\(maxSize ?? 0)"), ("log-max-file", "\(maxFile ?? 1)"),
            ("log-compress", compresses == true ? "true" : "false"),
        ]
    }

    private func modePlan() throws(RuntimeError) -> [(key: String, value: String)] {
        let mode = options["mode"] ?? "blocking"
        guard mode == "blocking" || mode == "non-blocking" else {
            throw invalid("mode", mode, "blocking or non-blocking")
        }
        let buffer = options["max-buffer-size"]
        guard mode == "non-blocking" else {
            guard buffer == nil else {
                throw RuntimeError(
                    .invalid, "the log option max-buffer-size needs mode=non-blocking")
            }
            return []
        }
        let bytes =
            try buffer.map { text throws(RuntimeError) in
                try size(text, of: "max-buffer-size", unit: 1024, example: "4m")
            } ?? 1_000_000
        guard bytes <= 1 << 30 else {
            throw invalid("max-buffer-size", buffer ?? "", "at most 1g, because it is memory")
        }
        return [("log-buffer", "\(bytes)")]
    }

    /// A number with an optional unit: `unit` to the power that k, m, g, t or p stand for, as
    /// docker/go-units reads it. `b`, `B` and `iB` after the unit mean nothing.
    private func size(
        _ text: String, of option: String, unit: Double, example: String
    ) throws(RuntimeError) -> Int64 {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        var suffix = text[digits.endIndex...].drop { $0 == " " }.lowercased()
        for ending in ["ib", "b"] where suffix.count <= 3 && suffix.hasSuffix(ending) {
            suffix.removeLast(ending.count)
        }
        let powers = ["": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5]
        guard let number = Double(digits), let power = powers[suffix] else {
            throw invalid(option, text, "a size such as \(example)")
        }
        var bytes = number
        for _ in 0..<power { bytes *= unit }
        guard bytes >= 1, bytes < 9e18 else {
            throw invalid(option, text, "a size of at least one byte")
        }
        return Int64(bytes)
    }

    /// What Go's strconv.ParseBool takes.
    private static func boolean(_ text: String) -> Bool? {
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": true
        case "0", "f", "F", "false", "FALSE", "False": false
        default: nil
        }
    }

    private func invalid(_ option: String, _ value: String, _ expected: String) -> RuntimeError {
        RuntimeError(
            .invalid, "the log option \(option) cannot be \(quoted(value)): \(expected) is expected"
        )
    }
}
