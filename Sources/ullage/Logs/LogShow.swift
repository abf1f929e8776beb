// SPDX-License-Identifier: Apache-2.0

import LogStore
import Model

/// Prints the lines of a request.
struct LogShow {
    let host: LogHostOptions
    let output: LogOutputOptions
    let request: LogRequest
    var isMerged = true
    /// Whether names are printed unless told otherwise; nil for "when there may be several".
    var namesByDefault: Bool?

    /// Prints everything; how many lines were asked for, and where a later reading goes on.
    func run(
        _ highlighted: [(text: String, isFolded: Bool)]
    ) async throws -> (count: Int, positions: [String: Int64]) {
        let mayBeSeveral = request.names.count != 1 || LogNames.isPattern(request.names[0])
        let printer = try LogPrinter(
            output, hasNames: output.names ?? namesByDefault ?? mayBeSeveral,
            highlighted: highlighted)
        let pager = request.isFollowing || output.noPager ? nil : Pager.start()
        defer { pager?.finish() }
        var positions: [String: Int64] = [:]
        for part in parts {
            let reading = LogReading(host: host, request: part)
            let end = try await reading.run(
                { line in
                    printer.print(line)
                    return true
                }, pause: { printer.flush() })
            positions.merge(end) { max($0, $1) }
        }
        printer.flush()
        return (printer.count, positions)
    }

    /// One reading after the other when nothing is to be merged.
    private var parts: [LogRequest] {
        guard !isMerged, !request.isFollowing, request.names.count > 1 else { return [request] }
        return request.names.map {
            var part = request
            part.names = [$0]
            return part
        }
    }
}
