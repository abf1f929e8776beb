// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// `ullage version`: what this build is.
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Print the version.")

    func run() { Terminal.write("ullage \(Version.number)\n") }
}
