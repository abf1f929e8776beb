// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
public import Model

/// Finds the containers of the embedded runtime by watching their directories (inotify). Needs no
/// root: configuration and state are readable by all.
public struct EmbeddedDiscoverer: Discoverer {
    private let runtime: Runtime

    /// Watches the containers of `runtime`.
    public init(runtime: Runtime) { self.runtime = runtime }

    /// See `Discoverer`.
    public var engine: Container.Engine { .embedded }

    /// See `Discoverer`. The list is also looked at every ten seconds, for what makes no event: a
    /// process that died together with its shim.
    public func run(deliver: @escaping @Sendable ([Container]) -> Void) async throws {
        let wakeup = try Wakeup()
        let runtime = runtime
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation {
                (done: CheckedContinuation<Void, any Error>) in
                BlockingThread.start("discovery") {
                    done.resume(with: Result { try Self.watch(runtime, wakeup, deliver) })
                }
            }
        } onCancel: {
            wakeup.wake()
        }
    }

    private static func watch(
        _ runtime: Runtime, _ wakeup: Wakeup, _ deliver: ([Container]) -> Void
    ) throws {
        try FileTree.makeDirectories(runtime.containersPath, mode: 0o755)
        let inotify = try Inotify()
        let interesting = Int32(IN_CREATE) | Int32(IN_DELETE) | Int32(IN_MOVED_TO)
        _ = try inotify.watch(runtime.containersPath, interesting)
        var watched: Set<String> = []
        while true {
            let present = Set(runtime.directories().map(\.id))
            for id in present.subtracting(watched) {
                // A directory that vanished in between makes an event of its own.
                if (try? inotify.watch(runtime.containersPath + "/" + id, interesting)) != nil {
                    watched.insert(id)
                }
            }
            watched.formIntersection(present)
            deliver(runtime.list())
            if wakeup.wait(with: inotify.descriptor.raw, milliseconds: 10_000) { return }
            inotify.drain { _ in }
        }
    }
}
