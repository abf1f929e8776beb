// SPDX-License-Identifier: Apache-2.0

extension Keys {
    /// The section `logs`.
    static let logs: [Key] = [
        Key(
            section: "logs", name: "enabled", preset: "true",
            comment: "Whether containers' logs are stored: true or false."
        ) { node, c throws(ValueError) in
            let text = try Value.text(node)
            guard text == "true" || text == "false" else {
                throw ValueError("expected true or false")
            }
            c.logs.isEnabled = text == "true"
        },
        Key(
            section: "logs", name: "retention", preset: "30d",
            comment: "How long lines are kept, 1h to 10y."
        ) { node, c throws(ValueError) in
            c.logs.retention = try Value.duration(node, 3_600_000...315_360_000_000)
        },
        Key(
            section: "logs", name: "max_size", preset: "8GiB",
            comment: "Bytes of logs on disk, above which the oldest go; at least 64MiB."
        ) { node, c throws(ValueError) in
            c.logs.maxSize = try Value.size(node, atLeast: 64 << 20)
        },
        Key(
            section: "logs", name: "max_size_per_container", preset: "1GiB",
            comment: "The same for one container; at least 16MiB."
        ) { node, c throws(ValueError) in
            c.logs.maxContainerSize = try Value.size(node, atLeast: 16 << 20)
        },
        Key(
            section: "logs", name: "files", preset: "[]",
            comment:
                "Plain files to store as well, as absolute paths in which *, ? and [...] stand for "
                + "parts of a name. Reloaded on SIGHUP."
        ) { node, c throws(ValueError) in
            let patterns = try Value.texts(node)
            guard patterns.allSatisfy({ $0.hasPrefix("/") && $0.utf8.count <= 4096 }) else {
                throw ValueError("expected absolute paths")
            }
            c.logs.files = patterns
        },
        Key(
            section: "logs", name: "pods", preset: "/var/log/pods",
            comment: "Where the kubelet has the logs of pods; \"none\" leaves them out."
        ) { node, c throws(ValueError) in
            let text = try Value.text(node)
            guard text.hasPrefix("/") || text == "none" else {
                throw ValueError("expected an absolute path or none")
            }
            c.logs.pods = text == "none" ? "" : text
        },
        Key(
            section: "logs", name: "journal", preset: "auto",
            comment:
                "systemd's journal, where engines and units may have their logs: auto is the host's "
                + "own, a directory another's (/host/var/log/journal), none leaves it out."
        ) { node, c throws(ValueError) in
            let text = try Value.text(node)
            guard text.hasPrefix("/") || text == "auto" || text == "none" else {
                throw ValueError("expected auto, none or an absolute path")
            }
            c.logs.journal = text
        },
        Key(
            section: "logs", name: "units", preset: "[\"*.service\"]",
            comment:
                "Units whose entries in the journal are stored, by name, in which *, ? and [...] "
                + "stand for parts; containers' are stored anyway. Reloaded on SIGHUP."
        ) { node, c throws(ValueError) in
            let patterns = try Value.texts(node)
            guard patterns.allSatisfy({ !$0.isEmpty && $0.utf8.count <= 255 }) else {
                throw ValueError("expected names of units")
            }
            c.logs.units = patterns
        },
        logMetrics,
        Key(
            section: "logs", name: "pipelines", preset: "[]",
            comment:
                "What is done to lines before they are stored: multiline, parse, redact, ... "
                + "See docs/log-pipelines.md. Reloaded on SIGHUP, for logs opened from then on."
        ) { node, c throws(ValueError) in c.logs.pipelines = try LogPipelines.read(node) },
    ]
}
