// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Small fleets: agents and a Prometheus that send to an agent.
@Suite("Receiving from other hosts")
struct ReceivingTests {
    @Test("What agents, Prometheus and other encoders send is there, and what is wrong is refused")
    func fleet() throws {
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Shipping/receive.py").path
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments = ["-B", script, "--ullage", Products.ullage]
        let out = Pipe()
        process.standardOutput = out
        process.standardError = out
        try process.run()
        let text = try out.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(String(decoding: text, as: UTF8.self))")
    }
}
