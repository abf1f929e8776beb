// SPDX-License-Identifier: Apache-2.0

import Agent
import ArgumentParser
import Glibc
import Runtime

/// `--data-dir`, which every command that touches containers has.
struct DataDirectoryOptions: ParsableArguments {
    @Option(
        name: .customLong("data-dir"),
        help: "Where containers and samples are kept (or the environment variable ULLAGE_DATA_DIR)."
    )
    var path: String =
        getenv("ULLAGE_DATA_DIR").map { String(cString: $0) }
        ?? DataDirectory.standard

    /// The layout below it.
    var directory: DataDirectory { DataDirectory(Self.absolute(path)) }

    /// The embedded runtime that keeps its containers there.
    func runtime() -> Runtime {
        Runtime(dataDirectory: directory.path, shimPath: ShimProgram.find())
    }

    /// A path that means the same from any working directory.
    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let current = getcwd(nil, 0) else { return path }
        defer { free(current) }
        return String(cString: current) + "/" + path
    }
}

/// Which store a command looks at: that of a data directory, or a backup.
struct StoreOptions: ParsableArguments {
    @Option(help: "A directory with a store in it, such as a backup, instead of the agent's.")
    var store: String?

    @OptionGroup var data: DataDirectoryOptions

    /// The store's directory.
    var directory: String {
        store.map { DataDirectoryOptions.absolute($0) } ?? data.directory.series
    }
}

/// `--host`, which every command that asks an agent has.
struct HostOptions: ParsableArguments {
    @Option(
        name: [.customShort("H"), .customLong("host")],
        help: """
            The agent to ask, or any server with Prometheus' API: unix:///path or \
            http://host:port[/prefix] (or the environment variable \
            ULLAGE_HOST). By default the one that runs with this --data-dir.
            """)
    var host: String?

    @OptionGroup var data: DataDirectoryOptions

    /// A client for the agent chosen.
    func client() throws -> APIClient {
        if let text = host ?? getenv("ULLAGE_HOST").map({ String(cString: $0) }), !text.isEmpty {
            return APIClient(
                endpoint: try .init(parsing: text), prefix: APIClient.prefix(of: text))
        }
        return APIClient(endpoint: .unixSocket(path: data.directory.socket))
    }
}

/// How a list is written.
enum ListFormat: String, ExpressibleByArgument, CaseIterable {
    case table
    case json
}

/// How a query's answer is written.
enum QueryFormat: String, ExpressibleByArgument, CaseIterable {
    case table
    case json
    case csv
    case chart
}

/// A size such as `64m`: a number with an optional binary unit, as Docker's `--memory` takes it.
struct ByteSize: ExpressibleByArgument {
    let bytes: Int64

    init?(argument: String) {
        let lower = argument.lowercased()
        let digits = lower.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let units: [Substring: Double] = [
            "": 1, "b": 1, "k": 0x1p10, "kb": 0x1p10, "kib": 0x1p10, "m": 0x1p20, "mb": 0x1p20,
            "mib": 0x1p20, "g": 0x1p30, "gb": 0x1p30, "gib": 0x1p30, "t": 0x1p40, "tb": 0x1p40,
            "tib": 0x1p40,
        ]
        guard let number = Double(digits), let unit = units[lower[digits.endIndex...]],
            number >= 0, number * unit < 9e18
        else { return nil }
        bytes = Int64(number * unit)
    }
}
