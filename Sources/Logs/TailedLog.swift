// SPDX-License-Identifier: Apache-2.0

import Model

/// One log as the tailing thread knows it.
final class TailedLog {
    var source: TailSource
    /// Whether it waits for its turn.
    var isQueued = false
    /// Whether events tell when it changes.
    var isWatched = false
    /// Whether nobody asks for it any more: it is read to its end and then forgotten.
    var isGone = false
    /// When it was read last, in monotonic nanoseconds.
    var lastRead: Int64 = 0
    /// Since when a line has begun and not ended; 0 when none has.
    var lineSince: Int64 = 0
    /// What it had since it was found.
    private(set) var counters = LogCounters()
    private var tailer: FileTailer?
    private var transform: (any LogTransform)?
    private var transformed = LogBatch()
    private var counted = FileTailer.Statistics()

    init(_ source: TailSource) { self.source = source }

    /// The tailer, which goes on where the sink's knowledge ends.
    func opened(
        _ sink: any LogSink, _ buffer: TailBuffer,
        _ makeTransform: (LogIdentity) -> (any LogTransform)?
    ) throws -> FileTailer {
        if let tailer { return tailer }
        transform = makeTransform(source.identity)
        let made = FileTailer(
            path: source.path, format: source.format,
            checkpoint: try sink.checkpoint(of: source.identity), buffer: buffer,
            transform: transform)
        tailer = made
        return made
    }

    /// Does to a batch what the configuration says.
    func transform(_ batch: inout LogBatch) {
        guard let transform, !batch.isEmpty else { return }
        transformed.removeAll()
        transform.apply(batch, into: &transformed)
        swap(&batch, &transformed)
        transformed = LogBatch()
    }

    /// Gives back the file and all that was read and not stored.
    func close() {
        pending = takeStatistics()
        counted = FileTailer.Statistics()
        tailer = nil
    }

    private var pending = FileTailer.Statistics()

    /// What the tailer has met since the last call.
    func takeStatistics() -> FileTailer.Statistics {
        var new = pending
        pending = FileTailer.Statistics()
        guard let now = tailer?.statistics else { return new }
        new.rotations += now.rotations - counted.rotations
        new.truncations += now.truncations - counted.truncations
        new.damagedBytes += now.damagedBytes - counted.damagedBytes
        new.losses += now.losses - counted.losses
        counted = now
        return new
    }

    /// Counts entries that were stored.
    func count(_ batch: borrowing LogBatch) { counters.add(batch) }
}

extension LogCounters {
    /// Counts the entries of a batch.
    mutating func add(_ batch: borrowing LogBatch) {
        for i in 0..<batch.items.count {
            let item = batch.items[i]
            if item.isGap {
                droppedRecords += 1
            } else if item.stream == .stderr {
                stderrLines += item.isPartial ? 0 : 1
                stderrBytes += UInt64(item.length)
            } else {
                stdoutLines += item.isPartial ? 0 : 1
                stdoutBytes += UInt64(item.length)
            }
        }
    }
}
