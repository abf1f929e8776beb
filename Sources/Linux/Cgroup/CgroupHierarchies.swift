// SPDX-License-Identifier: Apache-2.0

/// Where this host's cgroup controllers are mounted. Found by reading, never changed.
public struct CgroupHierarchies: Hashable, Sendable {
    /// How cgroups are mounted.
    public enum Kind: String, Hashable, Sendable {
        /// Version 2 alone.
        case unified
        /// Version 2 beside version 1, which holds some controllers.
        case hybrid
        /// Version 1 alone.
        case legacy
        /// None at all.
        case none
    }

    /// The controllers Ullage knows, by their v2 names.
    public enum Controller: String, Hashable, Sendable, CaseIterable {
        /// CPU time, weight and quota.
        case cpu
        /// CPU accounting, which v2 has for every group.
        case cpuacct
        /// Memory.
        case memory
        /// Processes and threads.
        case pids
        /// Block devices; `blkio` in v1.
        case io
    }

    /// The v2 mount point, if there is one.
    public private(set) var unified: String?
    /// The controllers v2 can give to groups below its root.
    public private(set) var unifiedControllers: Set<String> = []
    /// The v1 mount point of each controller that v1 holds, by v1's name.
    public private(set) var legacy: [String: String] = [:]

    /// What this host has, below `root` (`/` but for tests).
    public init(root: String = "/") {
        var buffer = ReadBuffer()
        let prefix = root == "/" ? "" : root
        let text = KernelFile.readOnce(path: prefix + "/proc/self/mountinfo", into: &buffer) {
            String(decoding: $0, as: UTF8.self)
        }
        for line in (text ?? "").split(separator: "\n") { add(line, prefix: prefix) }
        guard let unified else { return }
        let path = unified + "/cgroup.controllers"
        let controllers = KernelFile.readOnce(path: path, into: &buffer) {
            String(decoding: $0, as: UTF8.self)
        }
        unifiedControllers = Set(
            (controllers ?? "").split { $0 == " " || $0 == "\n" }.map(String.init))
    }

    /// How this host mounts cgroups.
    public var kind: Kind {
        guard unified != nil else { return legacy.isEmpty ? .none : .legacy }
        return legacy.isEmpty ? .unified : .hybrid
    }

    /// The v1 mount point that has `controller`, if v1 holds it.
    public func legacyMount(_ controller: Controller) -> String? {
        legacy[controller == .io ? "blkio" : controller.rawValue]
    }

    /// Whether v2 has `controller`. CPU accounting needs none there.
    public func unifiedHas(_ controller: Controller) -> Bool {
        guard unified != nil else { return false }
        return controller == .cpuacct || unifiedControllers.contains(controller.rawValue)
    }

    /// Every directory that a group `path` has, v2 first; v1 controllers mounted together once.
    public func directories(of path: String) -> [String] {
        var result: [String] = unified.map { [$0 + path] } ?? []
        for controller in Controller.allCases {
            guard let mount = legacyMount(controller) else { continue }
            if !result.contains(mount + path) { result.append(mount + path) }
        }
        return result
    }

    /// Adds a line of `/proc/PID/mountinfo` (proc(5)): the mount point is field 5; after ` - `
    /// come the type, the source and the super block's options, which name v1 controllers.
    private mutating func add(_ line: Substring, prefix: String) {
        guard let dash = line.firstRange(of: " - ") else { return }
        let before = line[..<dash.lowerBound].split(separator: " ")
        let after = line[dash.upperBound...].split(separator: " ")
        guard before.count >= 5, let type = after.first else { return }
        let mountPoint = prefix + MountInfo.unescape(before[4])
        if type == "cgroup2" {
            if unified == nil { unified = mountPoint }
        } else if type == "cgroup", after.count >= 3 {
            for option in after[2].split(separator: ",") {
                let name = String(option)
                let isKnown = name == "blkio" || Controller(rawValue: name) != nil
                if isKnown, legacy[name] == nil { legacy[name] = mountPoint }
            }
        }
    }
}

/// The format of `/proc/PID/mountinfo`.
public enum MountInfo {
    /// Undoes the octal escapes of blanks and backslashes.
    static func unescape(_ field: Substring) -> String {
        let bytes = Array(field.utf8)
        var result: [UInt8] = []
        var i = 0
        while i < bytes.count {
            let digits = bytes[i...].dropFirst().prefix(3).map { $0 &- 0x30 }
            if bytes[i] == 0x5c, digits.count == 3, digits.allSatisfy({ $0 < 8 }), digits[0] < 4 {
                result.append(digits[0] << 6 | digits[1] << 3 | digits[2])
                i += 4
            } else {
                result.append(bytes[i])
                i += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
