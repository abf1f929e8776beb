// SPDX-License-Identifier: Apache-2.0

import Model

/// One log whose entries are in the journal, as the reading thread knows it.
///
/// Its checkpoint has the number of the entry stored last in place of an offset, the number's source
/// in place of the file, and when journald took the entry in place of the checksum.
final class JournaledLog {
    var identity: LogIdentity
    /// What was read and is not stored.
    private(set) var batch = LogBatch()
    /// Since when a line waits for its end, in monotonic nanoseconds; 0 when none does.
    var lineSince: Int64 = 0
    /// When an entry of it was read last, in monotonic nanoseconds.
    var lastRead: Int64 = 0
    /// The entry before the oldest that waits, from which reading goes on after a restart.
    private(set) var heldCursor = ""
    /// What it had since it was found.
    private(set) var counters = LogCounters()
    private let transform: (any LogTransform)?
    private var assembler: LineAssembler
    private var known: LogCheckpoint
    /// The first entry of each output that is not stored, after a restart.
    private var skip: (source: UInt64, stdout: UInt64, stderr: UInt64, time: UInt64)
    private var last: (epoch: [UInt8], ordinal: UInt64) = ([], 0)
    private var lastTime: Int64
    /// Said before the next line, if there was one before.
    private var pendingGap: String?

    init(_ identity: LogIdentity, _ checkpoint: LogCheckpoint, _ transform: (any LogTransform)?) {
        self.identity = identity
        self.transform = transform
        assembler = LineAssembler(transform)
        known = checkpoint
        lastTime = checkpoint.time
        skip = (
            checkpoint.inode, checkpoint.stdoutOffset, checkpoint.stderrOffset, checkpoint.headHash
        )
    }

    var hasUnfinished: Bool { assembler.hasUnfinished }

    /// The number of the oldest entry that waits for more; nil when none does.
    var firstHeld: Int? {
        [assembler.start(of: .stdout), assembler.start(of: .stderr)].compactMap(\.self).min()
    }

    /// Says that entries of the journal are gone, if this log is older than they are.
    func noteLoss(_ text: String) { if !known.isEmpty { pendingGap = text } }

    /// Takes an entry; `before` is the cursor of the one before it in the journal.
    func take(_ entry: JournalEntry, isContainer: Bool, before: String) {
        let (stream, level) = Self.meaning(of: entry, isContainer)
        guard !isStored(entry.position, stream) else { return noteOrdinal(entry, nil) }
        let time = Self.time(of: entry, isContainer)
        lastTime = max(lastTime, time)
        if let gap = pendingGap {
            pendingGap = nil
            addGap(gap, time)
        }
        noteOrdinal(entry, time)
        if let count = JournalOwners.suppressed(entry) {
            addGap("journald left out \(count) entries: its rate limit was exceeded", time)
        } else {
            if !assembler.hasUnfinished { heldCursor = before }
            let piece = LineAssembler.Piece(
                timestamp: time, stream: stream, isPartial: entry.has(.partial, "true"),
                level: level, place: Int(clamping: entry.position.number))
            entry.withMessage {
                // conmon leaves a line its newline.
                let isEnded = isContainer && !piece.isPartial && $0.last == 0x0a
                let line = isEnded ? UnsafeRawBufferPointer(rebasing: $0.dropLast()) : $0
                assembler.add(line, piece, into: &batch)
            }
        }
        known.inode = entry.position.source
        known.headHash = entry.microseconds
        finish(entry.position.number + 1)
    }

    /// Adds a line that waits without its end.
    func endUnfinished() {
        let next = max(known.stdoutOffset, known.stderrOffset, nextNumber)
        assembler.end(into: &batch)
        finish(next)
    }

    private var nextNumber: UInt64 = 0

    private func finish(_ next: UInt64) {
        nextNumber = next
        known.stdoutOffset = assembler.start(of: .stdout).map { UInt64($0) } ?? next
        known.stderrOffset = assembler.start(of: .stderr).map { UInt64($0) } ?? next
        known.time = lastTime
        batch.checkpoint = known
    }

    /// Gives what was read to a sink. When that throws, nothing of it was taken.
    func deliver(to sink: any LogSink) throws {
        guard !batch.isEmpty else { return }
        var made = batch
        if let transform {
            made = LogBatch()
            transform.apply(batch, into: &made)
        }
        batch.removeAll()
        guard !made.isEmpty else { return }
        try sink.append(made, of: identity)
        counters.add(made)
    }

    private func isStored(_ position: JournalPosition, _ stream: LogStream) -> Bool {
        guard skip.source != 0 else { return false }
        guard position.source == skip.source else { return position.microseconds < skip.time }
        return position.number < (stream == .stderr ? skip.stderr : skip.stdout)
    }

    /// A container's entries are numbered by who wrote them: what is missing is known exactly.
    private func noteOrdinal(_ entry: JournalEntry, _ time: Int64?) {
        guard let ordinal = entry.number(.ordinal), let epoch = entry.bytes(.epoch) else { return }
        if let time, last.epoch == epoch, ordinal > last.ordinal + 1 {
            addGap("\(ordinal - last.ordinal - 1) records did not reach the journal", time)
        }
        last = (epoch, ordinal)
    }

    private func addGap(_ text: String, _ time: Int64) {
        var text = text
        text.withUTF8 {
            batch.append(.init($0), timestamp: time, stream: .stderr, level: .unknown, isGap: true)
        }
    }

    /// For Docker and Podman the priority tells the output: 6 is stdout, 3 is stderr. What else there
    /// is, and what units have, is how serious the entry is; programs that just print have 6 too.
    private static func meaning(
        of entry: JournalEntry, _ isContainer: Bool
    ) -> (stream: LogStream, level: LogLevel?) {
        let priority = entry.number(.priority) ?? 6
        if isContainer, priority == 6 || priority == 3 {
            return (priority == 3 ? .stderr : .stdout, nil)
        }
        let stream = isContainer && priority < 3 ? LogStream.stderr : .stdout
        guard priority == 6 else { return (stream, JournalEntry.level(priority: priority)) }
        let detected = entry.withMessage { LevelDetector.level(of: $0) }
        return (stream, detected == .unknown ? .info : detected)
    }

    /// When the engine read the line, which is finer than when journald took it.
    private static func time(of entry: JournalEntry, _ isContainer: Bool) -> Int64 {
        if isContainer, let text = entry.text(.time), let time = TimeExpression.rfc3339(text) {
            return time
        }
        return Int64(clamping: entry.microseconds).multipliedReportingOverflow(by: 1000)
            .partialValue
    }
}

extension JournalEntry {
    /// Runs `body` on the message.
    func withMessage<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        (bytes(.message) ?? []).withUnsafeBytes(body)
    }
}
