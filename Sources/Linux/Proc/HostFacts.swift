// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What the host is, from procfs and sysfs.
public struct HostFacts: Hashable, Sendable {
    /// Bytes of memory.
    public var memoryBytes: Int64?
    /// Bytes of swap.
    public var swapBytes: Int64?
    /// Logical processors online.
    public var cpus: Int64?
    /// Cores, each counted once whatever threads it runs.
    public var cores: Int64?
    /// Sockets.
    public var sockets: Int64?
    /// `/etc/machine-id`, if readable.
    public var machineID: String?
    /// The firmware's UUID, if readable: only root may.
    public var systemUUID: String?
    /// The id of this boot.
    public var bootID: String?
    /// The kernel's release.
    public var kernel: String?

    /// Reads them below `root` (`/` but for tests).
    public init(root: String = "/") {
        var buffer = ReadBuffer()
        let prefix = root == "/" ? "" : root
        func text(_ path: String) -> String? {
            let content = KernelFile.readOnce(path: prefix + path, into: &buffer) {
                String(decoding: $0.prefix(4096), as: UTF8.self)
            }
            let trimmed = content?.split(separator: "\n").first.map(String.init)
            return trimmed?.isEmpty == false ? trimmed : nil
        }
        machineID = text("/etc/machine-id")
        systemUUID = text("/sys/class/dmi/id/product_uuid")
        bootID = text("/proc/sys/kernel/random/boot_id")
        kernel = text("/proc/sys/kernel/osrelease")
        KernelFile.readOnce(path: prefix + "/proc/meminfo", into: &buffer) { parseMemory($0) }
        KernelFile.readOnce(path: prefix + "/proc/cpuinfo", into: &buffer) { parseProcessors($0) }
    }

    /// `/proc/meminfo`: `MemTotal:   16384 kB`.
    private mutating func parseMemory(_ bytes: UnsafeRawBufferPointer) {
        var scanner = ByteScanner(bytes)
        while !scanner.isAtEnd {
            let key = scanner.word()
            scanner.skipBlanks()
            if let kilobytes = scanner.number() {
                let value = kilobytes.multipliedReportingOverflow(by: 1024)
                if key.equals("MemTotal:") {
                    memoryBytes = value.overflow ? nil : value.partialValue
                }
                if key.equals("SwapTotal:") {
                    swapBytes = value.overflow ? nil : value.partialValue
                }
            }
            scanner.skipLine()
        }
    }

    /// `/proc/cpuinfo`: a block for each processor, with its socket and core where the machine
    /// has such.
    private mutating func parseProcessors(_ bytes: UnsafeRawBufferPointer) {
        var count: Int64 = 0
        var socket = ""
        var seenSockets: Set<String> = []
        var seenCores: Set<String> = []
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let key = line[..<colon].filter { $0 != "\t" }
            let value = line[line.index(after: colon)...].filter { $0 != " " }
            switch key {
            case "processor": count += 1
            case "physical id":
                socket = value
                seenSockets.insert(value)
            case "core id": seenCores.insert(socket + "/" + value)
            default: break
            }
        }
        cpus = count > 0 ? count : nil
        cores = seenCores.isEmpty ? cpus : Int64(seenCores.count)
        sockets = seenSockets.isEmpty ? (count > 0 ? 1 : nil) : Int64(seenSockets.count)
    }
}
