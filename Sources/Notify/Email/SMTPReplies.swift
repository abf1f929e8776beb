// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Replies put together from the bytes that arrive, waiting to be asked for. Bounded: a server that
/// says more than 64 KiB, or lines over 2 KiB, is not listened to further.
final class SMTPReplies: Sendable {
    private struct State {
        var line: [UInt8] = []
        var lines: [String] = []
        var ready: [SMTPReply] = []
        var failure: NotifyError?
        var waiter: CheckedContinuation<Result<SMTPReply, NotifyError>, Never>?
    }

    private let state = Mutex(State())

    private static let maxLine = 2048
    private static let maxLines = 100

    /// Whether nothing has arrived that was not asked for.
    var isDrained: Bool {
        state.withLock { $0.line.isEmpty && $0.lines.isEmpty && $0.ready.isEmpty }
    }

    /// Why nothing more comes, once that is so.
    var failure: NotifyError? { state.withLock { $0.failure } }

    /// Takes bytes; false when they are no SMTP.
    func take(_ bytes: some Sequence<UInt8>) -> Bool {
        let (isFine, waiter, reply) = state.withLock { state in
            var isFine = true
            for byte in bytes where isFine {
                if byte != UInt8(ascii: "\n") {
                    state.line.append(byte)
                    isFine = state.line.count <= Self.maxLine
                } else {
                    isFine = Self.end(&state)
                }
            }
            guard let waiter = state.waiter, !state.ready.isEmpty else {
                return (
                    isFine, nil as CheckedContinuation<Result<SMTPReply, NotifyError>, Never>?,
                    nil as SMTPReply?
                )
            }
            state.waiter = nil
            return (isFine, waiter, state.ready.removeFirst())
        }
        if let waiter, let reply { waiter.resume(returning: .success(reply)) }
        if !isFine { fail("the server does not speak SMTP") }
        return isFine
    }

    /// Ends a line, and a reply with the line that has a blank after its code.
    private static func end(_ state: inout State) -> Bool {
        var line = state.line[...]
        state.line = []
        if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
        guard line.count >= 3, let code = Int(String(decoding: line.prefix(3), as: UTF8.self)),
            (200..<600).contains(code), state.lines.count < maxLines, state.ready.count < maxLines
        else { return false }
        state.lines.append(String(decoding: line.dropFirst(4), as: UTF8.self))
        if line.count > 3, line[3] == UInt8(ascii: "-") { return true }
        state.ready.append(SMTPReply(code: code, lines: state.lines))
        state.lines = []
        return true
    }

    /// Ends the waiting, now and later, with a reason; the first one counts.
    func fail(_ reason: String) {
        let (waiter, failure) = state.withLock { state in
            let failure = state.failure ?? NotifyError(reason)
            state.failure = failure
            defer { state.waiter = nil }
            return (state.waiter, failure)
        }
        waiter?.resume(returning: .failure(failure))
    }

    /// The next reply.
    func next() async throws(NotifyError) -> SMTPReply {
        let result = await withCheckedContinuation { waiter in
            let known: Result<SMTPReply, NotifyError>? = state.withLock { state in
                if !state.ready.isEmpty { return .success(state.ready.removeFirst()) }
                if let failure = state.failure { return .failure(failure) }
                state.waiter = waiter
                return nil
            }
            if let known { waiter.resume(returning: known) }
        }
        return try result.get()
    }
}
