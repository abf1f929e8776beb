// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The program: one subcommand per file.
@main
struct Ullage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ullage", abstract: "Watch, run and query the containers of this host.")
}
