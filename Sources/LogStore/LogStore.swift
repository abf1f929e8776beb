// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
public import Model
import Synchronization

/// The logs of all containers, in a directory: one directory for each container, in it segments
/// of compressed blocks and the open head. See `ContainerLog` for what a crash does.
///
/// The agent's tailers write; anybody who may read the files queries them through `LogArchive`,
/// without asking the agent. A directory has one writer, which the agent's lock sees to.
public final class LogStore: LogSink, Sendable {
    /// How much is kept, and in what portions.
    public struct Options: Sendable {
        /// How long lines are kept, in milliseconds.
        public var retention: Milliseconds = 30 * 86_400_000
        /// Bytes on disk of one container; the oldest segments go first.
        public var maxBytesPerLog = 1 << 30
        /// Bytes on disk of all containers.
        public var maxBytes = 8 << 30
        /// Bytes of text in a block.
        public var blockBytes = 512 << 10
        /// Bytes on disk of a segment.
        public var segmentBytes = 16 << 20
        /// Nanoseconds a segment may cover, so that age can be told from its name.
        public var segmentSpan: Int64 = 86_400_000_000_000
        /// Bytes of unfinished blocks in memory, above which the largest are written early.
        public var memoryBudget = 24 << 20
        /// Zstandard's level.
        public var compressionLevel: Int32 = 1

        /// The defaults.
        public init() {}
    }

    /// What writing needs, shared by all containers.
    struct Tools {
        let compressor: Compressor
        let filter: TokenFilter
    }

    private struct State: ~Copyable {
        let tools: Tools
        var logs: [String: ContainerLog] = [:]
        var statistics = Statistics()

        deinit { tools.filter.deallocate() }
    }

    /// What the store counts since it was opened.
    public struct Statistics: Hashable, Sendable {
        /// Entries taken.
        public var entries: UInt64 = 0
        /// Their bytes.
        public var bytes: UInt64 = 0
        /// Batches that could not be kept.
        public var errors: UInt64 = 0
        /// Entries that tell of missing lines.
        public var gaps: UInt64 = 0
        /// Segments removed because of age or size.
        public var removedSegments: UInt64 = 0
        /// Bytes of the logs on disk.
        public var bytesOnDisk: UInt64 = 0

        /// All zero.
        public init() {}
    }

    private let state: Mutex<State>
    /// Says that readers may find more.
    public let written = ChangeNotice()
    let path: String
    let options: Options
    /// When the newest entry of each sealed segment was written, by the segment's path.
    let newest = Mutex<[String: Int64]>([:])

    /// Opens the store in a directory, which is made.
    public init(directory: String, options: Options = Options()) throws(LogStoreError) {
        path = directory
        self.options = options
        guard mkdir(directory, 0o750) == 0 || errno == EEXIST else {
            throw .system("making", directory)
        }
        let tools = Tools(compressor: try Compressor(), filter: TokenFilter())
        state = Mutex(State(tools: tools))
    }

    /// The directory's name for an id: ids that are no plain word, or long, are hashed.
    static func directoryName(_ id: String) -> String {
        let isPlain = id.utf8.allSatisfy { TokenFilter.isWordByte($0) && $0 < 0x80 || $0 == 0x2d }
        if isPlain, !id.isEmpty, id.utf8.count <= 128 { return id }
        let hash = id.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) {
            ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3
        }
        return "x-" + String(hash, radix: 16)
    }

    /// See `LogSink`.
    public func checkpoint(of identity: LogIdentity) throws -> LogCheckpoint {
        try state.withLock { try log(identity, &$0).checkpoint }
    }

    /// See `LogSink`.
    public func append(_ batch: borrowing LogBatch, of identity: LogIdentity) throws {
        let (items, bytes) = (batch.items.count, batch.text.count)
        let gaps = batch.items.reduce(0) { $0 + ($1.isGap ? 1 : 0) }
        try state.withLock { state in
            do {
                try keepWithinBudget(&state)
                let log = try log(identity, &state)
                try log.append(batch, identity, state.tools)
            } catch {
                state.statistics.errors += 1
                throw error
            }
            state.statistics.entries += UInt64(items)
            state.statistics.bytes += UInt64(bytes)
            state.statistics.gaps += UInt64(gaps)
        }
    }

    /// See `LogSink`.
    public func flush(_ identity: LogIdentity) throws {
        try state.withLock { state in
            do { try state.logs[identity.id]?.flush(state.tools) } catch {
                state.statistics.errors += 1
                throw error
            }
        }
        written.note()
    }

    /// See `LogSink`.
    public func sync(_ identity: LogIdentity) throws {
        // The disk is waited for while others write.
        guard let log = state.withLock({ $0.logs[identity.id].map { ($0.directory, $0.files) } })
        else { return }
        for file in log.1 { try LogFile(path: file, flags: O_RDONLY).sync() }
        for directory in [log.0, path] { try LogFile.syncDirectory(directory) }
    }

    /// See `LogSink`.
    public func close(_ identity: LogIdentity) throws {
        try state.withLock { state in
            try state.logs[identity.id]?.writeBlock(state.tools)
            state.logs[identity.id] = nil
        }
        written.note()
    }

    /// Writes down everything that was taken.
    public func flush() throws {
        try state.withLock { state in
            for log in state.logs.values { try log.flush(state.tools) }
        }
    }

    /// What was counted.
    public func statistics() -> Statistics { state.withLock { $0.statistics } }

    private func log(
        _ identity: LogIdentity, _ state: inout State
    ) throws(LogStoreError) -> ContainerLog {
        if let known = state.logs[identity.id] { return known }
        let made = try ContainerLog(identity, parent: path, options: options)
        state.logs[identity.id] = made
        return made
    }

    /// Writes the largest unfinished blocks while all together take too much memory.
    private func keepWithinBudget(_ state: inout State) throws(LogStoreError) {
        guard state.logs.count > options.memoryBudget / (3 * options.blockBytes) else { return }
        while state.logs.values.reduce(0, { $0 + $1.memory }) > options.memoryBudget,
            let largest = state.logs.values.max(by: { $0.memory < $1.memory })
        {
            try largest.writeBlock(state.tools)
        }
    }

    /// Runs `body` with the log that is open in a directory, if one is, while nobody writes.
    func withOpenLog<Result: Sendable>(
        in directory: String, _ body: @Sendable (ContainerLog?, inout Statistics) -> Result
    ) -> Result {
        state.withLock { state in
            let log = state.logs.values.first { $0.directory == directory }
            return body(log, &state.statistics)
        }
    }
}
