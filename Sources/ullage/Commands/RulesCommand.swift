// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// `ullage rules`: rule files, without an agent and on one.
struct RulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules", abstract: "Check, list and test recording and alerting rules.",
        subcommands: [RulesCheck.self, RulesList.self, RulesTest.self])
}
