// SPDX-License-Identifier: Apache-2.0

import Linux
import Model
import TestSupport
import Testing

@testable import Collectors

@Suite("What of a container takes long to find out")
struct SlowReaderTests {
    @Test("Its network namespace says how many connections are tracked and segments sent again")
    func network() throws {
        let host = try TemporaryDirectory("slow")
        let rest = (4...24).map { $0 == 22 ? "777" : "0" }.joined(separator: " ")
        try host.write("42 (a) S \(rest)\n", to: "proc/42/stat")
        try host.write(
            """
            entries  clashres found new invalid ignore delete
            0000002a 00000000 00000000 00000000 00000000 00000000 00000000
            0000002a 00000000 00000000 00000000 00000000 00000000 00000000

            """, to: "proc/42/net/stat/nf_conntrack")
        try host.write(
            "Ip: Forwarding\nIp: 1\nTcp: InSegs RetransSegs\nTcp: 100 7\n",
            to: "proc/42/net/snmp")
        let reader = ContainerSlowReader(
            hierarchies: CgroupHierarchies(), proc: host.appending("proc"))
        defer { reader.stop() }
        func subject(_ ticks: UInt64, _ box: SlowReadingBox) -> ContainerSlowReader.Subject {
            ContainerSlowReader.Subject(
                key: "\(ticks)", pid: 42, startTicks: ticks, cgroupPath: "/absent", logPath: nil,
                directory: nil, ownsNetwork: true, box: box)
        }
        let (other, box) = (SlowReadingBox(), SlowReadingBox())
        reader.update([subject(1, other), subject(777, box)])
        #expect(eventually { box.value.tracked == 42 })
        #expect(box.value.retransmits == 7)
        #expect(other.value.tracked == nil, "the pid is another process's")
    }
}
