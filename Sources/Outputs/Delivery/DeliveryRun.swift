// SPDX-License-Identifier: Apache-2.0

import Linux
import Model
import Synchronization

/// The loop of a delivery's thread, and what only that thread uses.
final class DeliveryRun {
    private let delivery: Delivery
    private let cursor: CursorFile
    private let letters: DeadLetters
    private var limits: BatchLimits
    private var backoff: Backoff
    private var throttle: Throttle
    private var random = SystemRandomNumberGenerator()
    private var savedCursor = ""
    private var backlogLooked: UInt64 = 0

    private static let backlogPeriod: UInt64 = 2_000_000_000
    /// How long a source that tells its news is left alone.
    private static let longestSleep: Milliseconds = 10_000

    init(_ delivery: Delivery) {
        self.delivery = delivery
        let options = delivery.options
        cursor = CursorFile(path: delivery.directory + "/cursor")
        letters = DeadLetters(
            path: delivery.directory + "/dead-letters.jsonl", limit: options.deadLetterBytes)
        limits = options.batch
        backoff = Backoff(first: options.firstBackoff, longest: options.longestBackoff)
        throttle = Throttle(rate: options.bandwidth)
    }

    func run(_ make: (String?) throws -> any ParcelSource) {
        guard let source = open(make) else { return }
        while !delivery.isStopping {
            do {
                try seek(source)
                try look(at: source)
                let seen = delivery.news?.count
                let parcels = try nextParcels(source)
                guard !parcels.isEmpty else {
                    idle(source, seen: seen)
                    continue
                }
                send(parcels, source)
            } catch {
                delivery.report("cannot read the store: \(error)")
                pause(backoff.next(asked: nil, using: &random))
            }
        }
    }

    /// The source at the place that was saved; tries until the thread is to end.
    private func open(_ make: (String?) throws -> any ParcelSource) -> (any ParcelSource)? {
        while !delivery.isStopping {
            do {
                let saved = try loadCursor()
                let source = try make(saved)
                savedCursor = saved ?? ""
                save(source.cursor)
                backoff.reset()
                return source
            } catch {
                delivery.report("\(error)")
                pause(backoff.next(asked: nil, using: &random))
            }
        }
        return nil
    }

    /// A damaged cursor is put aside, and everything the store has is sent again.
    private func loadCursor() throws(ShipError) -> String? {
        do { return try cursor.load() } catch {
            guard error.description.hasSuffix("is damaged") else { throw error }
            let other = try cursor.setAside()
            delivery.report("\(error), kept as \(other); everything stored is sent again")
            return ""
        }
    }

    /// The next batch; one that is not full waits once for what else comes.
    private func nextParcels(_ source: any ParcelSource) throws -> [Parcel] {
        let parcels = try source.next(limits)
        guard let newest = parcels.map(\.newest).max() else { return [] }
        let isFlushing = delivery.requests.withLock { $0.isFlushing }
        let age = Clock.realtimeMilliseconds() - newest
        guard !parcels.contains(where: \.isFull), !isFlushing, limits.age > 0, age < limits.age
        else { return parcels }
        pause(limits.age - max(0, age))
        return delivery.isStopping ? [] : try source.next(limits)
    }

    /// Sends until the sink has taken each parcel or never will, or others are to be made of the batch.
    private func send(_ parcels: [Parcel], _ source: any ParcelSource) {
        var waiting = parcels
        while !delivery.isStopping, delivery.requests.withLock({ $0.seek == nil }) {
            let bytes = waiting.reduce(0) { $0 + $1.body.count }
            pause(throttle.take(bytes, now: Self.now))
            guard !delivery.isStopping else { return }
            set(.sending)
            let answered = Array(zip(waiting, delivery.carrier.carry(waiting)))
            for (parcel, verdict) in answered { note(verdict, parcel) }
            // Before anything is put aside: what is made anew is sent again, refused or not.
            if mustBeMadeAnew(answered, source) { return }
            waiting = answered.filter { !settle($0.1, $0.0, source) }.map(\.0)
            guard !waiting.isEmpty else { return acknowledge(source) }
            let asked = answered.compactMap { $0.1.asked }.max()
            wait(backoff.next(asked: asked, using: &random))
            if lagIsExceeded(source) { return }
        }
    }

    /// Whether the sink wants the batch in another form, which it gets from now on.
    private func mustBeMadeAnew(
        _ answered: [(Parcel, Verdict)], _ source: any ParcelSource
    ) -> Bool {
        var isOther = false
        for case (let parcel, .tooLarge(let reason)) in answered where parcel.records > 1 {
            limits.records = min(limits.records, max(1, parcel.records / 2))
            delivery.report("\(reason); sending at most \(limits.records) records at once")
            isOther = true
        }
        // Several parts may say so; the source falls back once.
        for case (_, .unsupported(let reason)) in answered {
            guard source.fallBack() else { break }
            delivery.report("\(reason); using an older version of the protocol")
            return true
        }
        return isOther
    }

    /// Whether a parcel is done with: the sink has taken it, or never will.
    private func settle(
        _ verdict: Verdict, _ parcel: Parcel, _ source: any ParcelSource
    ) -> Bool {
        switch verdict {
        case .accepted: break
        case .partly(let rejected, let reason):
            delivery.report("\(rejected) of \(parcel.records) records refused: \(reason)")
        case .retry(let reason, _):
            delivery.report(reason)
            return false
        case .tooLarge(let reason), .unsupported(let reason), .refused(let reason):
            park(parcel, source, reason)
        }
        return true
    }

