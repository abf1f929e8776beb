// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Config
import Glibc
import Model
import Runtime

/// `ullage run`: makes a container and starts it.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a command in a new container (needs root).",
        usage: "ullage run [-d] --name N [--memory 64m] [--cpus 0.5] [--pids-limit N] "
            + "--rootfs DIR -- CMD ARG...")

    @Flag(name: [.short, .long], help: "Leave it running and print its id.")
    var detach = false

    @Option(help: "The container's name: letters, digits and `_.-`.")
    var name: String

    @Option(name: [.short, .long], help: "Memory it may use, such as 64m or 1g.")
    var memory: ByteSize?

    @Option(help: "Cores it may use, such as 0.5.")
    var cpus: Double?

    @Option(help: "Processes and threads it may have.")
    var pidsLimit: Int64?

    @Option(help: "A directory with the root file system; the container writes to a layer above.")
    var rootfs: String

    @Option(name: [.short, .long], help: "An environment variable, KEY=VALUE. May be repeated.")
    var env: [String] = []

    @Option(name: [.short, .long], help: "A label, KEY=VALUE. May be repeated.")
    var label: [String] = []

    @Option(help: "What becomes of the output: json-file, journald or none.")
    var logDriver: String?

    @Option(help: "An option of the log driver, KEY=VALUE, such as max-size=10m. May be repeated.")
    var logOpt: [String] = []

    @Option(help: "A configuration file; /etc/ullage/ullage.yaml if it exists.")
    var config: String?

    @Option(name: [.short, .long], help: "The directory the command starts in.")
    var workdir = "/"

    @OptionGroup var data: DataDirectoryOptions

    @Argument(parsing: .postTerminator, help: "The command and its arguments, after `--`.")
    var command: [String]

    func validate() throws {
        if command.isEmpty { throw ValidationError("No command: write it after `--`.") }
        for pair in label + env where !pair.contains("=") {
            throw ValidationError("`\(Terminal.safe(pair))` is not KEY=VALUE.")
        }
    }

    func run() async throws {
        try await reportingFailures {
            let runtime = data.runtime()
            let container: Container
            let outputs: AttachedOutputs?
            do {
                let spec = try spec()
                // What is in a file is shown out of the file, so that a terminal that stands still stops
                // nobody.
                outputs = detach || spec.log.driver == "json-file" ? nil : try AttachedOutputs()
                container = try runtime.run(spec, outputs: outputs)
            } catch let error as RuntimeError {
                throw Failure(code: error.exitCode, "\(error)")
            } catch let error as ConfigError {
                throw Failure(.configuration, "the configuration is not usable\n\(error)")
            }
            guard !detach else { return Terminal.write(container.id + "\n") }
            throw ExitCode(try await attend(container, outputs, runtime: runtime))
        }
    }

    private func spec() throws -> ContainerSpec {
        var spec = ContainerSpec(
            name: name, rootfs: DataDirectoryOptions.absolute(rootfs), command: command)
        spec.environment = env
        spec.workingDirectory = workdir
        spec.limits = Container.Limits(memory: memory?.bytes, cpus: cpus, pids: pidsLimit)
        spec.log = try logOptions()
        for pair in label {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            spec.labels[String(parts[0])] = String(parts[1])
        }
        return spec
    }

    /// What was asked for, over the defaults of the configuration.
    private func logOptions() throws -> LogOptions {
        let file = config ?? AgentCommand.standardFile()
        let host = try file.map { try Configuration.load(path: $0).configuration } ?? .default
        let defaults = try LogOptions(
            driver: host.runtime.logDriver, options: host.runtime.logOptions,
            defaults: LogOptions())
        return try LogOptions(driver: logDriver, options: logOpt, defaults: defaults)
    }

    /// Shows the container's output until it ends; stops it on Ctrl-C. Gives its exit code.
    private func attend(
        _ container: Container, _ outputs: AttachedOutputs?, runtime: Runtime
    ) async throws -> Int32 {
        let interrupt = Interrupt { try? runtime.stop(container, timeout: 10) }
        defer { interrupt.cancel() }
        if let outputs {
            LogOutput().show(outputs)
        } else {
            try LogOutput().show(container, tail: nil, isRunning: { runtime.isRunning(container) })
        }
        return try runtime.wait(container)
    }
}
