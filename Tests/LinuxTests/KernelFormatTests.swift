// SPDX-License-Identifier: Apache-2.0

import Linux
import SystemPackage
import TestSupport
import Testing

/// Calls `body` with the bytes of a text.
private func bytes<R>(_ text: String, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    var text = text
    return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
}

@Suite("Kernel file formats")
struct KernelFormatTests {
    @Test("cpu.stat and its v1 relatives")
    func cpu() {
        var stat = CPUStat()
        bytes(
            "usage_usec 150\nuser_usec 100\nsystem_usec 50\nnr_periods 7\nnr_throttled 3\nthrottled_usec 9\n"
        ) {
            stat.parse($0)
        }
        #expect(stat.usage == 150 && stat.user == 100 && stat.system == 50)
        #expect(stat.periods == 7 && stat.throttledPeriods == 3 && stat.throttled == 9)
        bytes("nr_periods 8\nnr_throttled 4\nthrottled_time 5000\n") { stat.parse($0) }
        #expect(stat.throttled == 5 && stat.usage == 150)
        #expect(bytes("max 100000\n") { CPUQuota($0) }?.cores == .some(nil))
        #expect(bytes("50000 100000\n") { CPUQuota($0) }?.cores == 0.5)
        #expect(bytes("50000 0\n") { CPUQuota($0) } == nil)
    }

    @Test("memory.stat of both versions, memory.events, single values")
    func memory() {
        var layout = KeyLayout()
        let v2 = bytes("anon 1\nfile 2\nkernel 3\ninactive_file 4\npgfault 5\n") {
            MemoryStat(v2: $0, layout: &layout)
        }
        #expect(v2[.anon] == 1 && v2[.file] == 2 && v2[.kernel] == 3)
        #expect(v2[.inactiveFile] == 4 && v2[.faults] == 5)
        // A file of another shape is read as well with what was learned of the first.
        let other = bytes("new_key 9\nfile 7\nanon 6\n") { MemoryStat(v2: $0, layout: &layout) }
        #expect(other[.anon] == 6 && other[.file] == 7 && other[.kernel] == nil)
        let v1 = bytes("rss 9\ntotal_rss 1\ntotal_cache 2\n") {
            var layout = KeyLayout()
            return MemoryStat(v1: $0, layout: &layout)
        }
        #expect(v1[.anon] == 1 && v1[.file] == 2 && v1[.kernel] == nil)
        #expect(
            bytes("low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\n") { MemoryEvents($0) }.oomKill == 4)
        #expect(bytes("max\n") { FlatKeyed.single($0) } == nil)
        #expect(bytes("99999999999999999999999\n") { FlatKeyed.single($0) } == .max)
    }

    @Test("Pressure")
    func pressure() {
        let text = """
            some avg10=12.50 avg60=0.00 avg300=0.00 total=123456
            full avg10=0.00 avg60=0.00 avg300=0.00 total=99

            """
        let pressure = bytes(text) { Pressure($0) }
        #expect(pressure.someTotal == 123_456 && pressure.fullTotal == 99)
        #expect(pressure.someAverage10 == 0.125)
    }

    @Test("io.stat and its v1 relatives")
    func io() {
        var devices: [IOStat] = []
        bytes("254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n8:16 rbytes=5\n") {
            IOStat.parse($0, into: &devices)
        }
        #expect(devices.count == 2)
        #expect(devices[0].readBytes == 1 && devices[0].writes == 4 && devices[1].readBytes == 5)
        devices = []
        bytes("254:0 Read 7\n254:0 Write 8\nTotal 15\n") {
            IOStat.parseV1($0, operations: false, into: &devices)
        }
        #expect(devices.count == 1 && devices[0].readBytes == 7 && devices[0].writeBytes == 8)
    }

    @Test("A process' name may hold anything")
    func process() {
        let numbers = (4...52).map { "\($0)" }.joined(separator: " ")
        let stat = bytes("12 (a) b\n) c) S \(numbers)") { ProcessStat($0) }
        #expect(stat?.startTicks == 22 && stat?.userTicks == 14 && stat?.residentPages == 24)
        #expect(bytes("12 (a") { ProcessStat($0) } == nil)
        #expect(bytes("") { ProcessStat($0) } == nil)
    }

    @Test("Garbage, cut and huge input is read without a crash")
    func fuzz() {
        var random = SystemRandomNumberGenerator()
        let seeds = [
            "usage_usec 150\n", "some avg10=1.5 total=3\n", "254:0 rbytes=1 wbytes=2\n",
            "50000 100000\n",
            "12 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22\n",
        ]
        var layout = KeyLayout()
        var old = KeyLayout()
        for _ in 0..<2000 {
            var text = Array(seeds.randomElement(using: &random)?.utf8 ?? "".utf8)
            for _ in 0..<Int.random(in: 0...8, using: &random) where !text.isEmpty {
                text[Int.random(in: 0..<text.count, using: &random)] = .random(
                    in: 0...255, using: &random)
            }
            text = Array(text.prefix(Int.random(in: 0...text.count, using: &random)))
            text.withUnsafeBytes { raw in
                var cpu = CPUStat()
                cpu.parse(raw)
                var devices: [IOStat] = []
                IOStat.parse(raw, into: &devices)
                IOStat.parseV1(raw, operations: true, into: &devices)
                _ = (
                    MemoryStat(v2: raw, layout: &layout), MemoryStat(v1: raw, layout: &old),
                    MemoryEvents(raw), Pressure(raw)
                )
                _ = (CPUQuota(raw), ProcessStat(raw), FlatKeyed.single(raw))
            }
        }
    }

    @Test("A file that vanishes, is missing or is larger than the buffer")
    func files() throws {
        let directory = try TemporaryDirectory("kernel")
        try directory.write(String(repeating: "x", count: 100_000), to: "large")
        let descriptor = try OwnedDescriptor(opening: directory.path, flags: 0)
        var buffer = ReadBuffer(capacity: 64)
        let missing = KernelFile("none", in: descriptor) == nil
        #expect(missing)
        if let file = KernelFile("large", in: descriptor) {
            let count = try file.read(into: &buffer) { $0.count }
            #expect(count == 100_000)
        }
        #expect(try KernelFile.readOnce("none", in: descriptor, into: &buffer) { $0.count } == nil)
    }

    @Test("Hierarchies are found from mountinfo: unified, hybrid and none")
    func hierarchies() throws {
        let directory = try TemporaryDirectory("mounts")
        #expect(CgroupHierarchies(root: directory.path).kind == .none)
        let unified = "30 1 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
        try directory.write(unified, to: "proc/self/mountinfo")
        try directory.write("cpu io memory pids\n", to: "sys/fs/cgroup/cgroup.controllers")
        let one = CgroupHierarchies(root: directory.path)
        #expect(one.kind == .unified && one.unifiedHas(.memory) && one.legacyMount(.memory) == nil)
        let hybrid = """
            30 1 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
            31 1 0:27 / /a\\040b rw - cgroup cgroup rw,cpu,cpuacct
            32 1 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
            garbage - 

            """
        try directory.write(hybrid, to: "proc/self/mountinfo")
        let two = CgroupHierarchies(root: directory.path)
        #expect(two.kind == .hybrid && !two.unifiedHas(.memory) && two.unifiedHas(.cpuacct))
        #expect(two.legacyMount(.cpu) == directory.path + "/a b")
        #expect(two.directories(of: "/x").count == 3)
    }
}
