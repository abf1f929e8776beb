// SPDX-License-Identifier: Apache-2.0

extension Keys {
    /// The section `api`.
    static let serving: [Key] = [
        Key(
            section: "api", name: "query_timeout", preset: "2m",
            comment: "How long a query may take, its wait for a thread included; 1s to 1h."
        ) { node, c throws(ValueError) in
            c.serving.queryTimeout = try Value.duration(node, 1000...3_600_000)
        },
        Key(
            section: "api", name: "query_concurrency", preset: "4",
            comment: "Queries that run at once, on the address and on the socket each."
        ) { node, c throws(ValueError) in
            c.serving.queryConcurrency = try Value.integer(node, 1...256)
        },
        Key(
            section: "api", name: "query_queue", preset: "64",
            comment: "Queries that may wait for a thread; more are refused."
        ) { node, c throws(ValueError) in
            c.serving.queryQueue = try Value.integer(node, 0...10_000)
        },
        Key(
            section: "api", name: "max_body", preset: "1MiB",
            comment: "Bytes the body of a request may have; at least 64KiB."
        ) { node, c throws(ValueError) in
            c.serving.maxBody = try Value.size(node, atLeast: 64 << 10)
        },
        Key(
            section: "api", name: "max_connections", preset: "512",
            comment: "Connections at once, on the address and on the socket each."
        ) { node, c throws(ValueError) in
            c.serving.maxConnections = try Value.integer(node, 8...65_536)
        },
    ]
}
