// SPDX-License-Identifier: Apache-2.0

import Collectors
import Foundation
import Model
import TestSupport
import Testing

/// Keeps what was appended as exposition-like keys with types.
private final class Book: Appender, @unchecked Sendable {
    // Used by one test's thread alone, as the protocol promises of a sampling thread.
    var targets: [Labels] = []
    var names: [String] = []
    var types: [String: MetricType] = [:]
    var samples: [String: Double] = [:]
    var retired: [Labels] = []

    func target(_ labels: Labels) throws -> TargetRef {
        targets.append(labels)
        return TargetRef(raw: UInt32(targets.count - 1))
    }
    func series(
        _ metric: MetricDescriptor, sampleName: String, target: TargetRef, labels: Labels
    ) throws -> SeriesRef {
        let all = targets[Int(target.raw)].merging(labels)
        names.append(sampleName + all.pairs.map { "{\($0.name)=\($0.value)}" }.joined())
        types[sampleName] = metric.type
        return SeriesRef(raw: UInt32(names.count - 1))
    }
    func append(_ batch: borrowing Batch) -> AppendOutcome {
        samples = [:]
        for (series, value) in zip(batch.series, batch.values) {
            samples[names[Int(series.raw)]] = value
        }
        return AppendOutcome()
    }
    func retire(_ target: TargetRef) { retired.append(targets[Int(target.raw)]) }

    func tick(_ collector: NodeCollector, at time: Int64 = 1000) {
        var batch = Batch(timestamp: time)
        collector.collect(into: &batch, appender: self)
        _ = append(batch)
    }
}

@Suite("Sampling the host")
struct NodeCollectorTests {
    private let book = Book()

    @Test("Files of procfs and sysfs become node_exporter's metrics")
    func fixture() throws {
        let host = try TemporaryDirectory("node")
        try host.write(
            "cpu  9 9 9 9\ncpu0 100 2 300 4000 50 6 7 8 9 1\ncpu1 1 0 3 4 5 6 7 8 0 0\n"
                + "intr 77 1 2 3\nctxt 88\nbtime 1700000000\nprocesses 99\nprocs_running 2\n"
                + "procs_blocked 1\n", to: "proc/stat")
        try host.write(
            "MemTotal:  16 kB\nActive(anon):  4 kB\nHugePages_Total:  3\n", to: "proc/meminfo")
        try host.write("0.20 1.18 1.88 1/80 11206\n", to: "proc/loadavg")
        try host.write(
            " 8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n 8 1 sda1 1 2 3 4 5 6 7 8 9 10 11\n"
                + " 7 0 loop0 1 2 3 4 5 6 7 8 9 10 11\n", to: "proc/diskstats")
        try host.write(
            "Inter-| Receive | Transmit\n face |bytes\n  eth0: 10 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
            to: "proc/net/dev")
        try host.write(
            "Tcp: RtoMin MaxConn CurrEstab\nTcp: 200 -1 5\n", to: "proc/net/snmp")
        try host.write("TCP: inuse 27 mem 2\n", to: "proc/net/sockstat")
        try host.write("0000000a 00000001 00000002\n", to: "proc/net/softnet_stat")
        try host.write("some avg10=0.00 total=2500000\n", to: "proc/pressure/cpu")
        try host.write("960 0 1000\n", to: "proc/sys/fs/file-nr")
        try host.write("up\n", to: "sys/class/net/eth0/operstate")
        try host.write("1000\n", to: "sys/class/net/eth0/speed")
        try host.write("45500\n", to: "sys/class/hwmon/hwmon0/temp1_input")
        try host.write("coretemp\n", to: "sys/class/hwmon/hwmon0/name")
        try host.write(
            "md0 : active raid1 sdb1[1] sda1[0](F)\n   10 blocks [2/1] [U_]\n", to: "proc/mdstat")
        try host.write(
            "/dev/x /a\\040b ext4 ro 0 0\nproc /proc proc rw 0 0\n", to: "proc/self/mounts")
        try host.write("", to: "a b/file")
        let collector = NodeCollector(root: host.path, wait: true)
        book.tick(collector)
        let expected: [String: Double] = [
            "node_cpu_seconds_total{cpu=0}{mode=idle}": 40,
            "node_cpu_guest_seconds_total{cpu=0}{mode=user}": 0.09,
            "node_intr_total": 77, "node_forks_total": 99, "node_procs_blocked": 1,
            "node_memory_MemTotal_bytes": 16384, "node_memory_Active_anon_bytes": 4096,
            "node_memory_HugePages_Total": 3, "node_load5": 1.18,
            "node_disk_read_bytes_total{device=sda}": 1536,
            "node_disk_io_time_seconds_total{device=sda}": 0.01,
            "node_network_receive_bytes_total{device=eth0}": 10,
            "node_network_transmit_bytes_total{device=eth0}": 9,
            "node_netstat_Tcp_CurrEstab": 5, "node_netstat_Tcp_MaxConn": -1,
            "node_sockstat_TCP_inuse": 27, "node_softnet_processed_total{cpu=0}": 10,
            "node_pressure_cpu_waiting_seconds_total": 2.5, "node_filefd_maximum": 1000,
            "node_network_up{device=eth0}": 1, "node_network_speed_bytes{device=eth0}": 125_000_000,
            "node_hwmon_temp_celsius{chip=hwmon0_coretemp}{sensor=temp1}": 45.5,
            "node_md_disks{device=md0}{state=active}": 1, "node_md_disks_required{device=md0}": 2,
            "node_filesystem_readonly{device=/dev/x}{fstype=ext4}{mountpoint=/a b}": 1,
            "node_scrape_collector_success{collector=stat}": 1,
        ]
        for (name, value) in expected {
            let found = try #require(book.samples[name], "\(name) is absent")
            #expect(abs(found - value) < 1e-9, "\(name) is \(found), not \(value)")
        }
        #expect(book.samples["node_load15"] == 1.88, "decimals are exact")
        #expect(book.samples.keys.allSatisfy { !$0.contains("sda1") && !$0.contains("loop0") })
    }

