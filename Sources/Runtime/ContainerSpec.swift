// SPDX-License-Identifier: Apache-2.0

public import Model

/// What to run: the parts of a container that its user chooses.
public struct ContainerSpec: Sendable {
    /// The name: a letter or digit, then up to 127 of those and `_.-`.
    public var name: String
    /// The directory with the root file system; it is not written to.
    public var rootfs: String
    /// The command and its arguments.
    public var command: [String]
    /// `KEY=VALUE` for each variable; `PATH`, `HOME` and `HOSTNAME` are added unless given.
    public var environment: [String] = []
    /// Where the command starts; made if it does not exist.
    public var workingDirectory = "/"
    /// The host name inside; the short id unless given.
    public var hostname: String?
    /// What it may use.
    public var limits = Container.Limits()
    /// Labels of the user's own.
    public var labels: [String: String] = [:]
    /// What becomes of its output.
    public var log = LogOptions()

    /// A spec with the parts that have no default.
    public init(name: String, rootfs: String, command: [String]) {
        self.name = name
        self.rootfs = rootfs
        self.command = command
    }
}
