// SPDX-License-Identifier: Apache-2.0

import Logs
import Model
import Pipeline

/// What a container's log file has after what is stored of it.
final class FileRest {
    /// Whose it is.
    let source: TailSource
    /// Where reading goes on after the lines given.
    private(set) var checkpoint: LogCheckpoint
    private let tailer: FileTailer
    /// Whether a line that has begun is given without its end, when there is no more.
    private let endsLines: Bool
    private let pipeline: LinePipeline?
    private var batch = LogBatch()
    private var item = 0
    private var offset = 0
    private var isOver = false

    init(
        _ source: TailSource, from checkpoint: LogCheckpoint, endsLines: Bool,
        pipeline: LinePipeline?
    ) {
        self.source = source
        self.checkpoint = checkpoint
        self.endsLines = endsLines
        tailer = FileTailer(
            path: source.path, format: source.format, checkpoint: checkpoint,
            transform: pipeline)
        self.pipeline = pipeline
    }

    /// The next line. A file that cannot be opened has none.
    func next() -> LogEntry? {
        while item >= batch.items.count {
            guard !isOver else { return nil }
            (item, offset) = (0, 0)
            batch.removeAll()
            let more = (try? tailer.read(into: &batch, quota: 1 << 20)) ?? false
            if !more {
                isOver = true
                if endsLines { tailer.endUnfinished(into: &batch) }
            }
            if !batch.isEmpty { checkpoint = batch.checkpoint }
            if let pipeline {
                var made = LogBatch()
                pipeline.apply(batch, into: &made)
                batch = made
            }
        }
        let item = batch.items[item]
        self.item += 1
        defer { offset += item.length }
        return LogEntry(
            timestamp: item.timestamp, stream: item.stream, level: item.level,
            isPartial: item.isPartial, isGap: item.isGap,
            bytes: Array(batch.text[offset..<(offset + item.length)]))
    }
}
