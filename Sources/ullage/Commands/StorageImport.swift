// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Codecs
import Glibc
import Interchange

/// `ullage storage import`: samples of the past out of a text.
struct StorageImport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Store the samples of an OpenMetrics text.",
        discussion: """
            Every sample must have its time. What is imported twice is stored twice and counted \
            once. Samples older than the agent's store.retention go when it next runs. \
            `promtool tsdb dump-openmetrics` and `ullage storage export` write such texts.
            """)

    /// The formats, by the names people give them.
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case openmetrics
        case text
    }

    @Option(help: "openmetrics (times in seconds), or text (0.0.4, times in milliseconds).")
    var format = Format.openmetrics

    @Flag(help: "Only check the text; store nothing.")
    var check = false

    @OptionGroup var data: DataDirectoryOptions

    @Argument(help: "The file, or - for stdin.")
    var file: String

    func run() async throws {
        try await reportingFailures {
            let name = Terminal.safe(file)
            let descriptor = file == "-" ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                throw Failure(.io, "cannot read \(name): \(String(cString: strerror(errno)))")
            }
            defer { close(descriptor) }
            let report: SeriesImport.Report
            if check {
                report = try read(descriptor, name, SeriesImport(into: nil, format: kind))
            } else {
                report = try StoreAccess.run(data.directory, making: true) { store in
                    try read(descriptor, name, SeriesImport(into: store, format: kind))
                }
            }
            Terminal.writeError(summary(report))
        }
    }

    private var kind: OpenMetricsParser.Format { format == .text ? .text : .openMetrics }

    private func read(
        _ descriptor: Int32, _ name: String, _ samples: SeriesImport
    ) throws -> SeriesImport.Report {
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        do {
            while true {
                let count = Glibc.read(descriptor, &buffer, buffer.count)
                if count == 0 { return try samples.finish() }
                if count > 0 {
                    try samples.feed(buffer[..<count])
                } else if errno != EINTR {
                    throw Failure(.io, "cannot read \(name): \(String(cString: strerror(errno)))")
                }
            }
        } catch let error as OpenMetricsError {
            let before =
                check ? "" : "; \(samples.report.samples) samples before that are stored"
            throw Failure(.badData, "\(name):\(error)\(before)")
        }
    }

    private func summary(_ report: SeriesImport.Report) -> String {
        guard report.samples > 0 else { return "no samples\n" }
        let (first, last) = (
            ContainerRecord.rfc3339(report.first), ContainerRecord.rfc3339(report.last)
        )
        let twice = report.duplicates > 0 ? ", \(report.duplicates) passed over as duplicates" : ""
        return "\(report.samples) samples from \(first) to \(last) \(check ? "read" : "stored")"
            + "\(twice)\n"
    }
}
