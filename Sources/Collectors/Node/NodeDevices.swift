// SPDX-License-Identifier: Apache-2.0

import Linux
import Model

/// The subsystems that read tables of devices and of the network stack.
enum NodeDevices {
    static func all(root: String) -> [any NodeSubsystem] {
        [
            DiskSubsystem(root: root), NetworkSubsystem(root: root), NetstatSubsystem(root: root),
            SockstatSubsystem(root: root), SoftnetSubsystem(root: root), ArpSubsystem(root: root),
            UDPQueuesSubsystem(root: root), ConntrackSubsystem(root: root),
        ]
    }
}

/// `/proc/diskstats` (iostats.rst): whole disks and device-mapper devices, as node_exporter has
/// them by default.
final class DiskSubsystem: NodeSubsystem {
    let name = "diskstats"
    private let file: ProcFile
    private var disks = DeviceSeries(label: "device", NodeMetrics.disk, accepts: isExported)

    init(root: String) { file = ProcFile("/proc/diskstats", root: root) }

    func collect(into sink: inout NodeSink, buffer: inout ReadBuffer) throws {
        disks.begin()
        _ = try file.read(into: &buffer) { bytes in
            HostTables.rows(bytes, skipping: 2) { device, values, count in
                guard let row = disks.row(device, &sink) else { return }
                for column in 0..<min(count, NodeMetrics.disk.count) {
                    disks.put(
                        Double(values[column]) * Self.factor(column), row: row, column: column,
                        &sink)
                }
            }
        }
        disks.end(&sink)
    }

    /// Sectors of 512 bytes, and milliseconds.
    private static func factor(_ column: Int) -> Double {
        switch column {
        case 2, 6: 512
        case 3, 7, 9, 10, 14, 16: 0.001
        default: 1
        }
    }

    /// Not RAM disks, loop devices, floppies and partitions.
    static func isExported(_ device: String) -> Bool {
        guard device.last?.isNumber == true else { return true }
        var stem = Substring(device)
        while stem.last?.isNumber == true { stem.removeLast() }
        if ["ram", "zram", "loop", "fd"].contains(stem) { return false }
        if device.hasPrefix("nvme") { return stem.last != "p" }
        let disks = ["hd", "sd", "vd", "xvd"]
        return !disks.contains { stem.hasPrefix($0) && stem.count == $0.count + 1 }
    }
}

/// `/proc/net/dev`: the network devices of the agent's namespace.
final class NetworkSubsystem: NodeSubsystem {
    let name = "netdev"
    private let file: ProcFile
    private var devices = DeviceSeries(label: "device", NodeMetrics.networkDevice)

    init(root: String) { file = ProcFile("/proc/net/dev", root: root) }

    func collect(into sink: inout NodeSink, buffer: inout ReadBuffer) throws {
        devices.begin()
        _ = try file.read(into: &buffer) { bytes in
            HostTables.rows(bytes) { device, values, count in
                guard count >= 16, let row = devices.row(device, &sink) else { return }
                for column in 0..<16 {
                    devices.put(Double(values[column]), row: row, column: column, &sink)
                }
            }
        }
        devices.end(&sink)
    }
}

/// `/proc/net/netstat`, `snmp` and `snmp6`: the fields node_exporter has by default.
final class NetstatSubsystem: NodeSubsystem {
    let name = "netstat"
    private let paired: [ProcFile]
    private let plain: ProcFile
    private var protocols = NameIndex()
    private var fields: [KeyedSeries] = []
    private var flat = KeyedSeries { key in
        guard let six = key.firstIndex(of: "6") else { return nil }
        let name = String(key[...six])
        let field = String(key[key.index(after: six)...])
        return NetstatSubsystem.isExported(name, field) ? NodeMetrics.netstat(name, field) : nil
    }

    init(root: String) {
        paired = ["/proc/net/netstat", "/proc/net/snmp"].map { ProcFile($0, root: root) }
        plain = ProcFile("/proc/net/snmp6", root: root)
    }

