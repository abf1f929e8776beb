// SPDX-License-Identifier: Apache-2.0

import Model

/// Numbers that are the same in each run (Marsaglia, "Xorshift RNGs", 2003).
struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_f491_4f6c_dd1d
    }

    /// In 0 ..< 1.
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// About normal, mean 0, deviation 1: the sum of twelve.
    mutating func normal() -> Double { (0..<12).reduce(-6.0) { sum, _ in sum + unit() } }
}

/// A host with containers as their cgroups look: a tenth busy, three tenths moderate, the rest
/// nearly idle, and for every fifteenth a service with a histogram. 40 series a container.
struct Host {
    static let counters = [
        "cpu_usage_seconds", "cpu_user_seconds", "cpu_system_seconds", "cpu_throttled_seconds",
        "pressure_cpu_seconds", "pressure_memory_seconds", "pressure_memory_full_seconds",
        "pressure_io_seconds", "pressure_io_full_seconds",
        "cpu_periods", "cpu_throttled_periods", "memory_faults", "memory_major_faults",
        "memory_high_events", "oom_kills", "io_read_bytes", "io_write_bytes", "io_reads",
        "io_writes", "net_rx_bytes", "net_tx_bytes", "net_rx_packets", "net_tx_packets",
    ]
    static let gauges = [
        "memory_current_bytes", "memory_anon_bytes", "memory_file_bytes", "memory_kernel_bytes",
        "memory_kernel_stack_bytes", "memory_slab_bytes", "memory_sock_bytes",
        "memory_active_file_bytes", "memory_inactive_file_bytes", "memory_swap_bytes",
        "pids_current", "pressure_cpu_avg10", "pressure_memory_avg10", "pressure_io_avg10",
        "memory_limit_bytes", "cpu_limit_cores", "start_time_seconds",
    ]
    private static let seconds = 9
    static let bounds = [
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, Double.infinity,
    ]

    let containers: Int
    private var random: Random
    private let activity: [Double]
    private var load: [Double]
    private var counts: [[Double]]
    private var levels: [[Double]]
    private var histograms: [[Double]]

    /// What each value of a tick belongs to, family by family.
    let series: [(metric: MetricDescriptor, sampleName: String, labels: Labels)]

    init(containers: Int, seed: UInt64) {
        self.containers = containers
        var random = Random(seed: seed)
        activity = (0..<containers).map { _ in
            let draw = random.unit()
            return (draw < 0.1 ? 1 : draw < 0.4 ? 0.1 : 0.004) * (0.5 + random.unit())
        }
        load = Array(repeating: 1, count: containers)
        counts = activity.map { activity in
            Self.counters.map { _ in (random.unit() * 5e9 * activity).rounded(.down) }
        }
        levels = activity.map { _ in
            var levels = Self.gauges.map { _ in (random.unit() * 2e4).rounded(.down) * 4096 }
            levels[9] = 0
            levels[10] = 1 + (random.unit() * 20).rounded(.down)
            for pressure in 11...13 { levels[pressure] = 0 }
            levels[14] = Double(1 << (27 + random.next() % 6))
            levels[15] = [0.5, 1, 2, 4][Int(random.next() % 4)]
            levels[16] = 1.763e9 + (random.unit() * 1e6).rounded(.down)
            return levels
        }
        histograms = Array(
            repeating: Array(repeating: 0, count: Self.bounds.count + 1), count: containers / 15)
        series = Self.describe(containers, &random)
        self.random = random
    }

    private static func describe(
        _ containers: Int, _ random: inout Random
    ) -> [(metric: MetricDescriptor, sampleName: String, labels: Labels)] {
        let images = ["nginx", "redis", "postgres", "app", "worker", "cron", "sidecar", "kafka"]
        let labels: [Labels] = (0..<containers).map { i in
            let id = String(random.next() >> 16, radix: 16)
            let image = images[i % images.count]
            return [
                "id": id, "name": "\(image)-\(i)", "image": "registry.local/\(image):v\(i % 5)",
                "pod": "pod-\(i / 3)", "slice": i % 4 == 0 ? "system.slice" : "machine.slice",
            ]
        }
        var all: [(metric: MetricDescriptor, sampleName: String, labels: Labels)] = []
        for name in counters {
            let metric = MetricDescriptor("container_\(name)_total", .counter, help: "Simulated.")
            all += labels.map { (metric, metric.name, $0) }
        }
        for name in gauges {
            let metric = MetricDescriptor("container_\(name)", .gauge, help: "Simulated.")
            all += labels.map { (metric, metric.name, $0) }
        }
        let family = MetricDescriptor("http_request_seconds", .histogram, help: "Simulated.")
        for service in 0..<(containers / 15) {
            for bound in bounds {
                let le = bound == .infinity ? "+Inf" : "\(bound)"
                let labels: Labels = ["service": "svc-\(service)", "le": le]
                all.append((family, family.name + "_bucket", labels))
            }
            let labels: Labels = ["service": "svc-\(service)"]
            all.append((family, family.name + "_sum", labels))
            all.append((family, family.name + "_count", labels))
        }
        return all
    }

