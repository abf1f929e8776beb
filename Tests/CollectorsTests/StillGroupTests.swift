// SPDX-License-Identifier: Apache-2.0

import Collectors
import Linux
import Model
import TestSupport
import Testing

@Suite("Groups in which nothing happens")
struct StillGroupTests {
    private let directory: TemporaryDirectory
    private let recorder = Recorder()
    private let collector: ContainerCollector

    init() throws {
        directory = try TemporaryDirectory("still")
        try directory.write(
            "30 1 0:26 / /cg rw - cgroup2 cgroup2 rw\n", to: "proc/self/mountinfo")
        try directory.write("cpu memory pids\n", to: "cg/cgroup.controllers")
        collector = ContainerCollector(
            hierarchies: CgroupHierarchies(root: directory.path), proc: directory.appending("proc"))
    }

    private func write(cpu: Int, current: Int, anon: Int, pidsPeak: Int, dying: Int) throws {
        try directory.write("usage_usec \(cpu)\n", to: "cg/c/cpu.stat")
        try directory.write("\(current)\n", to: "cg/c/memory.current")
        try directory.write("anon \(anon)\nfile 1\n", to: "cg/c/memory.stat")
        try directory.write("\(pidsPeak)\n", to: "cg/c/pids.peak")
        try directory.write("nr_dying_descendants \(dying)\n", to: "cg/c/cgroup.stat")
    }

    private func tick(_ second: Int64) -> [Double?] {
        var batch = Batch(timestamp: second * 1000)
        collector.collect(into: &batch, appender: recorder)
        _ = recorder.append(batch)
        return [
            recorder.samples["container_memory_rss"],
            recorder.samples[ContainerMetrics.pidsPeak.name],
            recorder.samples[ContainerMetrics.dyingDescendants.name],
        ]
    }

    @Test("What their processes alone can change is read more seldom, and at once when they run")
    func readings() throws {
        try write(cpu: 100, current: 5000, anon: 10, pidsPeak: 3, dying: 1)
        var container = Container(
            engine: .embedded, id: "abc", name: "web", image: "/img", state: .running, createdAt: 0)
        container.cgroupPath = "/c"
        collector.update([container], appender: recorder)
        #expect(tick(100) == [10, 3, 1])
        try write(cpu: 100, current: 5000, anon: 20, pidsPeak: 4, dying: 2)
        #expect(tick(101)[0] == 10)
        #expect(tick(112) == [20, 3, 2], "ten seconds later, but for what needs a process")
        try write(cpu: 100, current: 6000, anon: 30, pidsPeak: 4, dying: 2)
        #expect(tick(113)[0] == 30, "its memory is another")
        try write(cpu: 101, current: 6000, anon: 40, pidsPeak: 4, dying: 2)
        #expect(tick(114)[0] == 40, "it has run")
        #expect(tick(125)[1] == 4)
        try write(cpu: 101, current: 6000, anon: 40, pidsPeak: 5, dying: 2)
        #expect(tick(140)[1] == 4)
        #expect(tick(186)[1] == 5, "once a minute in any case")
    }
}