    func collect(into sink: inout NodeSink, buffer: inout ReadBuffer) throws {
        for i in fields.indices { fields[i].rewind() }
        for file in paired {
            _ = try file.read(into: &buffer) { bytes in
                HostTables.pairedLines(bytes) { key, field, value in
                    fields[index(key)].put(Double(value), field, &sink)
                }
            }
        }
        flat.rewind()
        _ = try plain.read(into: &buffer) { bytes in
            FlatKeyed.parse(bytes) { key, value in flat.put(Double(value), key, &sink) }
        }
    }

    private func index(_ key: UnsafeRawBufferPointer) -> Int {
        protocols.rewind()
        if let known = protocols.find(key) { return known }
        let name = String(decoding: key, as: UTF8.self)
        fields.append(
            KeyedSeries { field in
                Self.isExported(name, field) ? NodeMetrics.netstat(name, field) : nil
            })
        return protocols.add(key)
    }

    static func isExported(_ key: String, _ field: String) -> Bool {
        if field == "InErrors" || field == "InErrs" { return true }
        switch key {
        case "Ip": return field == "Forwarding"
        case "Ip6", "IpExt": return field == "InOctets" || field == "OutOctets"
        case "Icmp", "Icmp6": return field == "InMsgs" || field == "OutMsgs"
        case "TcpExt":
            return field.hasPrefix("Listen") || field.hasPrefix("Syncookies")
                || ["TCPSynRetrans", "TCPTimeouts", "TCPOFOQueue", "TCPRcvQDrop"].contains(field)
        case "Tcp":
            return [
                "ActiveOpens", "InSegs", "OutSegs", "OutRsts", "PassiveOpens", "RetransSegs",
                "CurrEstab", "MaxConn",
            ].contains(field)
        case "Udp", "Udp6":
            return ["InDatagrams", "OutDatagrams", "NoPorts", "RcvbufErrors", "SndbufErrors"]
                .contains(field)
        default: return false
        }
    }
}

/// `/proc/net/sockstat` and `sockstat6`: `TCP: inuse 27 orphan 0`.
final class SockstatSubsystem: NodeSubsystem {
    let name = "sockstat"
    private let files: [ProcFile]
    private var protocols = NameIndex()
    private var fields: [KeyedSeries] = []
    private var bytes: [SeriesRef?] = []

    init(root: String) {
        files = ["/proc/net/sockstat", "/proc/net/sockstat6"].map { ProcFile($0, root: root) }
    }

    func collect(into sink: inout NodeSink, buffer: inout ReadBuffer) throws {
        for i in fields.indices { fields[i].rewind() }
        protocols.rewind()
        for file in files {
            _ = try file.read(into: &buffer) { content in
                var scanner = ByteScanner(content)
                while !scanner.isAtEnd {
                    line(&scanner, &sink)
                    scanner.skipLine()
                }
            }
        }
    }

    private func line(_ scanner: inout ByteScanner, _ sink: inout NodeSink) {
        let prefix = scanner.word()
        guard prefix.last == 0x3a else { return }
        let at = index(UnsafeRawBufferPointer(rebasing: prefix.dropLast()))
        while true {
            scanner.skipBlanks()
            let field = scanner.word()
            scanner.skipBlanks()
            guard !field.isEmpty, let value = scanner.number() else { return }
            fields[at].put(Double(value), field, &sink)
            if field.equals("mem") {
                let key = String(decoding: prefix.dropLast(), as: UTF8.self)
                sink.put(
                    Double(value) * Double(Clock.pageSize), &bytes[at],
                    NodeMetrics.sockstat(key, "mem_bytes"))
            }
        }
    }

    private func index(_ key: UnsafeRawBufferPointer) -> Int {
        if let known = protocols.find(key) { return known }
        let name = String(decoding: key, as: UTF8.self)
        fields.append(KeyedSeries { NodeMetrics.sockstat(name, $0) })
        bytes.append(nil)
        return protocols.add(key)
    }
}

/// `/proc/net/softnet_stat`: one line a processor, in hexadecimal; the processor's number is in
/// column 12 since Linux 5.10, before that the line's.
final class SoftnetSubsystem: NodeSubsystem {
    let name = "softnet"
    private let file: ProcFile
    private var cpus = DeviceSeries(label: "cpu", NodeMetrics.softnet)

    init(root: String) { file = ProcFile("/proc/net/softnet_stat", root: root) }

