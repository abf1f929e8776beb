// SPDX-License-Identifier: Apache-2.0

public import Config

/// Where the agent's configuration comes from: a file, and what the command line says above it.
public struct ConfigurationSource: Sendable {
    /// The file, or nil for the defaults alone.
    public var file: String?
    /// Wins over the file's `data_dir`.
    public var dataDirectory: String?
    /// Wins over the file's `listen`.
    public var listen: String?

    /// A source of these parts.
    public init(file: String? = nil, dataDirectory: String? = nil, listen: String? = nil) {
        self.file = file
        self.dataDirectory = dataDirectory
        self.listen = listen
    }

    /// Reads everything again. Throws `ConfigError` with all that is wrong.
    public func load() throws -> Configuration {
        var configuration = Configuration.default
        if let file { configuration = try Configuration.load(path: file).configuration }
        if let dataDirectory { configuration.dataDirectory = dataDirectory }
        if let listen {
            configuration.listen = try ListenAddress(parsing: listen, from: "--listen")
        }
        return configuration
    }
}
