// SPDX-License-Identifier: Apache-2.0

import Codecs
import Glibc
import Linux
import Model
import SystemPackage

/// Something that can be listed anew at any time, and that directories tell about.
protocol ListSource: AnyObject {
    /// The containers there are now.
    func list() -> [Container]
    /// The directories in which a change makes another list; as of the last `list`.
    var directories: [String] { get }
}

/// Lists a source again whenever one of its directories changes, on a thread of its own.
///
/// For a directory that is not there, because its engine is not, the nearest one above it that is
/// there is watched. Where that is not possible (the user's inotify watches are used up), the source
/// is listed once a second instead, so that nothing is seen later than that.
enum WatchedList {
    private static let mask =
        Int32(IN_CREATE) | Int32(IN_DELETE) | Int32(IN_MOVED_TO) | Int32(IN_CLOSE_WRITE)
        | Int32(IN_ONLYDIR)
    /// Watches one source may hold; the kernel's default for a user was 8192 for long.
    private static let maxWatches = 4000

    /// Runs until the task is cancelled.
    static func run(
        _ name: String, _ make: @escaping @Sendable () -> any ListSource,
        deliver: @escaping @Sendable ([Container]) -> Void
    ) async throws {
        let wakeup = try Wakeup()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation {
                (done: CheckedContinuation<Void, any Error>) in
                BlockingThread.start(name) {
                    done.resume(with: Result { try watch(make(), wakeup, deliver) })
                }
            }
        } onCancel: {
            wakeup.wake()
        }
    }

    private static func watch(
        _ source: any ListSource, _ wakeup: Wakeup, _ deliver: ([Container]) -> Void
    ) throws {
        let inotify = try Inotify()
        var watches: [String: Int32] = [:]
        var last: [Container]?
        while true {
            let list = source.list()
            if list != last { deliver(list) }
            last = list
            var isNew = false
            var isComplete = !source.directories.isEmpty
            for directory in source.directories {
                switch add(directory, to: inotify, &watches) {
                case .some(let isAdded): isNew = isNew || isAdded
                case .none: isComplete = false
                }
            }
            // What happened before the watch was there makes no event.
            if isNew { continue }
            let pause: Int64 = isComplete ? 5000 : 1000
            if wakeup.wait(with: inotify.descriptor.raw, milliseconds: pause) { return }
            // Changes come in bursts: those of 20 ms make one list.
            if wakeup.wait(milliseconds: 20) { return }
            inotify.drain { event in
                if event.overflowed { watches = [:] }
                guard event.mask & UInt32(IN_IGNORED) != 0 else { return }
                if let gone = watches.first(where: { $0.value == event.watch }) {
                    watches[gone.key] = nil
                }
            }
        }
    }
}

extension WatchedList {
    /// Watches a directory, or the nearest above it that is there: whether that is new, or nil when it
    /// is not possible.
    private static func add(
        _ directory: String, to inotify: borrowing Inotify, _ watches: inout [String: Int32]
    ) -> Bool? {
        var path = directory[...]
        while !path.isEmpty {
            let name = String(path)
            if watches[name] != nil { return false }
            guard watches.count < maxWatches else { return nil }
            do throws(Errno) {
                watches[name] = try inotify.watch(name, mask)
                return true
            } catch {
                guard error == .noSuchFileOrDirectory, let slash = path.lastIndex(of: "/") else {
                    return nil
                }
                path = path[..<slash]
            }
        }
        return nil
    }
}

/// Times as engines write them.
enum EngineTime {
    /// Milliseconds since the epoch of an RFC 3339 text; nil for the year 1, which Go writes for
    /// "never", and for what is not such a text.
    static func parse(_ text: String?) -> Milliseconds? {
        guard let text, text.utf8.count <= 64 else { return nil }
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes[10] == UInt8(ascii: "T") else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            var value: Int64 = 0
            for byte in bytes[range] {
                guard byte &- 0x30 < 10 else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            return value
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            year >= 1970, (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        var at = 19
        var fraction: Int64 = 0
        if bytes[at] == UInt8(ascii: ".") {
            at += 1
            var scale: Int64 = 100
            while at < bytes.count, bytes[at] &- 0x30 < 10 {
                fraction += Int64(bytes[at] - 0x30) * scale
                scale /= 10
                at += 1
            }
        }
        guard at < bytes.count else { return nil }
        var offset: Int64 = 0
        if bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") {
            guard at + 6 <= bytes.count, let hours = number((at + 1)..<(at + 3)),
                let minutes = number((at + 4)..<(at + 6))
            else { return nil }
            offset = (hours * 60 + minutes) * (bytes[at] == UInt8(ascii: "-") ? -60 : 60)
        }
        let days = CivilDay.number(year: year, month: month, day: day)
        let seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset
        return seconds * 1000 + fraction
    }
}

/// What an engine calls a container must be checked before it becomes part of a path.
enum EngineID {
    /// Whether `text` is what containerd takes as an identifier (`pkg/identifiers`): up to 76 ASCII
    /// letters and digits with `.`, `_` and `-` between them.
    static func isTaskName(_ text: String) -> Bool {
        guard text.utf8.count <= 76, let first = text.utf8.first, let last = text.utf8.last else {
            return false
        }
        func isPlain(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte)
                || (0x61...0x7a).contains(byte)
        }
        return isPlain(first) && isPlain(last)
            && text.utf8.allSatisfy { isPlain($0) || [0x2d, 0x2e, 0x5f].contains($0) }
    }

    /// Whether `text` is 64 lower-case hexadecimal digits.
    static func isValid(_ text: some StringProtocol) -> Bool {
        text.utf8.count == 64
            && text.utf8.allSatisfy {
                ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66)
            }
    }
}
