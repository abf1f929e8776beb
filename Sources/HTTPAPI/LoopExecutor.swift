// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Runs the tasks of a server on the event loop that has its connections, so that a request does not
/// go from thread to thread on its way to its route and back: with small answers that is most of what
/// a request costs. What blocks runs on the query threads, never here.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
