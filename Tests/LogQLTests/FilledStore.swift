// SPDX-License-Identifier: Apache-2.0

import LogStore
import Model
import PromQL
import TestSupport

@testable import LogQL

/// A store with lines of a few containers, and ways to ask it.
final class FilledStore {
    let temporary: TemporaryDirectory
    let store: LogStore
    var options = LogEngine.Options()
    var archive: LogArchive { LogArchive(directory: temporary.path) }
    var engine: LogEngine { LogEngine(querier: archive, options: options) }

    static let second: Int64 = 1_000_000_000

    init(blockBytes: Int = 2_000) throws {
        temporary = try TemporaryDirectory()
        var options = LogStore.Options()
        options.blockBytes = blockBytes
        options.segmentBytes = 20_000
        store = try LogStore(directory: temporary.path, options: options)
    }

    static func identity(_ name: String) -> LogIdentity {
        LogIdentity(
            id: "id-" + name, name: name, createdAt: 1,
            labels: [
                "engine": "docker", "image": "image-" + name,
                "com.docker.compose.project": "shop", "com.docker.compose.service": name,
            ])
    }

    /// Adds lines of a container, one for each of `seconds`.
    func add(
        _ lines: [(second: Double, text: String)], of name: String, _ stream: LogStream = .stdout,
        _ level: LogLevel = .unknown, isGap: Bool = false
    ) throws {
        var batch = LogBatch()
        for line in lines {
            Array(line.text.utf8).withUnsafeBytes {
                batch.append(
                    $0, timestamp: Int64(line.second * 1e9), stream: stream, level: level,
                    isGap: isGap)
            }
        }
        try store.append(batch, of: Self.identity(name))
        try store.flush(Self.identity(name))
    }

    /// The lines of a query with all their labels, oldest first.
    func lines(
        _ query: String, _ change: (inout LineRequest) -> Void = { _ in }
    ) throws -> [(labels: Labels, text: String)] {
        var request = LineRequest(start: 0, end: 1_000_000 * Self.second)
        request.isForward = true
        request.limit = 5_000
        change(&request)
        let result = try engine.lines(try LogParser.pipeline(query), request)
        return result.streams.flatMap { stream in
            stream.lines.map { ($0.timestamp, stream.labels, $0.bytes) }
        }.enumerated().sorted {
            $0.element.0 == $1.element.0
                ? $0.offset < $1.offset
                : ($0.element.0 < $1.element.0) == request.isForward
        }.map { ($0.element.1, String(decoding: $0.element.2, as: UTF8.self)) }
    }

    func texts(_ query: String, _ change: (inout LineRequest) -> Void = { _ in }) throws -> [String]
    {
        try lines(query, change).map(\.text)
    }

    /// An instant vector as a dictionary from the labels of interest to the value.
    func vector(_ query: String, at second: Double) throws -> [String: Double] {
        let result = try engine.instant(query, at: Milliseconds(second * 1000))
        switch result.value {
        case .scalar(let point): return ["scalar": point.value]
        case .vector(let samples):
            return Dictionary(
                samples.map { ($0.labels.shown, $0.point.value) }, uniquingKeysWith: { $1 })
        default: return [:]
        }
    }

    /// A range query's series.
    func matrix(
        _ query: String, _ start: Double, _ end: Double, _ step: Double
    ) throws -> [String: [Double: Double]] {
        guard case .metric(let metric) = try LogParser.parse(query) else { return [:] }
        let result = try engine.range(
            metric, start: Milliseconds(start * 1000), end: Milliseconds(end * 1000),
            step: Milliseconds(step * 1000))
        guard case .matrix(let series) = result.value else { return [:] }
        return Dictionary(
            series.map { one in
                let points = one.points.map { (Double($0.timestamp) / 1000, $0.value) }
                return (one.labels.shown, Dictionary(points, uniquingKeysWith: { $1 }))
            }, uniquingKeysWith: { $1 })
    }
}
