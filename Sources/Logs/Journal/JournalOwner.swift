// SPDX-License-Identifier: Apache-2.0

import Glibc
public import Model

/// A container, as far as the journal's reader has to know it.
public struct JournaledContainer: Hashable, Sendable {
    /// Under what its lines are stored.
    public var identity: LogIdentity
    /// The cgroup it runs in, which tells whose it is.
    public var cgroupPath: String?
    /// Whether its lines are in the journal, and not in a file.
    public var isJournaled: Bool

    /// A container of these parts.
    public init(identity: LogIdentity, cgroupPath: String? = nil, isJournaled: Bool = true) {
        self.identity = identity
        self.cgroupPath = cgroupPath
        self.isJournaled = isJournaled
    }

    /// What is to be known of a container.
    public init(_ container: Container) {
        self.init(
            identity: LogIdentity(container), cgroupPath: container.cgroupPath,
            isJournaled: container.logSource == .journal)
    }
}

/// Says whose the entries of the journal are.
///
/// Any process that can reach journald's socket may send an entry with a container's id, one in a
/// container too. What root sends from outside of containers is believed, and what a user sends of a
/// container that runs below the user's slice; the rest is its unit's.
struct JournalOwners {
    /// Containers by id.
    var containers: [String: JournaledContainer] = [:]
    /// Patterns of units.
    var units: [String] = []

    /// Whose an entry is.
    enum Owner: Hashable {
        /// A container's, by its id.
        case container(String)
        /// A unit's, by its name.
        case unit(String)
    }

    /// Whose an entry is; nil when it is not wanted.
    func owner(of entry: JournalEntry) -> Owner? {
        if let id = entry.text(.containerID), Self.isContainerID(id), isBelieved(entry, id) {
            return .container(id)
        }
        guard let unit = unit(of: entry), units.contains(where: { Self.matches(unit, $0) }) else {
            return nil
        }
        return .unit(unit)
    }

    /// Entries that journald left out because there were too many; nil when it says nothing of that.
    static func suppressed(_ entry: JournalEntry) -> UInt64? {
        guard entry.has(.messageID, "a596d6fe7bfa4994828e72309e95d61e"),
            entry.has(.transport, "driver")
        else { return nil }
        return entry.number(.dropped) ?? words(entry).compactMap { UInt64($0) }.first ?? 1
    }

    private static func words(_ entry: JournalEntry) -> [Substring] {
        (entry.text(.message) ?? "").split(separator: " ")
    }

    private func unit(of entry: JournalEntry) -> String? {
        let name: String?
        if Self.suppressed(entry) != nil {
            // `Suppressed 12 messages from a.service`
            name = entry.text(.objectUnit) ?? Self.words(entry).last.map(String.init)
        } else if entry.has(.trustedPID, "1"), let unit = entry.text(.unit) {
            name = unit
        } else {
            name = entry.text(.trustedUnit)
        }
        return name.flatMap { $0.isEmpty || $0.utf8.count > 255 ? nil : $0 }
    }

    private func isBelieved(_ entry: JournalEntry, _ id: String) -> Bool {
        if containers[id]?.isJournaled == false || Self.isInContainer(entry) { return false }
        if entry.has(.trustedUID, "0") { return true }
        guard let user = entry.number(.trustedUID), let path = containers[id]?.cgroupPath else {
            return false
        }
        return path.contains("/user-\(user).slice/")
    }

    /// Whether the sender is in a container: a part of its cgroup's path ends in a container's id.
    /// Engines' helpers outside have names of that kind too, with `conmon` in them.
    private static func isInContainer(_ entry: JournalEntry) -> Bool {
        guard let path = entry.text(.trustedCgroup) else { return false }
        return path.split(separator: "/").contains { part in
            let name = part.hasSuffix(".scope") ? part.dropLast(6) : part
            return isContainerID(String(name.suffix(64))) && !name.contains("conmon")
        }
    }

    /// The identity of an owner's log; `time` is when its first entry was written.
    func identity(of owner: Owner, _ entry: JournalEntry) -> LogIdentity {
        switch owner {
        case .container(let id):
            if let known = containers[id] { return known.identity }
            var name = entry.text(.containerName).map { String($0.prefix(255)) } ?? ""
            if name.isEmpty { name = String(id.prefix(12)) }
            var labels = ["engine": Self.engine(entry)]
            labels["image"] = entry.text(.imageName)
            return LogIdentity(
                id: id, name: name, createdAt: Milliseconds(clamping: entry.microseconds / 1000),
                labels: labels)
        case .unit(let name):
            return LogIdentity(
                id: Self.cgroup(of: name, entry), name: name, createdAt: 0,
                labels: ["engine": "systemd", "unit": name])
        }
    }

    /// Who wrote an entry of a container that is gone.
    private static func engine(_ entry: JournalEntry) -> String {
        switch entry.text(.trustedCommand) {
        case "dockerd": "docker"
        case "conmon": "podman"
        case "ullage-shim": "embedded"
        default: entry.text(.trustedUnit)?.hasPrefix("libpod") == true ? "podman" : "docker"
        }
    }

    /// A unit's cgroup, by which it is known as a container too: what journald says, else where
    /// systemd puts it.
    private static func cgroup(of unit: String, _ entry: JournalEntry) -> String {
        if entry.text(.trustedUnit) == unit, let path = entry.text(.trustedCgroup),
            let end = path.firstRange(of: "/" + unit)?.upperBound
        {
            return String(path[..<end])
        }
        guard let at = unit.firstIndex(of: "@") else { return "/system.slice/" + unit }
        let template = unit[..<at].split(separator: "-", omittingEmptySubsequences: false)
            .joined(separator: #"\x2d"#)
        return "/system.slice/system-\(template).slice/\(unit)"
    }

    private static func isContainerID(_ id: String) -> Bool {
        id.utf8.count == 64
            && id.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    private static func matches(_ unit: String, _ pattern: String) -> Bool {
        fnmatch(pattern, unit, 0) == 0
    }
}
