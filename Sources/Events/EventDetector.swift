// SPDX-License-Identifier: Apache-2.0

import Codecs
public import Model
import Synchronization

/// Turns lists of containers, as discovery delivers them, into events. Safe to use from any thread.
///
/// Each thing is recorded once: a container is told by its engine and identifier, one life of it
/// from the next by when its first process started. What happened while no agent ran is found by
/// comparing the first list with what the log says, and is marked as late where only the noticing
/// has a time.
public final class EventDetector: Sendable {
    /// What is known of a container.
    private struct Known {
        var container: Container
        /// Whether the engine's own word is still awaited: only its cgroup was seen.
        var isPlaceholder = false
        var noticedAt: Milliseconds
        /// Since when its process is gone without a word from its engine.
        var vanishedAt: Milliseconds?
        /// Processes killed for want of memory in this life, of which events were made; nil when
        /// nothing is known of the time before.
        var oomKills: Int64?
        /// How many of them the last event told of, and when it was.
        var oomTold: (kills: Int64, at: Milliseconds)?
        var totals: ContainerTotals?
    }

    private struct State {
        var known: [ContainerKey: Known] = [:]
        var removed: [ContainerKey: Milliseconds] = [:]
        /// Nothing that happened before is news.
        var newsSince: Milliseconds
        var isFirst = true
    }

    private let log: EventLog
    private let state: Mutex<State>
    /// How long an engine may take to write down how a container ended.
    private static let patience: Milliseconds = 10_000
    /// Kills for want of memory that follow sooner are told together.
    private static let oomPause: Milliseconds = 10_000

    /// A detector that writes to `log` what happens from `start` on, and what happened since the
    /// log's last event.
    public init(log: EventLog, start: Milliseconds) {
        self.log = log
        state = Mutex(State(newsSince: start))
    }

    /// Takes over a complete list of all engines' containers, at `now`.
    public func update(_ list: [Container], now: Milliseconds) {
        state.withLock { state in
            if state.isFirst { recall(&state) }
            // The clock was set back.
            if now < state.newsSince { state.newsSince = now - 60_000 }
            var present: Set<ContainerKey> = []
            for container in list where present.insert(container.key).inserted {
                see(container, now, &state)
            }
            for key in Array(state.known.keys) where !present.contains(key) {
                lose(key, now, &state)
            }
            state.removed = state.removed.filter { now - $0.value < 60_000 }
            state.isFirst = false
        }
    }

    /// Gives up waiting for engines that do not say how a container ended; called once a tick.
    public func tick(now: Milliseconds) {
        state.withLock { state in
            for (key, known) in state.known {
                if let since = known.vanishedAt, now - since >= Self.patience {
                    end(key, known.container, at: since, &state)
                }
                tellKills(key, now, &state)
                if known.isPlaceholder, now - known.noticedAt >= Self.patience {
                    state.known[key]?.isPlaceholder = false
                    begin(known.container, &state)
                }
            }
        }
    }

    /// Notes what a container used, before its end is seen.
    public func note(_ totals: ContainerTotals, of key: ContainerKey) {
        state.withLock { $0.known[key]?.totals = totals }
    }

    /// Notes how many processes of a container the kernel killed for want of memory since it
    /// started; more than before make an event.
    public func note(oomKills count: Int64, of key: ContainerKey, now: Milliseconds) {
        state.withLock { state in
            guard let known = state.known[key] else { return }
            let before = known.oomKills ?? count
            state.known[key]?.oomKills = max(before, count)
            if known.oomTold == nil { state.known[key]?.oomTold = (before, .min / 2) }
            tellKills(key, now, &state)
        }
    }

    /// Makes an event of kills that none told of yet; `isLast` when the container has ended.
    private func tellKills(
        _ key: ContainerKey, _ now: Milliseconds, _ state: inout State, isLast: Bool = false
    ) {
        guard let known = state.known[key], let kills = known.oomKills, let told = known.oomTold,
            kills > told.kills,
            // A tick's time is a little behind; the clock may also have been set back.
            isLast || now - told.at >= Self.oomPause || now < told.at - 60_000
        else { return }
        var event = ContainerEvent(.oom, at: now, of: known.container)
        event.oomKills = kills
        log.append(event)
        state.known[key]?.oomTold = (kills, now)
    }

    // MARK: Comparing

    private func see(_ container: Container, _ now: Milliseconds, _ state: inout State) {
        let key = container.key
        guard let known = state.known[key] else {
            // What an engine is removing is seen by its cgroup for a moment longer.
            if Self.isPlaceholder(container), state.removed[key] != nil { return }
            var entry = Known(container: container, noticedAt: now)
            entry.isPlaceholder = Self.isPlaceholder(container)
            state.known[key] = entry
            if !entry.isPlaceholder { begin(container, &state) }
            return
        }
        if Self.isPlaceholder(container) { return }
        if known.isPlaceholder {
            state.known[key] = Known(container: container, noticedAt: now)
            begin(container, &state)
            return
        }
        if known.container.name != container.name {
            var event = ContainerEvent(.rename, at: now, of: container)
            event.oldName = known.container.name
            log.append(event)
        }
        compareLife(known, container, now, &state)
        if let health = container.health, health != .starting, health != known.container.health {
            log.append(ContainerEvent(.health, at: now, of: container))
        }
        state.known[key]?.container = container
    }