    private func acknowledge(_ source: any ParcelSource) {
        source.acknowledge()
        backoff.reset()
        save(source.cursor)
        if source.takeGap() { delivery.status.withLock { $0.gaps += 1 } }
        // A limit that a sink once set is tried again, a tenth more at a time.
        if limits.records < delivery.options.batch.records {
            limits.records = min(
                delivery.options.batch.records, limits.records + limits.records / 10 + 1)
        }
    }

    /// Keeps what the sink refused where people find it.
    private func park(_ parcel: Parcel, _ source: any ParcelSource, _ reason: String) {
        delivery.report("\(parcel.records) records refused: \(reason)")
        delivery.status.withLock { $0.refused += Int64(parcel.records) }
        do {
            try letters.park(source.describe(parcel), count: parcel.records, reason: reason)
        } catch { delivery.report("\(error)") }
    }

    /// Brings the cursor to the disk; nothing more is sent until it is there.
    private func save(_ text: String) {
        guard text != savedCursor else { return }
        var backoff = Backoff(first: 200, longest: 10_000)
        while true {
            do {
                try cursor.save(text)
                savedCursor = text
                delivery.status.withLock { $0.cursor = text }
                return
            } catch {
                delivery.report("\(error)")
                guard !delivery.isStopping else { return }
                wait(backoff.next(asked: nil, using: &random))
            }
        }
    }

    private func idle(_ source: any ParcelSource, seen: UInt64?) {
        set(.idle)
        // What is not wanted moves the cursor too.
        save(source.cursor)
        delivery.requests.withLock { $0.isFlushing = false }
        let began = Clock.realtimeMilliseconds()
        if let seen, let news = delivery.news {
            delivery.isWaiting.store(true, ordering: .sequentiallyConsistent)
            if news.count == seen { pause(Self.longestSleep) }
            delivery.isWaiting.store(false, ordering: .sequentiallyConsistent)
        }
        // Each look costs something, however little there is to find.
        guard !delivery.requests.withLock({ $0.isUrgent }) else { return }
        let waited = Clock.realtimeMilliseconds() - began
        pause(min(delivery.options.poll, delivery.options.poll - waited))
    }

    private func seek(_ source: any ParcelSource) throws {
        guard let time = delivery.requests.withLock({ $0.seek }) else { return }
        try source.seek(to: time)
        save(source.cursor)
        delivery.requests.withLock { $0.seek = nil }
    }

    /// Skips the oldest when more waits than may; whether anything was skipped.
    private func lagIsExceeded(_ source: any ParcelSource) -> Bool {
        do {
            let before = source.cursor
            try look(at: source)
            return source.cursor != before
        } catch { return false }
    }

    private func look(at source: any ParcelSource) throws {
        let now = Self.now
        guard now - backlogLooked >= Self.backlogPeriod || backlogLooked == 0 else { return }
        backlogLooked = now
        var backlog = try source.backlog()
        backlog = try LagQuota(delivery.options).enforce(source, backlog) { records, reason in
            delivery.status.withLock { $0.skipped[reason, default: 0] += records }
            delivery.report("\(records) records skipped: \(reason)")
        }
        save(source.cursor)
        delivery.status.withLock { $0.backlog = backlog }
    }

    private func note(_ verdict: Verdict, _ parcel: Parcel) {
        delivery.status.withLock { status in
            status.attempts[verdict.name, default: 0] += 1
            switch verdict {
            case .accepted, .partly:
                var rejected = 0
                if case .partly(let count, _) = verdict { rejected = min(count, parcel.records) }
                status.records += Int64(parcel.records - rejected)
                status.refused += Int64(rejected)
                status.rawBytes += Int64(parcel.rawBytes)
                status.bytes += Int64(parcel.body.count)
                status.lastSuccessAt = Clock.realtimeMilliseconds()
                status.retryAt = nil
            default: break
            }
        }
    }

    private func set(_ activity: SinkStatus.Activity) {
        delivery.status.withLock { $0.activity = activity }
    }

    /// Waits before another attempt.
    private func wait(_ milliseconds: Milliseconds) {
        delivery.status.withLock {
            $0.activity = .waiting
            $0.retryAt = Clock.realtimeMilliseconds() + milliseconds
        }
        pause(milliseconds)
        delivery.status.withLock { $0.retryAt = nil }
    }

    /// Waits, shorter when something is asked of the thread.
    private func pause(_ milliseconds: Milliseconds) {
        guard milliseconds > 0 else { return }
        _ = delivery.wakeup.wait(milliseconds: milliseconds)
    }

    private static var now: UInt64 { UInt64(Clock.monotonicNanoseconds()) }
}

/// How much may wait for a sink.
struct LagQuota {
    private let age: Milliseconds
    private let bytes: Int64

    init(_ options: DeliveryOptions) {
        age = options.maxLagAge
        bytes = options.maxLagBytes
    }

    /// Skips the oldest until no more waits than may, and says of how many records and why.
    func enforce(
        _ source: any ParcelSource, _ backlog: Backlog, skipped: (Int64, String) -> Void
    ) throws -> Backlog {
        guard let oldest = backlog.oldest else { return backlog }
        var backlog = backlog
        let now = Clock.realtimeMilliseconds()
        if age > 0, now - oldest > age {
            let before = backlog.records
            try source.seek(to: now - age)
            backlog = try source.backlog()
            skipped(max(0, before - backlog.records), "older than max_lag_age")
        }
        guard bytes > 0, backlog.bytes > bytes, var from = backlog.oldest else { return backlog }
        let before = backlog.records
        // Halves the time that waits until little enough does.
        for _ in 0..<20 where backlog.bytes > bytes {
            from += max(1, (now - from) / 2)
            try source.seek(to: from)
            backlog = try source.backlog()
        }
        skipped(max(0, before - backlog.records), "more than max_lag_bytes")
        return backlog
    }
}
