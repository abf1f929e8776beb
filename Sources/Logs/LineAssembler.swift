// SPDX-License-Identifier: Apache-2.0

import Model

/// Makes entries of the records of one log: puts the pieces of a long line together, and the lines
/// that a transform says are one entry.
struct LineAssembler {
    /// What a record is beside its text.
    struct Piece {
        /// Nanoseconds since the epoch.
        var timestamp: Int64
        /// Which output it was written to.
        var stream: LogStream
        /// Whether the line goes on in the next record of its stream.
        var isPartial: Bool
        /// How serious its writer says it is; nil when its text has to say.
        var level: LogLevel?
        /// Where it stands in what is read: a log's file, or the journal.
        var place: Int
    }

    /// A line of which only the beginning has come, or whose next line may belong to it.
    private struct Unfinished {
        var bytes: [UInt8] = []
        var timestamp: Int64 = 0
        var level: LogLevel?
        var start = 0
        var isActive = false
        /// Whether its last line has come, so that it waits only for lines that belong to it.
        var isWhole = false
        var lines = 0
    }

    /// Bytes of a line that are one entry at most.
    static let maxLine = 1 << 20
    /// Lines put together to one entry at most.
    private static let maxJoined = 1000

    /// Says which lines belong together; nil when each is an entry.
    private let joiner: (any LogTransform)?
    private var unfinished = [Unfinished(), Unfinished()]

    init(_ transform: (any LogTransform)?) {
        joiner = transform?.joinsLines == true ? transform : nil
    }

    /// Whether a line waits for its end.
    var hasUnfinished: Bool { unfinished[0].isActive || unfinished[1].isActive }

    /// Where the line begins that waits in a stream; nil when none does.
    func start(of stream: LogStream) -> Int? {
        let line = unfinished[Self.index(stream)]
        return line.isActive ? line.start : nil
    }

    /// Takes a record and adds what is complete to `batch`.
    mutating func add(
        _ text: UnsafeRawBufferPointer, _ piece: Piece, into batch: inout LogBatch
    ) {
        let stream = Self.index(piece.stream)
        if let joiner { return join(joiner, text, piece, stream, &batch) }
        if !piece.isPartial, !unfinished[stream].isActive {
            batch.append(
                text, timestamp: piece.timestamp, stream: piece.stream,
                level: piece.level ?? LevelDetector.level(of: text))
            return
        }
        extend(stream, text, piece)
        if !piece.isPartial {
            emit(stream, false, &batch)
        } else if unfinished[stream].bytes.count >= Self.maxLine {
            emit(stream, true, &batch)
        }
    }

    /// Adds what waits, as partial entries where a line's end has not come.
    mutating func end(into batch: inout LogBatch) {
        for i in unfinished.indices where unfinished[i].isActive { emit(i, true, &batch) }
    }

    private mutating func extend(_ stream: Int, _ text: UnsafeRawBufferPointer, _ piece: Piece) {
        if !unfinished[stream].isActive {
            unfinished[stream].timestamp = piece.timestamp
            unfinished[stream].level = piece.level
            unfinished[stream].start = piece.place
            unfinished[stream].isActive = true
        }
        unfinished[stream].bytes.append(contentsOf: text)
    }

    /// Lines of one entry: each is held until the next of its stream says that it begins another.
    private mutating func join(
        _ joiner: any LogTransform, _ text: UnsafeRawBufferPointer, _ piece: Piece, _ stream: Int,
        _ batch: inout LogBatch
    ) {
        if unfinished[stream].isWhole {
            if joiner.continues(text, piece.stream), unfinished[stream].lines < Self.maxJoined,
                unfinished[stream].bytes.count + text.count < Self.maxLine
            {
                unfinished[stream].bytes.append(0x0a)
            } else {
                emit(stream, false, &batch)
            }
        } else if !unfinished[stream].isActive {
            // It begins an entry whatever it is; the transform has to see each line.
            _ = joiner.continues(text, piece.stream)
        }
        extend(stream, text, piece)
        unfinished[stream].isWhole = !piece.isPartial
        unfinished[stream].lines += 1
        if piece.isPartial, unfinished[stream].bytes.count >= Self.maxLine {
            emit(stream, true, &batch)
        }
    }

    private mutating func emit(_ stream: Int, _ isPartial: Bool, _ batch: inout LogBatch) {
        let line = unfinished[stream]
        unfinished[stream] = Unfinished()
        line.bytes.withUnsafeBytes {
            batch.append(
                $0, timestamp: line.timestamp, stream: stream == 1 ? .stderr : .stdout,
                level: line.level ?? LevelDetector.level(of: $0),
                isPartial: isPartial && !line.isWhole)
        }
    }

    private static func index(_ stream: LogStream) -> Int { stream == .stderr ? 1 : 0 }
}
