// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Interchange
import Logs
import Model
import PromQL

/// `ullage storage export`: stored samples as text.
struct StorageExport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write stored samples as OpenMetrics or CSV.",
        discussion: """
            All series and all time unless narrowed. `ullage storage import` and `promtool tsdb \
            create-blocks-from openmetrics` read what it writes as OpenMetrics.
            """)

    /// The formats, by the names people give them.
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case openmetrics
        case csv
    }

    @Option(help: "Only what this selector matches; may be given several times.")
    var match: [String] = []

    @Option(help: "Only samples since then, such as 1h.")
    var since: String?

    @Option(help: "Only samples until then.")
    var end: String?

    @Option(name: [.short, .long], help: "openmetrics or csv.")
    var output = Format.openmetrics

    @OptionGroup var data: DataDirectoryOptions

    func run() async throws {
        try await reportingFailures {
            let selectors = try match.map { text in
                do { return try Engine.matchers(text) } catch {
                    throw Failure(.usage, "--match \(Terminal.safe(text)): \(error)")
                }
            }
            let range = TimeRange(
                start: try since.map(moment) ?? Milliseconds.min / 4,
                end: try end.map(moment) ?? Milliseconds.max / 4)
            let report = try StoreAccess.run(data.directory, making: false) { store in
                try SeriesExport(store, selectors: selectors, range: range)
                    .write(as: output == .csv ? .csv : .openMetrics) { Terminal.write($0) }
            }
            Terminal.writeError("\(report.samples) samples of \(report.series) series\n")
        }
    }

    private func moment(_ text: String) throws -> Milliseconds {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let now = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        do { return try TimeExpression.parse(text, now: now) / 1_000_000 } catch {
            throw Failure(.usage, "\(error)")
        }
    }
}
