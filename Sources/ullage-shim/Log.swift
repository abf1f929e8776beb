// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The log driver of a container: what becomes of its records.
struct Driver {
    private var file: JSONLog?
    private var journal: JournalLog?
    private let counters: Counters
    /// Bytes of the outputs whose records are with the driver but perhaps not written.
    private var taken: (stdout: UInt64, stderr: UInt64) = (0, 0)

    init(_ spec: Spec, counters: Counters) {
        self.counters = counters
        let name = spec.value("log-driver")
        if Text.equal(name, "journald") {
            journal = JournalLog(spec, counters: counters)
        } else if !Text.equal(name, "none") {
            file = JSONLog(spec, counters: counters)
        }
    }

    mutating func add(_ record: Record) {
        let bytes = UInt64(record.count + (record.isWhole ? 1 : 0))
        if record.stream == .stdout { taken.stdout += bytes } else { taken.stderr += bytes }
        file?.add(record)
        journal?.add(record)
    }

    /// Passes on what is held back for a batch.
    mutating func flush() {
        file?.flush()
        counters.addSettled(bytes: taken.stdout, stream: .stdout)
        counters.addSettled(bytes: taken.stderr, stream: .stderr)
        taken = (0, 0)
    }

    /// Says in the log that something is missing.
    mutating func noteLoss(records: UInt64, bytes: UInt64) {
        file?.noteLoss(records: records, bytes: bytes)
        journal?.noteLoss(records: records, bytes: bytes)
    }

    mutating func reopen() {
        file?.reopen()
        journal?.reopen()
    }

    mutating func collectCompressed(wait: Bool) { file?.collectCompressed(wait: wait) }

    /// Waits for files being compressed, at the end of all.
    mutating func finish() {
        flush()
        while file.map({ $0.compressor.child > 0 }) ?? false { file?.collectCompressed(wait: true) }
    }
}

/// The way of records to the driver: at once in mode `blocking`, where a slow disk slows down the
/// container, or through a `Ring` in mode `non-blocking`.
struct Log {
    let counters: Counters
    private let driver: UnsafeMutablePointer<Driver>
    private let ring: Ring?

    /// With `isNew` the container is about to start; otherwise another shim was killed, and what it
    /// had not written is noted in the log, with `lost` bytes more.
    init(_ spec: Spec, isNew: Bool, lost more: UInt64) {
        counters = Counters(path: "log.counters", isNew: isNew)
        driver = .allocate(capacity: 1)
        driver.initialize(to: Driver(spec, counters: counters))
        let lost = isNew ? 0 : counters.takeUnsettled() + more
        if lost > 0 { driver.pointee.noteLoss(records: 0, bytes: lost) }
        let size = atol(spec.value("log-buffer"))
        ring = size > 0 ? Ring(limit: size) : nil
    }

    /// Begins work; after the container was started, because that forks.
    func start() {
        if let ring, !ring.start(driver) {
            Message.standardError("cannot start the thread of the non-blocking mode\n")
            exit(70)
        }
    }

    func add(_ record: Record) {
        guard let ring else { return driver.pointee.add(record) }
        guard !ring.push(record) else { return }
        counters.addDropped(1)
        counters.addSettled(
            bytes: UInt64(record.count + (record.isWhole ? 1 : 0)), stream: record.stream)
    }

    /// Writes what was added, after each read of the outputs.
    func flush() { if ring == nil { driver.pointee.flush() } }

    /// SIGUSR1.
    func reopen() {
        guard let ring else { return driver.pointee.reopen() }
        ring.reopen()
    }

    /// A child of the shim has ended.
    func childHasEnded() {
        guard let ring else { return driver.pointee.collectCompressed(wait: false) }
        ring.lookAfterChildren()
    }

    /// Writes what is left.
    func end() {
        ring?.end()
        driver.pointee.finish()
    }
}
