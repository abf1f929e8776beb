// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Model
import PromQL
import Rules
import SeriesStore

/// Evaluates a rule file over the series of containers in a store of its own, in simulated time, and
/// says what a round costs. `Benchmarks/rules.py` makes the file and measures Prometheus on the same.
///
///     rules-bench RULES CONTAINERS ROUNDS DIRECTORY
@main
struct RulesBench {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 5, let containers = Int(arguments[2]),
            let rounds = Int(arguments[3])
        else {
            print("usage: rules-bench RULES CONTAINERS ROUNDS DIRECTORY")
            exit(64)
        }
        let file = try RuleFile.load(path: arguments[1])
        let store = try SeriesStore.open(directory: arguments[4])
        var host = try Host(containers: containers, store: store)
        var options = Engine.Options()
        options.threads = 1
        let engine = try RuleEngine(
            queries: RuleQueries(engine: Engine(querier: store, options: options)), store: store,
            querier: store)
        engine.load([file])
        // Ten minutes of samples before the first evaluation, then one of each in turn.
        for _ in 0..<60 { host.tick() }
        engine.evaluate(at: host.time)
        var spent = 0.0
        for round in 0..<rounds {
            host.tick()
            if round % 2 == 0 { host.tick() }
            let before = cpu
            engine.evaluate(at: host.time)
            spent += cpu - before
        }
        let status = engine.status
        let rules = status.reduce(0) { $0 + $1.rules.count }
        let failed = status.flatMap(\.rules).filter { $0.health != .good }.count
        let alerts = status.flatMap(\.rules).reduce(0) { $0 + $1.alerts.count }
        let samples = status.reduce(0) { $0 + $1.samples }
        print("rules \(rules) failed \(failed) alerts \(alerts) samples \(samples)")
        print("cpu_seconds_per_round \(spent / Double(rounds))")
    }

    /// CPU seconds of all threads of this process.
    static var cpu: Double {
        var now = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }
}

/// Containers that are sampled every ten seconds; the values are those of `rules.py`.
struct Host {
    private let store: SeriesStore
    private var series: [(ref: SeriesRef, container: Int, metric: Int)] = []
    private(set) var time: Milliseconds = 1_800_000_000_000
    private var ticks = 0

    private static let metrics: [(String, MetricType)] = [
        ("container_cpu_usage_seconds_total", .counter),
        ("container_memory_working_set_bytes", .gauge),
        ("container_spec_memory_limit_bytes", .gauge),
        ("container_threads", .gauge),
        ("container_network_receive_bytes_total", .counter),
        ("container_fs_writes_bytes_total", .counter),
        ("container_oom_events_total", .counter),
        ("container_cpu_cfs_throttled_seconds_total", .counter),
    ]

    init(containers: Int, store: SeriesStore) throws {
        self.store = store
        for container in 0..<containers {
            let target = try store.target([
                "name": "web-\(container)", "id": "id\(container)", "image": "app:\(container % 7)",
                "instance": "localhost:1", "job": "bench",
            ])
            for (number, (name, type)) in Self.metrics.enumerated() {
                let metric = MetricDescriptor(name, type, help: "Measured.")
                let ref = try store.series(metric, target: target, labels: [:])
                series.append((ref, container, number))
            }
        }
    }

    mutating func tick() {
        time += 10_000
        ticks += 1
        var batch = Batch(timestamp: time)
        for one in series {
            let (c, t) = (Double(one.container), Double(ticks))
            let value: Double =
                switch one.metric {
                case 0: t * 10 * (c + 1) / 200
                case 1: (c + 1) * 1_000_000 + Double((ticks * 7 + one.container) % 50) * 4096
                case 2: 200_000_000
                case 3: Double(4 + (ticks + one.container) % 9)
                case 4: t * 1000 * (c + 1)
                case 5: t * 4096 * (c + 1)
                case 6: 0
                default: t * 0.01 * c
                }
            batch.append(one.ref, value)
        }
        _ = store.append(batch)
    }
}