    func collect(into sink: inout NodeSink, buffer: inout ReadBuffer) throws {
        cpus.begin()
        _ = try file.read(into: &buffer) { bytes in
            HostTables.hexRows(bytes) { line, values, count in
                guard count >= 3 else { return }
                var cpu = count > 12 ? String(values[12]) : String(line)
                let row = cpu.withUTF8 { cpus.row(UnsafeRawBufferPointer($0), &sink) }
                guard let row else { return }
                for column in 0..<3 {
                    cpus.put(Double(values[column]), row: row, column: column, &sink)
                }
            }
        }
        cpus.end(&sink)
    }
}

/// `/proc/net/arp`: entries by device, the last column.
final class ArpSubsystem: NodeSubsystem {
    let name = "arp"
    private let file: ProcFile
    private var devices = DeviceSeries(label: "device", [NodeMetrics.arpEntries])
    private var counts: [Int] = []

    init(root: String) { file = ProcFile("/proc/net/arp", root: root) }

    func collect(into sink: inout NodeSink, buffer: inout ReadBuffer) throws {
        devices.begin()
        for i in counts.indices { counts[i] = 0 }
        _ = try file.read(into: &buffer) { bytes in
            var scanner = ByteScanner(bytes)
            scanner.skipLine()
            while !scanner.isAtEnd {
                var last = scanner.word()
                while scanner.current == 0x20 {
                    scanner.skipBlanks()
                    let word = scanner.word()
                    if !word.isEmpty { last = word }
                }
                scanner.skipLine()
                guard !last.isEmpty, let row = devices.row(last, &sink) else { continue }
                while counts.count <= row { counts.append(0) }
                counts[row] += 1
            }
        }
        for (row, count) in counts.enumerated() where count > 0 {
            devices.put(Double(count), row: row, column: 0, &sink)
        }
        devices.end(&sink)
    }
}

/// `/proc/net/udp` and `udp6`.
final class UDPQueuesSubsystem: NodeSubsystem {
    let name = "udp_queues"
    private let files: [(ip: String, file: ProcFile)]
    private var series: [SeriesRef?] = Array(repeating: nil, count: 4)

    init(root: String) {
        files = [
            ("v4", ProcFile("/proc/net/udp", root: root)),
            ("v6", ProcFile("/proc/net/udp6", root: root)),
        ]
    }

    func collect(into sink: inout NodeSink, buffer: inout ReadBuffer) throws {
        for (i, source) in files.enumerated() {
            let queues = try source.file.read(into: &buffer) { HostTables.udpQueues($0) }
            guard let queues else { continue }
            let ip = source.ip
            sink.put(
                Double(queues.tx), &series[i * 2], NodeMetrics.udpQueues,
                ["queue": "tx", "ip": ip])
            sink.put(
                Double(queues.rx), &series[i * 2 + 1], NodeMetrics.udpQueues,
                ["queue": "rx", "ip": ip])
        }
    }
}

/// `/proc/net/stat/nf_conntrack`: a heading, then a line a processor, in hexadecimal. Columns are
/// found by the heading, which differs between kernels.
final class ConntrackSubsystem: NodeSubsystem {
    let name = "conntrack"
    private let file: ProcFile
    private var fields = KeyedSeries {
        exported.contains($0) ? NodeMetrics.conntrackStat($0) : nil
    }
    private static let exported: Set<String> = [
        "found", "invalid", "ignore", "insert", "insert_failed", "drop", "early_drop",
        "search_restart",
    ]

    init(root: String) { file = ProcFile("/proc/net/stat/nf_conntrack", root: root) }

    func collect(into sink: inout NodeSink, buffer: inout ReadBuffer) throws {
        fields.rewind()
        _ = try file.read(into: &buffer) { bytes in
            var scanner = ByteScanner(bytes)
            scanner.skipLine()
            let body = UnsafeRawBufferPointer(rebasing: bytes[scanner.position...])
            var sums = HostTables.Columns(repeating: 0)
            HostTables.hexRows(body) { _, values, count in
                for i in 0..<count { sums[i] &+= values[i] }
            }
            var heading = ByteScanner(bytes)
            for i in 0..<HostTables.maxColumns {
                heading.skipBlanks()
                let key = heading.word()
                if key.isEmpty { break }
                fields.put(Double(sums[i]), key, &sink)
            }
        }
    }
}