    private func compareLife(
        _ known: Known, _ container: Container, _ now: Milliseconds, _ state: inout State
    ) {
        let key = container.key
        let isAnother = Self.isAnotherLife(known.container, container)
        if isAnother {
            if known.container.state == .running || known.vanishedAt != nil {
                end(
                    key, known.container, at: known.vanishedAt ?? container.startedAt ?? now, &state
                )
            }
            // Totals that came before the engine's word are of the life that it now tells of.
            let totals = known.container.state == .running ? nil : known.totals
            start(container, &state)
            state.known[key]?.totals = totals
        }
        let wasRunning = known.container.state == .running || known.vanishedAt != nil || isAnother
        switch container.state {
        case .running, .created: state.known[key]?.vanishedAt = nil
        case .dead where container.exitCode == nil:
            if wasRunning { state.known[key]?.vanishedAt = known.vanishedAt ?? now }
        case .exited, .dead:
            if wasRunning { end(key, container, at: container.finishedAt ?? now, &state) }
        }
    }

    private func lose(_ key: ContainerKey, _ now: Milliseconds, _ state: inout State) {
        guard let known = state.known[key] else { return }
        if known.isPlaceholder { begin(known.container, &state) }
        if known.container.state == .running || known.vanishedAt != nil {
            end(key, known.container, at: known.vanishedAt ?? now, &state, isLate: state.isFirst)
        }
        if ![.systemd, .cgroup].contains(key.engine) {
            var event = ContainerEvent(.remove, at: now, of: known.container)
            event.isLate = state.isFirst
            log.append(event)
        }
        state.known[key] = nil
        state.removed[key] = now
    }

    /// A container that was not known: all of its life that is news.
    private func begin(_ container: Container, _ state: inout State) {
        // A unit and a bare cgroup are made by being started.
        if ![.systemd, .cgroup].contains(container.engine),
            container.createdAt >= state.newsSince
        {
            log.append(ContainerEvent(.create, at: container.createdAt, of: container))
        }
        guard let started = container.startedAt else { return }
        if started >= state.newsSince { start(container, &state) }
        guard container.state == .exited, let finished = container.finishedAt,
            finished >= state.newsSince
        else { return }
        end(container.key, container, at: finished, &state)
    }

    private func start(_ container: Container, _ state: inout State) {
        state.known[container.key]?.oomKills = 0
        state.known[container.key]?.oomTold = nil
        state.known[container.key]?.totals = nil
        state.known[container.key]?.vanishedAt = nil
        guard let time = container.startedAt else { return }
        log.append(ContainerEvent(.start, at: time, of: container))
    }

    private func end(
        _ key: ContainerKey, _ container: Container, at time: Milliseconds, _ state: inout State,
        isLate: Bool = false
    ) {
        tellKills(key, time, &state, isLast: true)
        if container.oomKilled, (state.known[key]?.oomKills ?? 0) == 0 {
            log.append(ContainerEvent(.oom, at: time, of: container))
        }
        var event = ContainerEvent(.die, at: time, of: container)
        event.totals = container.totals ?? state.known[key]?.totals
        event.isLate = isLate
        log.append(event)
        state.known[key]?.vanishedAt = nil
        state.known[key]?.totals = nil
        state.known[key]?.container.state = .exited
    }

    /// Whether a first process is another than before. By the kernel's word where there is one on
    /// both sides; else by the engine's, which may be a directory's time that moves a little.
    private static func isAnotherLife(_ old: Container, _ new: Container) -> Bool {
        guard let started = new.startedAt else { return false }
        if let before = old.initStartTicks, let after = new.initStartTicks {
            return before != after
        }
        guard let before = old.startedAt else { return true }
        if [.systemd, .cgroup, .containerd, .nspawn, .lxc].contains(new.engine) {
            return false
        }
        return started > before + 1
    }

    /// Whether only the cgroup of a container of an engine that says more was seen.
    private static func isPlaceholder(_ container: Container) -> Bool {
        (container.engine == .docker || container.engine == .podman) && container.image.isEmpty
            && container.name == container.id.prefix(12)
    }

    // MARK: What was before

    /// Reads from the log which containers there were.
    private func recall(_ state: inout State) {
        var known: [ContainerKey: Known] = [:]
        var last: Milliseconds?
        log.forEach { _, event in
            last = max(last ?? .min, event.time)
            guard event.kind != .remove else {
                known[event.key] = nil
                return
            }
            var container =
                known[event.key]?.container
                ?? Container(
                    engine: event.key.engine, id: event.key.id, name: "", image: "",
                    state: .created, createdAt: event.time)
            container.name = event.json["name"].string ?? ""
            container.image = event.json["image"].string ?? ""
            Self.apply(event, to: &container)
            var entry = known[event.key] ?? Known(container: container, noticedAt: event.time)
            entry.container = container
            if event.kind == .start { entry.oomKills = 0 }
            if event.kind == .oom {
                entry.oomKills = event.json["oomKills"].int ?? 1
                entry.oomTold = (entry.oomKills ?? 1, event.time)
            }
            known[event.key] = entry
            if event.kind == .die, [.systemd, .cgroup].contains(event.key.engine) {
                known[event.key] = nil
            }
        }
        state.known = known
        if let last { state.newsSince = min(state.newsSince, last + 1) }
    }

    private static func apply(_ event: EventRecord.Stored, to container: inout Container) {
        switch event.kind {
        case .start:
            container.state = .running
            container.startedAt = event.time
            container.initStartTicks = event.json["startTicks"].int.flatMap { UInt64(exactly: $0) }
        case .die:
            container.state = .exited
            container.initStartTicks = nil
        case .health:
            container.health = event.json["health"].string.flatMap(ContainerHealth.init(rawValue:))
        case .create, .oom, .rename, .remove: break
        }
    }
}