    @Test("Counters do not go back by the kernel's corrections; a device that goes is retired")
    func corrections() throws {
        let host = try TemporaryDirectory("node")
        try host.write("cpu0 1 0 0 5000 10\n", to: "proc/stat")
        try host.write(" 8 0 sda 1 2 3 4\n 8 16 sdb 1 2 3 4\n", to: "proc/diskstats")
        let collector = NodeCollector(root: host.path, wait: true)
        book.tick(collector)
        try host.write("cpu0 1 0 0 4990 9\n", to: "proc/stat")
        try host.write(" 8 16 sdb 7 2 3 4\n", to: "proc/diskstats")
        book.tick(collector, at: 2000)
        #expect(book.samples["node_cpu_seconds_total{cpu=0}{mode=idle}"] == 50)
        #expect(book.samples["node_cpu_seconds_total{cpu=0}{mode=iowait}"] == 0.1)
        #expect(book.retired == [["device": "sda"]])
        #expect(book.samples["node_disk_reads_completed_total{device=sdb}"] == 7)
        #expect(book.samples["node_disk_reads_completed_total{device=sda}"] == nil)
    }

    @Test("Garbage in every file neither crashes nor makes samples of nonsense")
    func garbage() throws {
        let host = try TemporaryDirectory("node")
        let files = [
            "stat", "meminfo", "loadavg", "diskstats", "net/dev", "net/snmp", "net/netstat",
            "net/sockstat", "net/softnet_stat", "net/arp", "net/udp", "pressure/cpu", "vmstat",
            "schedstat", "sys/fs/file-nr", "self/mounts", "mdstat", "net/stat/nf_conntrack",
        ]
        var generator = SystemRandomNumberGenerator(seed: 14)
        for _ in 0..<30 {
            for file in files {
                let length = Int(generator.next() % 600)
                let alphabet = Array(
                    "cpu0 cpu:\n\n  12 9999999999999999999 -1 0x ab[]()/\\040\t=".utf8)
                let bytes = (0..<length).map { _ in
                    alphabet[Int(generator.next() % UInt64(alphabet.count))]
                }
                try host.write(String(decoding: bytes, as: UTF8.self), to: "proc/" + file)
            }
            book.tick(NodeCollector(root: host.path, wait: true))
            #expect(book.samples.values.allSatisfy { $0.isFinite })
        }
    }

    /// xorshift64*, so that a failure can be repeated.
    private struct SystemRandomNumberGenerator {
        var state: UInt64
        init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }
        mutating func next() -> UInt64 {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return (state &* 0x2545_f491_4f6c_dd1d) >> 11
        }
    }

    @Test("Every metric node_exporter has by default on this host is there, with its type")
    func conformance() throws {
        let exporter = "/usr/bin/prometheus-node-exporter"
        guard FileManager.default.isExecutableFile(atPath: exporter) else { return }
        let process = Foundation.Process()
        process.executableURL = URL(filePath: exporter)
        process.arguments = ["--web.listen-address=127.0.0.1:0", "--no-collector.textfile"]
        let errors = Pipe()
        process.standardError = errors
        try process.run()
        defer {
            process.terminate()
            process.waitUntilExit()
        }
        var log = ""
        var port: Substring?
        while port == nil {
            let data = errors.fileHandleForReading.availableData
            guard !data.isEmpty else { break }
            log += String(decoding: data, as: UTF8.self)
            port = log.firstMatch(of: /address=127\.0\.0\.1:(\d+)/)?.output.1
        }
        let found = try #require(port, "node_exporter does not say where it listens")
        let text = try Self.fetch("http://127.0.0.1:\(found)/metrics")
        book.tick(NodeCollector(wait: true))
        let own = book.types
        for line in text.split(separator: "\n") where line.hasPrefix("# TYPE node_") {
            let words = line.split(separator: " ")
            let name = String(words[2])
            guard !Self.leftOut.contains(name) else { continue }
            let type = try #require(own[name], "\(name) is absent")
            #expect((type == .unknown ? "untyped" : type.rawValue) == String(words[3]), "\(name)")
        }
        for name in ["node_memory_MemTotal_bytes", "node_boot_time_seconds"] {
            let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
            let theirs = line?.split(separator: " ").last.flatMap { Double($0) }
            #expect(book.samples[name] == theirs)
        }
    }

    private static func fetch(_ url: String) throws -> String {
        let curl = Foundation.Process()
        curl.executableURL = URL(filePath: "/usr/bin/curl")
        curl.arguments = ["-sS", "--fail", url]
        let output = Pipe()
        curl.standardOutput = output
        try curl.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        curl.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }

    /// The exporter's own build, and the speed of links that have none.
    private static let leftOut: Set<String> = [
        "node_exporter_build_info", "node_network_speed_bytes",
    ]
}
