// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import Outputs
import SeriesStore
import Synchronization
import TestSupport

/// A carrier that answers as it was told, and keeps what it carried.
final class ScriptedCarrier: Carrier {
    private struct State {
        var script: [Verdict]
        var taken: [Parcel] = []
        var attempts = 0
    }

    private let state: Mutex<State>

    init(_ script: [Verdict] = []) { state = Mutex(State(script: script)) }

    var taken: [Parcel] { state.withLock { $0.taken } }
    var attempts: Int { state.withLock { $0.attempts } }

    func carry(_ parcel: Parcel) -> Verdict {
        state.withLock { state in
            state.attempts += 1
            let verdict = state.script.isEmpty ? .accepted : state.script.removeFirst()
            if verdict == .accepted { state.taken.append(parcel) }
            return verdict
        }
    }

    func interrupt() {}
}

/// A number that a test changes while others read it.
final class Counter: Sendable {
    private let state: Mutex<Int>

    init(_ value: Int) { state = Mutex(value) }

    var value: Int {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}

/// A source of numbered records, one byte each.
final class NumberSource: ParcelSource {
    private let counted: @Sendable () -> Int
    private var done: Int
    private var pending = 0

    private var count: Int { counted() }

    convenience init(count: Int, cursor: String?) {
        self.init(counted: { count }, cursor: cursor)
    }

    /// A source that may come to have more.
    init(counted: @escaping @Sendable () -> Int, cursor: String?) {
        self.counted = counted
        done = cursor.flatMap { Int($0) } ?? 0
    }

    var cursor: String { String(done) }

    /// Part p of n has the numbers that leave p when divided by n.
    func next(_ limits: BatchLimits) throws -> [Parcel] {
        pending = min(limits.records * limits.parts, count - done)
        return (0..<limits.parts).compactMap { part in
            let body = (done..<(done + pending)).filter { $0 % limits.parts == part }
                .map { UInt8($0 % 256) }
            guard !body.isEmpty else { return nil }
            var parcel = Parcel(
                body: body, records: body.count, rawBytes: body.count, newest: 0, isFull: true)
            parcel.part = part
            return parcel
        }
    }

    func acknowledge() { done += pending }

    func describe(_ parcel: Parcel) -> [UInt8] {
        Array("{\"first\":\(done + parcel.part)}\n".utf8)
    }

    func backlog() throws -> Backlog {
        var backlog = Backlog()
        backlog.records = Int64(count - done)
        return backlog
    }

    func seek(to time: Milliseconds) throws { done = Int(time) }

    func takeGap() -> Bool { false }
}

extension DeliveryOptions {
    /// Everything the store has, ten records a request, and no long waits.
    static var hasty: DeliveryOptions {
        var options = DeliveryOptions()
        options.fromOldest = true
        options.batch.records = 10
        options.batch.age = 0
        options.poll = 10
        options.firstBackoff = 5
        options.longestBackoff = 20
        return options
    }
}

/// A server that a test starts and that ends with it.
final class Server: Sendable {
    private let process: Process
    let port: Int

    init(
        _ program: String, port: Int = Server.freePort(), _ arguments: (Int) -> [String]
    ) throws {
        self.port = port
        process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments(port)
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    static func freePort() -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, __CONST_SOCKADDR_ARG(__sockaddr__: $0), length)
                getsockname(descriptor, __SOCKADDR_ARG(__sockaddr__: $0), &length)
            }
            return Int(UInt16(bigEndian: pointer.pointee.sin_port))
        }
    }

    /// What curl gets from a path; nil when there is no answer.
    func get(_ path: String, _ parameters: [String] = []) throws -> String? {
        let curl = Process()
        curl.executableURL = URL(filePath: "/usr/bin/curl")
        curl.arguments =
            ["-sS", "-G", "http://127.0.0.1:\(port)\(path)"]
            + parameters.flatMap { ["--data-urlencode", $0] }
        let out = Pipe()
        curl.standardOutput = out
        curl.standardError = FileHandle.nullDevice
        try curl.run()
        let bytes = try out.fileHandleForReading.readToEnd() ?? Data()
        curl.waitUntilExit()
        return curl.terminationStatus == 0 ? String(decoding: bytes, as: UTF8.self) : nil
    }
}

/// Makes a store with a few series of awkward names and values.
func makeStore(
    _ directory: TemporaryDirectory, ticks: Int, from start: Milliseconds, ticksPerBucket: Int = 600
) throws -> SeriesStore {
    var options = SeriesStore.Options()
    options.ticksPerBucket = ticksPerBucket
    let store = try SeriesStore.open(directory: directory.appending("series"), options: options)
    let refs = try refs(store)
    for tick in 0..<ticks {
        var batch = Batch(timestamp: start + Int64(tick) * 1000)
        for (index, ref) in refs.enumerated() where index != 3 || tick % 10 < 7 {
            batch.append(ref, Double(tick) * 1.25 + Double(index) * 1000)
        }
        _ = store.append(batch)
    }
    return store
}

private func refs(_ store: SeriesStore) throws -> [SeriesRef] {
    let gauge = MetricDescriptor("ullage_test_gauge", .gauge, unit: "bytes", help: "A \"test\".")
    let counter = MetricDescriptor("ullage_test_total", .counter, help: "Counts.")
    let one = try store.target(["name": "web", "image": "nginx:1.25"])
    let two = try store.target(["name": "quote\"back\\slash", "image": "ü\n"])
    return try [one, two].flatMap { target in
        [
            try store.series(gauge, target: target),
            try store.series(counter, target: target, labels: ["cpu": "0"]),
            try store.series(counter, target: target, labels: ["cpu": "1"]),
        ]
    }
}

extension SinkOptions {
    /// The HTTP server of a sink that has one.
    var http: HTTPTarget? {
        get { if case .http(let target) = destination { target } else { nil } }
        set { if let newValue { destination = .http(newValue) } }
    }
}

extension TemporaryDirectory {
    /// The files of a certificate for a name that signs itself, and of its key.
    func certificate(_ name: String) throws -> (file: String, key: String) {
        let (file, key) = (appending("\(name).pem"), appending("\(name).key"))
        let made = Process()
        made.executableURL = URL(filePath: "/usr/bin/openssl")
        made.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-keyout", key, "-out", file, "-days", "2", "-subj", "/CN=\(name)",
            "-addext", "subjectAltName=DNS:\(name)",
        ]
        made.standardError = FileHandle.nullDevice
        try made.run()
        made.waitUntilExit()
        return (file, key)
    }
}
