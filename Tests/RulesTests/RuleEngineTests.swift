// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Model
import PromQL
import SeriesStore
import Synchronization
import TestSupport
import Testing

@testable import Rules

/// Alerts as they are handed over.
private final class Received: AlertSink {
    let batches = Mutex<[[Alert]]>([])
    func send(_ alerts: [Alert]) { batches.withLock { $0.append(alerts) } }
    var all: [Alert] { batches.withLock { $0.flatMap(\.self) } }
}

/// Runs a task apart from the threads that tests block.
private final class OwnThread: TaskExecutor {
    private let queue = DispatchQueue(label: "rules")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// A store, what a sampler would write into it, and an engine over it with a clock of its own.
private final class Bench {
    let directory: TemporaryDirectory
    var store: SeriesStore
    let received = Received()
    private var samples: [String: (SeriesRef, TargetRef)] = [:]
    private(set) var groups: [GroupEvaluation] = []
    private(set) var time: Milliseconds = 1_700_000_000_000
    var options = RuleEngine.Options()

    init() throws {
        directory = try TemporaryDirectory("rules")
        store = try SeriesStore.open(directory: directory.path)
        options.externalURL = "http://host"
    }

    private var context: EvaluationContext {
        EvaluationContext(
            queries: RuleQueries(engine: Engine(querier: store)), store: store, querier: store,
            sink: received, options: options)
    }

    func load(_ rules: String, isRestored: Bool = true) throws {
        let file = try RuleFile.parse(Array(rules.utf8), path: "r.yaml")
        var next: UInt16 = 1024
        let fresh = file.groups.map { group in
            defer { next += UInt16(group.rules.count) }
            return GroupEvaluation(
                group, context: context,
                timelines: group.rules.indices.map { next + UInt16($0) }, isRestored: isRestored)
        }
        for group in fresh {
            if let old = groups.first(where: { $0.group.name == group.group.name }) {
                group.takeOver(old, at: time)
            }
        }
        groups = fresh
    }

    /// Samples `values` by container name, then evaluates; a minute later by the clock.
    func step(_ values: [String: Double], minutes: Int = 1) throws {
        time += Milliseconds(minutes) * 60_000
        var batch = Batch(timestamp: time - 1)
        for (name, value) in values {
            if samples[name] == nil {
                let target = try store.target(["name": name])
                let metric = MetricDescriptor("m", .gauge, help: "h")
                samples[name] = (try store.series(metric, target: target, labels: [:]), target)
            }
            if let ref = samples[name]?.0 { batch.append(ref, value) }
        }
        _ = store.append(batch)
        for group in groups { group.evaluate(at: time) }
    }

    /// The agent ends and begins again after a pause.
    func restart(after minutes: Int, _ rules: String) throws {
        try store.flush()
        groups = []
        samples = [:]
        store = try SeriesStore.open(directory: directory.appending("none"))
        store = try SeriesStore.open(directory: directory.path)
        time += Milliseconds(minutes) * 60_000
        try load(rules, isRestored: false)
    }

    /// `name{label} value` of each series an expression yields.
    func query(_ expression: String) throws -> [String] {
        let result = try Engine(querier: store).instant(expression, at: time)
        guard case .vector(let samples) = result.value else { return [] }
        return samples.map { sample in
            let labels = sample.labels.pairs.map { "\($0.name)=\($0.value)" }
            return labels.joined(separator: ",") + " \(sample.point.value)"
        }.sorted()
    }

    var status: RuleStatus { groups[0].status.rules[0] }
}

@Suite("Evaluating rules")
struct RuleEngineTests {
    private static let alert = """
        groups:
        - name: g
          interval: 1m
          rules:
          - alert: High
            expr: m > 5
            for: 2m
            labels: {severity: "{{ if gt $value 8.0 }}page{{ else }}warn{{ end }}"}
            annotations: {summary: "{{ $labels.name }} is at {{ $value }}"}
        """

    @Test("Recording rules see what those before them in the group recorded")
    func recording() throws {
        let bench = try Bench()
        try bench.load(
            """
            groups:
            - name: g
              labels: {team: a}
              rules:
              - {record: sum, expr: sum(m)}
              - {record: twice, expr: sum * 2, labels: {x: y}}
              - {record: one, expr: "1"}
            """)
        try bench.step(["a": 1, "b": 2])
        #expect(try bench.query("sum") == ["__name__=sum,team=a 3.0"])
        #expect(try bench.query("twice") == ["__name__=twice,team=a,x=y 6.0"])
        #expect(try bench.query("one") == ["__name__=one,team=a 1.0"])
    }

