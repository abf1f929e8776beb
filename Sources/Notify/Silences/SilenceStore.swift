// SPDX-License-Identifier: Apache-2.0

public import Codecs
import Matching
public import Model
import Synchronization

/// The silences, in memory and in one file that is replaced whole at each change.
public final class SilenceStore: Sendable {
    private struct Kept {
        var silence: Silence
        let matchers: CompiledMatchers
    }

    private struct State {
        var kept: [String: Kept] = [:]
    }

    private let state = Mutex(State())
    private let file: StateFile

    /// Silences that are kept, expired ones included.
    public static let maxSilences = 1000
    /// Bytes a comment or a name may have.
    static let maxText = 4096
    /// Milliseconds after its end at which a silence is forgotten, as in Alertmanager.
    static let retention: Milliseconds = 120 * 3_600_000

    /// The silences in the file at `path`, none when there is no file. A damaged file is set aside
    /// under another name; `damaged` is told where.
    public init(path: String, damaged: (String) -> Void = { _ in }) {
        file = StateFile(path: path)
        guard let bytes = file.read() else { return }
        guard let document = JSONValue(bytes), document["version"].int == 1 else {
            damaged(file.setAside())
            return
        }
        let silences = document["silences"].array.prefix(Self.maxSilences)
            .compactMap { value in try? Silence(value) }
        state.withLock { state in
            for silence in silences {
                guard let matchers = try? CompiledMatchers(silence.matchers) else { continue }
                state.kept[silence.id] = Kept(silence: silence, matchers: matchers)
            }
        }
    }

    /// All silences, those that end last first.
    public var all: [Silence] {
        state.withLock { $0.kept.values.map(\.silence) }
            .sorted { ($0.endsAt, $0.id) > ($1.endsAt, $1.id) }
    }

    /// Whether an active silence covers an alert of these labels.
    public func silences(_ labels: Labels, at now: Milliseconds) -> Bool {
        state.withLock { state in
            state.kept.values.contains {
                $0.silence.state(at: now) == .active && $0.matchers.match(labels)
            }
        }
    }

    /// The active silences that cover an alert of these labels.
    public func covering(_ labels: Labels, at now: Milliseconds) -> [Silence] {
        state.withLock { state in
            state.kept.values.filter {
                $0.silence.state(at: now) == .active && $0.matchers.match(labels)
            }.map(\.silence)
        }
    }

    /// Adds a silence, or changes the one with its id; returns the id. Throws for one that covers
    /// nothing or everything, has no end or lies in the past, and when it cannot be written down.
    @discardableResult
    public func add(_ silence: Silence, at now: Milliseconds) throws(NotifyError) -> String {
        var silence = silence
        try Self.check(silence, now)
        let matchers: CompiledMatchers
        do { matchers = try CompiledMatchers(silence.matchers) } catch {
            throw NotifyError("\(error)")
        }
        silence.updatedAt = now
        silence.startsAt = max(silence.startsAt, silence.id.isEmpty ? now : silence.startsAt)
        return try change(at: now) { state throws(NotifyError) in
            if silence.id.isEmpty {
                guard state.kept.count < Self.maxSilences else {
                    throw NotifyError("there are \(Self.maxSilences) silences already, the most")
                }
                silence.id = UUIDText.random()
            } else if state.kept[silence.id] == nil {
                throw NotifyError("there is no silence with the id \(silence.id.prefix(64))")
            }
            state.kept[silence.id] = Kept(silence: silence, matchers: matchers)
            return silence.id
        }
    }

    /// Ends a silence now.
    public func expire(_ id: String, at now: Milliseconds) throws(NotifyError) {
        try change(at: now) { state throws(NotifyError) in
            guard var kept = state.kept[id] else {
                throw NotifyError("there is no silence with the id \(id.prefix(64))")
            }
            guard kept.silence.state(at: now) != .expired else {
                throw NotifyError("the silence \(id) is over already")
            }
            kept.silence.endsAt = now
            kept.silence.startsAt = min(kept.silence.startsAt, now)
            kept.silence.updatedAt = now
            state.kept[id] = kept
        }
    }

    /// A silence as JSON, as Alertmanager's API has it.
    public static func read(_ bytes: [UInt8]) throws(NotifyError) -> Silence {
        guard let value = JSONValue(bytes) else { throw NotifyError("the silence is not JSON") }
        return try Silence(value)
    }

    /// Writes silences as a JSON list, as Alertmanager's API has it.
    public static func write(
        _ silences: [Silence], to json: inout JSONWriter, at now: Milliseconds
    ) {
        json.list(silences) { json, silence in silence.write(to: &json, at: now) }
    }

    private static func check(_ silence: Silence, _ now: Milliseconds) throws(NotifyError) {
        guard !silence.matchers.isEmpty, silence.matchers.count <= 100 else {
            throw NotifyError("a silence needs matchers, at least 1 and at most 100")
        }
        let covers = silence.matchers.contains { matcher in
            guard let one = try? CompiledMatchers([matcher]) else { return true }
            return !one.match([:])
        }
        guard covers else {
            throw NotifyError(
                "a silence needs a matcher that does not match the empty text, or it would cover "
                    + "alerts without the label too: all of them")
        }
        guard silence.endsAt > silence.startsAt, silence.endsAt > now else {
            throw NotifyError("a silence must end after it begins, and not in the past")
        }
        let texts =
            [silence.comment, silence.createdBy] + silence.matchers.flatMap { [$0.name, $0.value] }
        guard texts.allSatisfy({ $0.utf8.count <= maxText }) else {
            throw NotifyError("a text of the silence is over 4 KiB")
        }
    }

    /// Changes the silences and writes them down; when that fails, nothing has changed.
    private func change<R>(
        at now: Milliseconds, _ body: (inout State) throws(NotifyError) -> R
    ) throws(NotifyError) -> R {
        let outcome: Result<R, NotifyError> = state.withLock { state in
            let before = state
            do throws(NotifyError) {
                let result = try body(&state)
                state.kept = state.kept.filter { now - $0.value.silence.endsAt < Self.retention }
                try save(state, now)
                return .success(result)
            } catch {
                state = before
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    private func save(_ state: State, _ now: Milliseconds) throws(NotifyError) {
        var json = JSONWriter()
        json.raw("{\"version\":1,\"silences\":")
        Self.write(
            state.kept.values.map(\.silence).sorted { $0.id < $1.id }, to: &json, at: now)
        json.raw("}\n")
        try file.replace(json.bytes)
    }
}

/// Random identifiers (RFC 9562, version 4).
enum UUIDText {
    static func random() -> String {
        var random = SystemRandomNumberGenerator()
        let high = random.next() & 0xffff_ffff_ffff_0fff | 0x4000
        let low = random.next() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
        let digits = [high, low].map { number in
            let text = String(number, radix: 16)
            return String(repeating: "0", count: 16 - text.utf8.count) + text
        }.joined()
        var parts: [Substring] = []
        var rest = digits[...]
        for length in [8, 4, 4, 4, 12] {
            parts.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return parts.joined(separator: "-")
    }
}
