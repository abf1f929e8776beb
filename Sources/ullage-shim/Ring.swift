// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Mode `non-blocking`: records wait in memory for a thread that passes them on, and when there is
/// no room a new record is dropped and counted. The container never waits for a disk or a journal.
///
/// Holds at most `max-buffer-size` bytes of records with 24 bytes for each. As in Docker, a record
/// that is larger than that is taken when nothing else waits.
final class Ring {
    private let buffer: UnsafeMutablePointer<UInt8>
    private let capacity: Int
    private let limit: Int
    private var head = 0
    private var used = 0
    private var dropped: UInt64 = 0
    private var reopens = false
    private var looksAfterChildren = false
    private var ends = false
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let wake: UnsafeMutablePointer<pthread_cond_t>
    private var thread = pthread_t()

    private static let header = 24

    init(limit: Int) {
        self.limit = limit
        capacity = max(limit, Record.maxBytes + Self.header)
        buffer = .allocate(capacity: capacity)
        mutex = .allocate(capacity: 1)
        wake = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(wake, nil)
    }

    /// Starts the thread that empties the ring into `driver`, which is the thread's alone from now
    /// on. Whether that was possible.
    func start(_ driver: UnsafeMutablePointer<Driver>) -> Bool {
        let context = UnsafeMutablePointer<(ring: Ring, driver: UnsafeMutablePointer<Driver>)>
            .allocate(capacity: 1)
        context.initialize(to: (self, driver))
        let failure = pthread_create(
            &thread, nil,
            { argument in
                let context = argument?.assumingMemoryBound(
                    to: (ring: Ring, driver: UnsafeMutablePointer<Driver>).self)
                if let context { context.pointee.ring.work(context.pointee.driver) }
                return nil
            }, context)
        return failure == 0
    }

    /// Takes a copy of a record. False when there was no room.
    func push(_ record: Record) -> Bool {
        let need = Self.header + record.count
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard used == 0 || used + need <= limit else {
            dropped += 1
            return false
        }
        var words: (Int64, UInt64, UInt32, UInt32) = (
            record.time, UInt64(record.count), record.part,
            (record.isWhole ? 1 : 0) | (record.stream == .stderr ? 2 : 0)
        )
        withUnsafeBytes(of: &words) { if let base = $0.baseAddress { copyIn(base, Self.header) } }
        if record.count > 0 { copyIn(record.bytes, record.count) }
        if used == need { pthread_cond_signal(wake) }
        return true
    }

    func reopen() { tell { $0.reopens = true } }

    func lookAfterChildren() { tell { $0.looksAfterChildren = true } }

    /// Returns when everything was passed on.
    func end() {
        tell { $0.ends = true }
        pthread_join(thread, nil)
    }

    private func tell(_ change: (Ring) -> Void) {
        pthread_mutex_lock(mutex)
        change(self)
        pthread_cond_signal(wake)
        pthread_mutex_unlock(mutex)
    }

    /// The thread.
    private func work(_ driver: UnsafeMutablePointer<Driver>) {
        let scratch = UnsafeMutablePointer<UInt8>.allocate(capacity: Record.maxBytes)
        while true {
            pthread_mutex_lock(mutex)
            while used == 0, dropped == 0, !reopens, !looksAfterChildren, !ends {
                pthread_cond_wait(wake, mutex)
            }
            let record = pop(into: scratch)
            let isEmpty = used == 0
            // What was dropped is newer than all that waits, so it is told when that is written.
            let lost = isEmpty ? dropped : 0
            let mustReopen = reopens
            let mustLook = looksAfterChildren
            let mustEnd = ends && isEmpty
            if isEmpty { dropped = 0 }
            reopens = false
            looksAfterChildren = false
            pthread_mutex_unlock(mutex)

            if let record { driver.pointee.add(record) }
            if lost > 0 { driver.pointee.noteLoss(records: lost, bytes: 0) }
            if isEmpty { driver.pointee.flush() }
            if mustReopen { driver.pointee.reopen() }
            if mustLook { driver.pointee.collectCompressed(wait: false) }
            if mustEnd { return }
        }
    }

    private func pop(into scratch: UnsafeMutablePointer<UInt8>) -> Record? {
        guard used > 0 else { return nil }
        var words: (Int64, UInt64, UInt32, UInt32) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words) {
            if let base = $0.baseAddress { copyOut(base, Self.header) }
        }
        let count = Int(words.1)
        copyOut(scratch, count)
        return Record(
            bytes: UnsafePointer(scratch), count: count,
            stream: words.3 & 2 != 0 ? .stderr : .stdout,
            isWhole: words.3 & 1 != 0, part: words.2, time: words.0)
    }

    private func copyIn(_ source: UnsafeRawPointer, _ count: Int) {
        let tail = (head + used) % capacity
        let first = min(count, capacity - tail)
        memcpy(buffer + tail, source, first)
        memcpy(buffer, source + first, count - first)
        used += count
    }

    private func copyOut(_ target: UnsafeMutableRawPointer, _ count: Int) {
        let first = min(count, capacity - head)
        memcpy(target, buffer + head, first)
        memcpy(target + first, buffer, count - first)
        head = (head + count) % capacity
        used -= count
    }
}
