// SPDX-License-Identifier: Apache-2.0

extension Keys {
    /// The section `runtime`. The values are judged by the runtime, when a container is started.
    static let runtime: [Key] = [
        Key(
            section: "runtime", name: "log_driver", preset: "json-file",
            comment: "The log driver of `ullage run` without --log-driver: json-file or none."
        ) { node, c throws(ValueError) in c.runtime.logDriver = try Value.text(node) },
        Key(
            section: "runtime", name: "log_opts", preset: "[max-size=100m, max-file=5]",
            comment:
                "Options of that driver; each gives way to the same one in --log-opt. docs/log-drivers.md."
        ) { node, c throws(ValueError) in
            let options = try Value.texts(node)
            guard options.allSatisfy({ $0.contains("=") }) else {
                throw ValueError("expected KEY=VALUE for each option")
            }
            c.runtime.logOptions = options
        },
    ]
}
