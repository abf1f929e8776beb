// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
import Synchronization

/// A thread of its own that calls back once every interval, aligned to multiples of it.
///
/// Kernel reads block, so they stay off the cooperative pool. A tick that takes longer than the
/// interval makes the ticks it covered be skipped and counted, never queued.
final class SamplingThread: Sendable {
    /// Called with the tick's wall-clock time in milliseconds.
    typealias Tick = @Sendable (Int64) -> Void

    private let interval: Atomic<Int64>
    private let skipped = Atomic<Int64>(0)
    private let stopping = Atomic<Bool>(false)
    private let wakeup: Wakeup
    private let tick: Tick

    /// Fails when the kernel has no descriptor left for the wake-up event.
    init(intervalMilliseconds: Int64, tick: @escaping Tick) throws(AgentError) {
        do { wakeup = try Wakeup() } catch {
            throw AgentError("cannot start sampling: no wake-up event (\(error))")
        }
        interval = Atomic(max(1, intervalMilliseconds))
        self.tick = tick
    }

    /// Ticks that were left out because the one before took too long.
    var skippedTicks: Int64 { skipped.load(ordering: .relaxed) }

    /// Changes the interval from the next tick on.
    func setInterval(milliseconds: Int64) {
        interval.store(max(1, milliseconds), ordering: .relaxed)
        wakeup.wake()
    }

    /// Runs ticks on a new thread; returns when the task is cancelled and the thread has ended.
    func run() async throws {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                start { continuation.resume() }
            }
        } onCancel: {
            stopping.store(true, ordering: .releasing)
            wakeup.wake()
        }
    }

    /// Starts the thread; `ended` is called on it as its last act, also when it cannot start.
    private func start(ended: @escaping @Sendable () -> Void) {
        final class Start {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        let start = Unmanaged.passRetained(
            Start {
                self.loop()
                ended()
            })
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                pthread_setname_np(pthread_self(), "sampler")
                guard let argument else { return nil }
                Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, start.toOpaque())
        guard code == 0 else {
            start.release()
            return ended()
        }
        pthread_detach(thread)
    }

    private func loop() {
        var due = Self.next(after: Clock.realtimeMilliseconds(), every: interval.load(ordering: .relaxed))
        while !stopping.load(ordering: .acquiring) {
            let every = interval.load(ordering: .relaxed)
            var now = Clock.realtimeMilliseconds()
            // The clock was set back, or the interval was shortened: do not wait for the old date.
            if due - now > every { due = Self.next(after: now, every: every) }
            if now < due {
                _ = wakeup.wait(milliseconds: due - now)
                continue
            }
            tick(due)
            now = Clock.realtimeMilliseconds()
            let next = due + every
            due = next > now ? next : Self.next(after: now, every: every)
            if due > next { skipped.add((due - next) / every, ordering: .relaxed) }
        }
    }

    private static func next(after now: Int64, every: Int64) -> Int64 {
        (now / every + 1) * every
    }
}
