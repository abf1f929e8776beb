// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A thread for work that blocks in the kernel, which must stay off the cooperative pool.
public enum BlockingThread {
    private final class Start {
        let name: String
        let body: @Sendable () -> Void
        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Runs `body` on a new thread. When none can be had it runs on the caller's, so that nobody
    /// waits for ever.
    public static func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let start = Unmanaged.passRetained(Start(name, body))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                pthread_setname_np(pthread_self(), String(start.name.prefix(15)))
                start.body()
                return nil
            }, start.toOpaque())
        if code == 0 {
            pthread_detach(thread)
        } else {
            start.release()
            body()
        }
    }
}
