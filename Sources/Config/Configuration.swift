// SPDX-License-Identifier: Apache-2.0

import Glibc
public import Notify
public import Outputs
import YAML

/// An address to listen on: loopback only, because there is neither TLS nor a password.
public struct ListenAddress: Hashable, Sendable {
    /// `127.0.0.1` or `::1`.
    public var host: String
    /// 0 takes a free port.
    public var port: Int

    /// Reads `ADDRESS:PORT`; `origin` names the option in the error.
    public init(parsing text: String, from origin: String) throws(ConfigError) {
        do { self = try ListenAddress(text) } catch {
            throw ConfigError("\(origin): \(error.description)")
        }
    }

    init(_ text: String) throws(ValueError) {
        guard let colon = text.lastIndex(of: ":"),
            let port = Int(text[text.index(after: colon)...]),
            (0...65535).contains(port)
        else { throw ValueError("expected ADDRESS:PORT such as 127.0.0.1:9850") }
        let host = text[..<colon].filter { $0 != "[" && $0 != "]" }
        guard ["127.0.0.1", "::1", "localhost"].contains(host) else {
            throw ValueError(
                "only loopback (127.0.0.1, ::1) can be served: a wider address needs TLS and a "
                    + "password, which this version does not have. Put a reverse proxy in front")
        }
        self.host = host == "localhost" ? "127.0.0.1" : host
        self.port = port
    }
}

/// Why a value cannot be used.
struct ValueError: Error {
    let description: String
    /// Where, when it is a part of the value that is wrong.
    let mark: Mark?

    init(_ description: String, at mark: Mark? = nil) {
        self.description = description
        self.mark = mark
    }
}

/// The agent's configuration.
public struct Configuration: Hashable, Sendable {
    /// Where containers and samples are kept.
    public var dataDirectory = "/var/lib/ullage"
    /// The group whose members may use the agent's Unix socket.
    public var socketGroup = "ullage"
    /// Where the HTTP API listens.
    public var listen: ListenAddress
    /// Milliseconds between two samples.
    public var samplingInterval: Int64 = 10_000
    /// Descriptors kept open for reading.
    public var descriptorBudget: Int64 = 16_000
    /// How long samples are kept, in milliseconds.
    public var retention: Int64 = 15 * 86_400_000
    /// How long one sample for each five minutes is kept, in milliseconds; 0 for none.
    public var retention5m: Int64 = 90 * 86_400_000
    /// How long one sample for each hour is kept, in milliseconds; 0 for none.
    public var retention1h: Int64 = 730 * 86_400_000
    /// Bytes of samples on disk.
    public var maxSize: Int64 = 1 << 30
    /// Bytes that the file system should keep free.
    public var minFree: Int64 = 64 << 20
    /// How far back a power failure may reach, in milliseconds.
    public var journalSync: Int64 = 5000
    /// Series in memory.
    public var maxSeries: Int64 = 200_000
    /// How far back an instant selector looks, in milliseconds.
    public var lookback: Int64 = 300_000
    /// Samples one query may read.
    public var maxSamples: Int64 = 50_000_000
    /// Series one query may select.
    public var maxQuerySeries: Int64 = 200_000
    /// The bounds of the HTTP API.
    public var serving = Serving()
    /// What `ullage run` takes when it is not told otherwise.
    public var runtime = Runtime()
    /// Container labels to export.
    public var containerLabels: [String] = []
    /// Which engines are watched.
    public var discovery = Discovery()
    /// Files of OpenSCAP results.
    public var auditResults: [String] = []
    /// Bytes of container events on disk.
    public var eventsMaxSize: Int64 = 8 << 20
    /// Which logs are stored, and how much of them.
    public var logs = Logs()
    /// Who is told of alerts.
    public var notify = NotifySettings()
    /// Names that routes use, with the places where they do; checked when all is read.
    var alertReferences: [AlertReference] = []
    /// How rules are evaluated.
    public var rules = Rules()
    /// Where samples and logs are sent.
    public var ship: [SinkOptions] = []
    /// What other hosts may send to this one; nil for nothing.
    public var receive: Receive?
    /// What is logged: `debug`, `info`, `warning` or `error`.
    public var logLevel = "info"

    private init(listen: ListenAddress) { self.listen = listen }

    /// The defaults.
    public static let `default`: Configuration = {
        guard let listen = try? ListenAddress("127.0.0.1:9850") else {
            preconditionFailure("the default address is well formed")
        }
        return Configuration(listen: listen)
    }()

    /// Bytes a file may have.
    static let maxFile = 1 << 20

    /// Reads a file. Throws everything that is wrong with it. `notes` are remarks that do not keep
    /// it from being used.
    public static func load(path: String) throws(ConfigError) -> (
        configuration: Configuration, notes: [String]
    ) {
        try parse(try read(path), file: path)
    }

    private static func read(_ path: String) throws(ConfigError) -> [UInt8] {
        func failure() -> ConfigError {
            ConfigError("\(path): cannot read it: \(String(cString: strerror(errno)))")
        }
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw failure() }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: maxFile + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes {
                Glibc.read(file, $0.baseAddress.map { $0 + count }, $0.count - count)
            }
            guard got >= 0 else { throw failure() }
            if got == 0 { break }
            count += got
        }
        guard count <= maxFile else {
            throw ConfigError("\(path): it is over 1 MiB, which no configuration is")
        }
        return Array(bytes[..<count])
    }

    /// Reads the text of a file.
    public static func parse(
        _ bytes: [UInt8], file: String
    ) throws(ConfigError) -> (configuration: Configuration, notes: [String]) {
        let root: YAMLNode?
        do { root = try YAMLReader.read(bytes) } catch { throw ConfigError(file: file, [error]) }
        guard let root, root.kind != "nothing" else {
            return (.default, ["\(file) is empty: the defaults are used"])
        }
        var configuration = Configuration.default
        var problems: [ConfigProblem] = []
        Keys.decode(root, into: &configuration, problems: &problems)
        guard problems.isEmpty else { throw ConfigError(file: file, problems) }
        return (configuration, [])
    }

    /// The default configuration as YAML, each key with its comment.
    public static func documented() -> String { Keys.documented() }
}