    @Test("A series that a rule yields no more ends at once")
    func staleness() throws {
        let bench = try Bench()
        try bench.load("groups: [{name: g, rules: [{record: r, expr: m > 1}]}]")
        try bench.step(["a": 5, "b": 5])
        #expect(try bench.query("r").count == 2)
        try bench.step(["a": 5, "b": 0])
        #expect(try bench.query("r") == ["__name__=r,name=a 5.0"])
        try bench.step(["a": 0, "b": 0])
        #expect(try bench.query("r").isEmpty)
        try bench.step(["a": 7, "b": 0])
        #expect(try bench.query("r") == ["__name__=r,name=a 7.0"])
    }

    @Test("An evaluation that fails says why, and leaves the series as they were")
    func failures() throws {
        let bench = try Bench()
        let rules = """
            groups:
            - name: g
              limit: 2
              rules:
              - {record: r, expr: m}
            """
        try bench.load(rules)
        try bench.step(["a": 1, "b": 2])
        #expect(bench.status.health == .good)
        try bench.step(["a": 1, "b": 2, "c": 3])
        #expect(bench.status.health == .bad)
        #expect(bench.status.lastError == "exceeded limit of 2 with 3 series")
        // As in Prometheus, no end is written: the last values are seen for the lookback.
        #expect(try bench.query("r").count == 2)
        try bench.load("groups: [{name: g, rules: [{record: s, expr: m, labels: {name: x}}]}]")
        try bench.step(["a": 1, "b": 2])
        #expect(bench.status.lastError.contains("same labelset"))
        #expect(bench.groups[0].status.failures == 2)
        // The rule that is gone has ended.
        #expect(try bench.query("r").isEmpty)
    }

