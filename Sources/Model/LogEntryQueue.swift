// SPDX-License-Identifier: Apache-2.0

/// Entries that were read and not taken yet, in order. Their bytes lie side by side, so that a line
/// costs no memory of its own.
public struct LogEntryQueue: Sendable {
    private struct Item {
        var timestamp: Int64
        var sequence: Int64
        var start: Int
        var length: Int
        var origin: Int
        var stream: LogStream
        var level: LogLevel
        var isPartial: Bool
        var isGap: Bool
    }

    private var items: [Item] = []
    private var text: [UInt8] = []
    private var next = 0

    /// Entries that were taken after which their memory is used again.
    private static let portion = 4096

    /// An empty queue.
    public init() {}

    /// How many entries there are.
    public var count: Int { items.count - next }

    /// Whether there is none.
    public var isEmpty: Bool { next >= items.count }

    /// Bytes of the entries' text.
    public var textBytes: Int { isEmpty ? 0 : text.count - items[next].start }

    /// When the first entry was written; nil when there is none.
    public var firstTime: Int64? { isEmpty ? nil : items[next].timestamp }

    /// Adds a copy of an entry.
    public mutating func append(_ view: LogEntryView) {
        items.append(
            Item(
                timestamp: view.timestamp, sequence: view.sequence, start: text.count,
                length: view.bytes.count, origin: view.origin, stream: view.stream,
                level: view.level, isPartial: view.isPartial, isGap: view.isGap))
        text.append(contentsOf: view.bytes)
    }

    /// Calls `body` with the first entry; there is one.
    public func withFirst(_ body: (LogEntryView) throws -> Void) rethrows {
        try text.withUnsafeBytes { try body(Self.view(items[next], $0)) }
    }

    /// Calls `body` with one entry after the other, as long as it says so.
    public func forEach(_ body: (LogEntryView) throws -> Bool) rethrows {
        try text.withUnsafeBytes { text in
            for index in next..<items.count {
                guard try body(Self.view(items[index], text)) else { return }
            }
        }
    }

    private static func view(_ item: Item, _ text: UnsafeRawBufferPointer) -> LogEntryView {
        LogEntryView(
            timestamp: item.timestamp, stream: item.stream, level: item.level,
            isPartial: item.isPartial, isGap: item.isGap, sequence: item.sequence,
            origin: item.origin,
            bytes: UnsafeRawBufferPointer(
                rebasing: text[item.start..<(item.start + item.length)]))
    }

    /// Takes so many entries away, of those that are there.
    public mutating func removeFirst(_ number: Int = 1) {
        next += number
        if next >= items.count { return removeAll() }
        guard next >= Self.portion, next * 2 >= items.count else { return }
        let gone = items[next].start
        items.removeFirst(next)
        text.removeFirst(gone)
        for index in items.indices { items[index].start -= gone }
        next = 0
    }

    /// Turns the order round, of entries of which none was taken.
    public mutating func reverse() { items.reverse() }

    /// Forgets all entries and keeps the memory.
    public mutating func removeAll() {
        items.removeAll(keepingCapacity: true)
        text.removeAll(keepingCapacity: true)
        next = 0
    }
}
