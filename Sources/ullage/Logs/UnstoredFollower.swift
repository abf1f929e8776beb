// SPDX-License-Identifier: Apache-2.0

import Agent
import Linux
import LogStore
import Logs
import Model
import Runtime
import Synchronization

/// Follows containers' own files where no agent stores them.
struct UnstoredFollower {
    let request: LogRequest
    let runtime: Runtime
    let rests: [FileRest]
    let pipelines: LogPipelineChoice

    /// Gives lines to `body` until it returns false.
    func run(
        _ body: (LogLine) throws -> Bool, _ pause: () -> Void, until positions: [String: Int64]
    ) throws -> [String: Int64] {
        let sink = LineSink(
            Dictionary(rests.map { ($0.source.identity.id, $0.checkpoint) }) { $1 })
        let pipelines = pipelines
        let tailing = try LogTailing(sink: sink, transform: { pipelines.pipeline(for: $0) })
        let matcher = try LineMatcher(request.query.filters)
        BlockingThread.start("follow") { try? tailing.run() }
        defer { tailing.stop() }
        var turn = 0
        while true {
            // The list is short and on this machine; new containers are seen within a second.
            if turn % 10 == 0 { tailing.setSources(try sources()) }
            turn += 1
            for line in sink.take(milliseconds: 100) where isWanted(line.entry, matcher) {
                guard try body(line) else { return positions }
            }
            pause()
        }
    }

    private func sources() throws -> [TailSource] {
        let all = runtime.list().compactMap { TailSource($0) }
        let none = LogArchive(directory: "/nonexistent")
        let wanted = Set(
            try request.resolve(in: none, also: all.map(\.identity)).map(\.id))
        return all.filter { wanted.contains($0.identity.id) }
    }

    private func isWanted(_ entry: LogEntry, _ matcher: LineMatcher) -> Bool {
        let query = request.query
        guard entry.timestamp >= query.start, entry.timestamp <= query.end else { return false }
        if entry.isGap { return true }
        return (query.streams.isEmpty || query.streams.contains(entry.stream))
            && (query.levels.isEmpty || query.levels.contains(entry.level))
            && entry.bytes.withUnsafeBytes { matcher.matches($0) }
    }
}

/// Where the tailing thread leaves lines for the printing one; holds so many at most.
private final class LineSink: LogSink {
    private struct State {
        var lines: [LogLine] = []
        var checkpoints: [String: LogCheckpoint]
    }

    private let state: Mutex<State>
    private let wakeup = try? Wakeup()
    private static let limit = 100_000

    struct Full: Error {}

    init(_ checkpoints: [String: LogCheckpoint]) {
        state = Mutex(State(checkpoints: checkpoints))
    }

    func take(milliseconds: Int64) -> [LogLine] {
        _ = wakeup?.wait(milliseconds: milliseconds)
        return state.withLock { state in
            defer { state.lines = [] }
            return state.lines
        }
    }

    func checkpoint(of identity: LogIdentity) throws -> LogCheckpoint {
        state.withLock { $0.checkpoints[identity.id] ?? LogCheckpoint() }
    }

    func append(_ batch: borrowing LogBatch, of identity: LogIdentity) throws {
        var lines: [LogLine] = []
        var offset = 0
        for i in 0..<batch.items.count {
            let item = batch.items[i]
            let entry = LogEntry(
                timestamp: item.timestamp, stream: item.stream, level: item.level,
                isPartial: item.isPartial, isGap: item.isGap,
                bytes: Array(batch.text[offset..<(offset + item.length)]))
            offset += item.length
            lines.append(LogLine(entry, of: identity))
        }
        let checkpoint = batch.checkpoint
        try state.withLock { state in
            guard state.lines.count < Self.limit else { throw Full() }
            state.lines += lines
            state.checkpoints[identity.id] = checkpoint
        }
        wakeup?.wake()
    }

    func flush(_ identity: LogIdentity) throws {}
    func close(_ identity: LogIdentity) throws {}
}