    @Test("An alert is pending for its time, fires, and is resolved")
    func lifecycle() throws {
        let bench = try Bench()
        try bench.load(Self.alert)
        try bench.step(["a": 6])
        let began = bench.time
        #expect(bench.status.state == .pending)
        #expect(
            try bench.query("ALERTS") == [
                "__name__=ALERTS,alertname=High,alertstate=pending,name=a,severity=warn 1.0"
            ])
        #expect(
            try bench.query("ALERTS_FOR_STATE") == [
                "__name__=ALERTS_FOR_STATE,alertname=High,name=a,severity=warn "
                    + "\(Double(began / 1000))"
            ])
        try bench.step(["a": 7])
        #expect(bench.received.all.isEmpty)
        try bench.step(["a": 8])
        let fired = try #require(bench.received.all.first)
        #expect(fired.state == .firing && fired.activeAt == began && fired.startsAt == bench.time)
        #expect(fired.endsAt == bench.time + 240_000)
        #expect(fired.annotations["summary"] == "a is at 8")
        #expect(fired.generatorURL == "http://host/graph?g0.expr=m+%3E+5&g0.tab=1")
        #expect(try bench.query("ALERTS{alertstate=\"pending\"}").isEmpty)
        try bench.step(["a": 1])
        let resolved = try #require(bench.received.all.last)
        #expect(resolved.endsAt == bench.time && resolved.isResolved(at: bench.time))
        #expect(try bench.query("ALERTS").isEmpty)
        #expect(bench.status.alerts.isEmpty)
    }

    @Test("Firing alerts are handed over again after the delay, resolved ones for 15 minutes")
    func resending() throws {
        let bench = try Bench()
        try bench.load("groups: [{name: g, interval: 1m, rules: [{alert: A, expr: m > 5}]}]")
        for _ in 0..<6 { try bench.step(["a": 6]) }
        // At once, then each time more than a minute has passed.
        #expect(bench.received.all.count == 3)
        for _ in 0..<30 { try bench.step(["a": 0]) }
        let resolved = bench.received.all.filter { $0.state == .inactive }
        #expect(resolved.count == 8)
        #expect(Set(resolved.map(\.endsAt)).count == 1)
    }

    @Test("keep_firing_for holds an alert after its expression is false")
    func keepFiring() throws {
        let bench = try Bench()
        try bench.load(
            "groups: [{name: g, rules: [{alert: A, expr: m > 5, keep_firing_for: 3m}]}]")
        try bench.step(["a": 6])
        for _ in 0..<3 {
            try bench.step(["a": 0])
            #expect(bench.status.state == .firing)
        }
        try bench.step(["a": 0])
        #expect(bench.status.state == .inactive)
    }

    @Test("Two alerts with the same labels are an error, and nothing is handed over")
    func duplicates() throws {
        let bench = try Bench()
        try bench.load(
            "groups: [{name: g, rules: [{alert: A, expr: m > 5, labels: {name: x}}]}]")
        try bench.step(["a": 6, "b": 6])
        #expect(bench.status.lastError.contains("same labelset after applying alert labels"))
        #expect(bench.received.all.isEmpty)
        #expect(try bench.query("ALERTS").isEmpty)
    }

    @Test("Too many alerts are none at all")
    func limit() throws {
        let bench = try Bench()
        try bench.load("groups: [{name: g, limit: 1, rules: [{alert: A, expr: m > 5}]}]")
        try bench.step(["a": 6])
        #expect(bench.status.alerts.count == 1)
        try bench.step(["a": 6, "b": 6])
        #expect(bench.status.lastError == "exceeded limit of 1 with 2 alerts")
        #expect(bench.status.alerts.isEmpty)
    }

    @Test("A template that fails is said in its place")
    func templateError() throws {
        let bench = try Bench()
        try bench.load(
            """
            groups: [{name: g, rules: [{alert: A, expr: m, annotations: {
              a: "{{ query \\"m\\" | first | value }}", b: "{{ .Nope }}"}}]}]
            """)
        try bench.step(["a": 6])
        let annotations = try #require(bench.received.all.first?.annotations)
        #expect(annotations["a"] == "6")
        #expect(annotations["b"].hasPrefix("<error expanding template: error executing template"))
    }

    @Test("query_offset moves both what is read and what is written")
    func queryOffset() throws {
        let bench = try Bench()
        try bench.load(
            "groups: [{name: g, query_offset: 1m, rules: [{record: r, expr: timestamp(m)}]}]")
        try bench.step(["a": 1])
        try bench.step(["a": 1])
        try bench.step(["a": 1])
        let expected = Double(bench.time - 60_001) / 1000
        #expect(try bench.query("r") == ["__name__=r,name=a \(expected)"])
        #expect(try bench.query("timestamp(r)") == ["name=a \(Double(bench.time - 60_000) / 1000)"])
    }

    @Test("Rules over logs are judged and evaluated by the language they are given")
    func logs() throws {
        let text = """
            groups:
            - name: g
              rules:
              - alert: Errors
                expr: count_over_time({container="web"} |= "error" [5m]) > 3
            """
        let check: RuleFile.Check = { text throws(QueryError) in
            guard text.contains("count_over_time") else { throw QueryError(.badData, "no numbers") }
        }
        let path = "errors.logs.yaml"
        let file = try RuleFile.parse(Array(text.utf8), path: path, checkLogQL: check)
        #expect(file.groups[0].language == .logQL)
        do throws(RuleFileError) {
            _ = try RuleFile.parse(
                Array(text.replacing("count_over_time", with: "lines").utf8), path: path,
                checkLogQL: check)
            Issue.record("it was accepted")
        } catch { #expect(error.description.contains("no numbers")) }

        let bench = try Bench()
        let engine = Engine(querier: bench.store)
        let asked = Mutex<[String]>([])
        let logQL: RuleQueries.Query = { text, time throws(QueryError) in
            asked.withLock { $0.append(text) }
            let point = Point(timestamp: time, value: 7)
            return QueryResult(
                value: .vector([VectorSample(labels: ["container": "web"], point: point)]))
        }
        for (queries, health) in [
            (RuleQueries(engine: engine, logQL: logQL), RuleStatus.Health.good),
            (RuleQueries(engine: engine), .bad),
        ] {
            let context = EvaluationContext(
                queries: queries, store: bench.store, querier: bench.store, sink: bench.received,
                options: bench.options)
            let group = GroupEvaluation(
                file.groups[0], context: context, timelines: [2000], isRestored: true)
            group.evaluate(at: bench.time)
            #expect(group.status.rules[0].health == health)
        }
        #expect(asked.withLock { $0 } == [file.groups[0].rules[0].expression])
        #expect(bench.received.all.first?.labels["container"] == "web")
    }

    @Test("A rule that takes long delays the rest of its group, and no other group")
    func slowRule() async throws {
        let bench = try Bench()
        let slow = try RuleFile.parse(
            Array(
                """
                groups:
                - name: slow
                  interval: 20ms
                  rules: [{record: a, expr: 'count_over_time({x="y"}[5m])'}]
                """.utf8), path: "slow.logs.yaml")
        let fast = try RuleFile.parse(
            Array("groups: [{name: fast, interval: 20ms, rules: [{record: b, expr: '1'}]}]".utf8),
            path: "fast.yaml")
        let isHeld = Atomic<Bool>(true)
        let isWaiting = Atomic<Bool>(false)
        let answer = DispatchSemaphore(value: 0)
        let logQL: RuleQueries.Query = { _, time throws(QueryError) in
            isWaiting.store(true, ordering: .releasing)
            if isHeld.load(ordering: .acquiring) { answer.wait() }
            return QueryResult(value: .scalar(Point(timestamp: time, value: 1)))
        }
        let engine = try RuleEngine(
            queries: RuleQueries(engine: Engine(querier: bench.store), logQL: logQL),
            store: bench.store, querier: bench.store)
        engine.load([slow, fast])
        let running = Task(executorPreference: OwnThread()) { await engine.run() }
        #expect(eventually { isWaiting.load(ordering: .acquiring) })
        let before = engine.status[1].iterations
        #expect(eventually { engine.status[1].iterations >= before + 5 })
        #expect(engine.status[0].evaluations == 0)
        isHeld.store(false, ordering: .releasing)
        answer.signal()
        // What it could not do in the meantime is said.
        #expect(eventually { engine.status[0].evaluations >= 2 })
        #expect(engine.status[0].missed >= 3)
        running.cancel()
        await running.value
    }

    // MARK: Restarts and reloads

    private static let slow = alert.replacing("for: 2m", with: "for: 30m")

    @Test("A restart in the middle of `for` goes on where it was, without the time away")
    func restart() throws {
        let bench = try Bench()
        try bench.load(Self.slow)
        for _ in 0..<16 { try bench.step(["a": 6]) }
        let active = bench.status.alerts[0].activeAt
        try bench.restart(after: 5, Self.slow)
        try bench.step(["a": 6])
        // Until the state is restored nothing is written over it.
        #expect(bench.status.alerts[0].activeAt == bench.time)
        try bench.step(["a": 6])
        bench.groups[0].restore(at: bench.time)
        try bench.step(["a": 6])
        #expect(bench.status.alerts[0].activeAt == active + 7 * 60_000)
        #expect(bench.status.state == .pending)
        for _ in 0..<13 { try bench.step(["a": 6]) }
        #expect(bench.status.state == .pending)
        try bench.step(["a": 6])
        #expect(bench.status.state == .firing)
    }

    @Test(
        "An alert that fired before a restart fires at once; one about to fire waits the grace period"
    )
    func restartFiring() throws {
        let bench = try Bench()
        try bench.load(Self.slow)
        for _ in 0..<40 { try bench.step(["a": 6]) }
        #expect(bench.status.state == .firing)
        try bench.step(["a": 6, "b": 6])
        for _ in 0..<25 { try bench.step(["a": 6, "b": 6]) }
        try bench.restart(after: 2, Self.slow)
        for _ in 0..<2 { try bench.step(["a": 6, "b": 6]) }
        bench.groups[0].restore(at: bench.time)
        try bench.step(["a": 6, "b": 6])
        let states = bench.status.alerts.map(\.state)
        #expect(states == [.firing, .pending])
        for _ in 0..<9 { try bench.step(["a": 6, "b": 6]) }
        #expect(bench.status.alerts.map(\.state) == [.firing, .firing])
    }

    @Test("After too long an outage, and for alerts that were over, nothing is restored")
    func noRestoring() throws {
        let bench = try Bench()
        try bench.load(Self.slow)
        for _ in 0..<5 { try bench.step(["a": 6]) }
        try bench.restart(after: 90, Self.slow)
        for _ in 0..<2 { try bench.step(["a": 6]) }
        let active = bench.status.alerts[0].activeAt
        bench.groups[0].restore(at: bench.time)
        #expect(bench.groups[0].needsRestoring == false)
        try bench.step(["a": 6])
        #expect(bench.status.alerts[0].activeAt == active)
        try bench.step(["a": 0])
        try bench.restart(after: 1, Self.slow)
        for _ in 0..<2 { try bench.step(["a": 6]) }
        let again = bench.status.alerts[0].activeAt
        bench.groups[0].restore(at: bench.time)
        try bench.step(["a": 6])
        #expect(bench.status.alerts[0].activeAt == again)
    }

    @Test("A reload keeps the alerts of rules that stay and ends those that are gone")
    func reload() throws {
        let bench = try Bench()
        try bench.load(Self.alert)
        for _ in 0..<3 { try bench.step(["a": 6]) }
        try bench.load(Self.alert.replacing("for: 2m", with: "for: 5m"))
        try bench.step(["a": 6])
        #expect(bench.status.state == .firing)
        #expect(try bench.query("ALERTS").count == 1)
        try bench.load(Self.alert.replacing("High", with: "Other"))
        try bench.step(["a": 6])
        #expect(try bench.query("ALERTS{alertname=\"High\"}").isEmpty)
        #expect(try bench.query("ALERTS{alertname=\"Other\"}").count == 1)
    }

    @Test("A clock that is set back does not stop evaluation")
    func clockBack() throws {
        let bench = try Bench()
        try bench.load(Self.alert)
        for _ in 0..<4 { try bench.step(["a": 6]) }
        try bench.step(["a": 6], minutes: -30)
        for _ in 0..<4 { try bench.step(["a": 6]) }
        #expect(bench.status.health == .good)
        #expect(bench.status.state == .firing)
        try bench.step(["a": 6], minutes: 600)
        #expect(bench.status.state == .firing)
    }
}
