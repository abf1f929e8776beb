// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
public import Model

/// Finds the containers of the embedded runtime by watching their directories (inotify). Needs no
/// root: configuration and state are readable by all.
public struct EmbeddedDiscoverer: Discoverer {
    private let runtime: Runtime
    private let tookOver: (@Sendable (Takeover) -> Void)?

    /// Watches the containers of `runtime`. With `tookOver`, and as root, it also gives each
    /// container whose shim is killed a new one, at once, and says so.
    public init(runtime: Runtime, tookOver: (@Sendable (Takeover) -> Void)? = nil) {
        self.runtime = runtime
        self.tookOver = geteuid() == 0 ? tookOver : nil
    }

    /// See `Discoverer`.
    public var engine: Container.Engine { .embedded }

    /// See `Discoverer`. The list is also looked at every ten seconds, for what makes no event: a
    /// process that died together with its shim.
    public func run(deliver: @escaping @Sendable ([Container]) -> Void) async throws {
        let wakeup = try Wakeup()
        let runtime = runtime
        let tookOver = tookOver
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation {
                (done: CheckedContinuation<Void, any Error>) in
                BlockingThread.start("discovery") {
                    done.resume(with: Result { try Self.watch(runtime, wakeup, tookOver, deliver) })
                }
            }
        } onCancel: {
            wakeup.wake()
        }
    }

    private static func watch(
        _ runtime: Runtime, _ wakeup: Wakeup, _ tookOver: ((Takeover) -> Void)?,
        _ deliver: ([Container]) -> Void
    ) throws {
        try FileTree.makeDirectories(runtime.containersPath, mode: 0o755)
        let inotify = try Inotify()
        let interesting = Int32(IN_CREATE) | Int32(IN_DELETE) | Int32(IN_MOVED_TO)
        // A shim holds its lock file open for as long as it lives.
        let shimEnds = tookOver == nil ? 0 : Int32(IN_CLOSE_WRITE)
        let outputs = HeldOutputs(runtime: runtime)
        _ = try inotify.watch(runtime.containersPath, interesting)
        var watched: Set<String> = []
        let cache = ContainerCache(runtime)
        var last: [Container]?
        while true {
            let present = Set(runtime.directories().map(\.id))
            for id in present.subtracting(watched) {
                // A directory that vanished in between makes an event of its own.
                if (try? inotify.watch(runtime.containersPath + "/" + id, interesting | shimEnds))
                    != nil
                {
                    watched.insert(id)
                }
            }
            watched.formIntersection(present)
            var listed = cache.list()
            if let tookOver {
                outputs.update(listed)
                let takeover = runtime.takeOver(listed, outputs)
                if !takeover.taken.isEmpty || !takeover.failed.isEmpty {
                    tookOver(takeover)
                    listed = cache.list()
                }
            }
            let list = listed.map(\.container)
            if list != last { deliver(list) }
            last = list
            if try waitForChange(inotify, wakeup) { return }
        }
    }

    /// Waits until something has happened that is not just a log file rotating, at most ten
    /// seconds; whether the watch is to end.
    private static func waitForChange(
        _ inotify: borrowing Inotify, _ wakeup: Wakeup
    ) throws -> Bool {
        let deadline = Clock.monotonicNanoseconds() + 10_000_000_000
        while true {
            let left = (deadline - Clock.monotonicNanoseconds()) / 1_000_000
            if left <= 0 { return false }
            if wakeup.wait(with: inotify.descriptor.raw, milliseconds: left) { return true }
            var isChange = false
            inotify.drain { event in
                isChange = isChange || event.overflowed || !isLogFile(event.name)
            }
            if isChange { return false }
        }
    }

    /// Whether a name is that of a log file, its older ones, or one being made.
    private static func isLogFile(_ name: UnsafeRawBufferPointer) -> Bool {
        let suffix = "-json.log"
        guard name.count >= 64 + suffix.utf8.count else { return false }
        return name[64...].starts(with: suffix.utf8)
    }
}