    /// Lets `seconds` pass.
    mutating func step(_ seconds: Double) {
        for i in 0..<containers { step(container: i, seconds) }
        for i in histograms.indices {
            for _ in 0..<Int(random.unit() * 20 * seconds) {
                let duration = (0.05 * (1 + random.normal().magnitude * 3) * 1e6).rounded() / 1e6
                for (bucket, bound) in Self.bounds.enumerated() where duration <= bound {
                    histograms[i][bucket] += 1
                }
                histograms[i][Self.bounds.count] += (duration * 1e6).rounded()
            }
        }
    }

    private mutating func step(container i: Int, _ seconds: Double) {
        let activity = activity[i]
        load[i] = min(2.5, max(0.2, load[i] + random.normal() * 0.08 * seconds.squareRoot()))
        let isIdle = activity < 0.01
        guard !isIdle || random.unit() < min(1, 0.25 * seconds) else { return }
        let cpu = activity * load[i] * seconds * (0.8 + 0.4 * random.unit())
        let used = (cpu * 1e6).rounded(.down)
        let user = (used * (0.6 + 0.25 * random.unit())).rounded(.down)
        func add(_ counter: Int, _ amount: Double) { counts[i][counter] += amount.rounded(.down) }
        add(0, used)
        add(1, user)
        add(2, used - user)
        add(4, used * 0.05 * random.unit())
        add(9, isIdle ? 1 : 10 * seconds)
        if cpu > 0.9 * seconds, random.unit() < 0.5 {
            add(3, 1000 + random.unit() * 199_000)
            add(10, 1 + random.unit() * 5)
        }
        if activity > 0.3, random.unit() < 0.05 {
            add(5, random.unit() * 9000)
            add(6, random.unit() * 2000)
        }
        let writes =
            random.unit() < min(1, activity * 3 + 0.02)
            ? (random.unit() * 40 * (activity + 0.05) * 5 * seconds).rounded(.down) : 0
        let reads =
            random.unit() < activity * 0.3
            ? (random.unit() * 20 * seconds).rounded(.down) : 0
        add(18, writes)
        add(16, writes * 4096 * (1 + random.unit() * 7).rounded(.down))
        add(17, reads)
        add(15, reads * 4096 * (1 + random.unit() * 15).rounded(.down))
        let waited = ((writes + reads) * random.unit() * 240).rounded(.down)
        add(7, waited)
        add(8, waited * 0.8)
        add(11, cpu * random.unit() * 4000)
        let packets = (random.unit() * 600 * activity * seconds).rounded(.down)
        let sent = (packets * (0.6 + 0.5 * random.unit())).rounded(.down)
        add(21, packets)
        add(19, packets * (60 + 840 * random.unit()))
        add(22, sent)
        add(20, sent * (60 + 1140 * random.unit()))
        for (gauge, share) in [(1, 0.6), (2, 0.3), (4, 0.05), (5, 0.4), (6, 0.2)]
        where random.unit() < share * (isIdle ? 0.15 : 1) {
            levels[i][gauge] = max(
                0, levels[i][gauge] + (random.normal() * 60).rounded(.down) * 4096)
        }
        levels[i][3] = levels[i][4] + levels[i][5]
        levels[i][7] = (levels[i][2] * 0.4 / 4096).rounded(.down) * 4096
        levels[i][8] = levels[i][2] - levels[i][7]
        levels[i][0] = levels[i][1] + levels[i][2] + levels[i][3] + levels[i][6]
        levels[i][11] = (levels[i][11] * 90 + used * 0.0001).rounded() / 100
        levels[i][13] = (levels[i][13] * 90 + waited * 0.001).rounded() / 100
    }

    /// The values of this tick, in the order of `series`.
    func values() -> [Double] {
        var all: [Double] = []
        all.reserveCapacity(series.count)
        for counter in Self.counters.indices {
            for i in 0..<containers {
                all.append(counter < Self.seconds ? counts[i][counter] / 1e6 : counts[i][counter])
            }
        }
        for gauge in Self.gauges.indices {
            for i in 0..<containers { all.append(levels[i][gauge]) }
        }
        for one in histograms {
            all += one.dropLast()
            all.append(one[Self.bounds.count] / 1e6)
            all.append(one[Self.bounds.count - 1])
        }
        return all
    }
}
