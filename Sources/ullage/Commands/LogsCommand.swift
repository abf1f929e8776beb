// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Linux
import Logs
import Runtime

/// `ullage logs`: what a container wrote.
struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Show what a container wrote.")

    @Flag(name: [.short, .long], help: "Go on with what is added, until the container ends.")
    var follow = false

    @Option(name: [.customShort("n"), .long], help: "Start with the last records; `all` for all.")
    var tail = "all"

    @Option(help: "Leave out what is older, such as 10m or an RFC 3339 time.")
    var since: String?

    @Flag(name: [.short, .long], help: "Print the time of each record.")
    var timestamps = false

    @Flag(help: "Do not make control characters visible on a terminal.")
    var raw = false

    @OptionGroup var data: DataDirectoryOptions

    @Argument(help: "A name, an id or the beginning of an id.")
    var container: String

    func run() async throws {
        try await reportingFailures {
            let runtime = data.runtime()
            do {
                let found = try runtime.find(container)
                let start = try since.map {
                    try TimeExpression.parse($0, now: Clock.realtimeNanoseconds())
                }
                try LogOutput(timestamps: timestamps, raw: raw).show(
                    found, tail: Int(tail).map { max(0, $0) }, since: start ?? .min,
                    isRunning: follow ? { runtime.isRunning(found) } : nil)
            } catch let error as RuntimeError {
                throw Failure(.no, "\(error)")
            } catch let error as TimeExpression.Failure {
                throw Failure(.usage, "\(error)")
            }
        }
    }
}
