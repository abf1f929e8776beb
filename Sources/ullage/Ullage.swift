// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The program: one subcommand per file.
@main
struct Ullage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ullage",
        abstract: "Watch, run and query the containers of this host.",
        discussion: """
            Start with `ullage agent` in one terminal; then, in another, `ullage stats`, \
            `ullage logs -f NAME` or `ullage query 'rate(container_cpu_usage_seconds_total[1m])'`.
            """,
        version: Version.number,
        subcommands: [
            AgentCommand.self,
            RunCommand.self, StopCommand.self, RemoveCommand.self,
            ListCommand.self, InspectCommand.self, StatsCommand.self, TopCommand.self,
            NetworksCommand.self, VolumesCommand.self, ImagesCommand.self,
            AuditCommand.self, TargetsCommand.self,
            EventsCommand.self,
            LogsCommand.self, GrepCommand.self,
            QueryCommand.self, SeriesCommand.self, LabelsCommand.self, HeadroomCommand.self,
            RulesCommand.self, AlertsCommand.self, ShipCommand.self,
            StorageCommand.self, ConfigCommand.self, DoctorCommand.self, VersionCommand.self,
        ])
}
