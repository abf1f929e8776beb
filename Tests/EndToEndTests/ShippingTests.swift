// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The programs of `Tests/Shipping`, with the real agent.
@Suite("From host to host", .serialized)
struct ShippingTests {
    /// Runs a program of `Tests/Shipping`; what it said when it failed.
    private func run(_ name: String) throws -> (code: Int32, text: String) {
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Shipping/" + name).path
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments = ["-B", script, "--ullage", Products.ullage]
        let out = Pipe()
        process.standardOutput = out
        process.standardError = out
        try process.run()
        let text = try out.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: text, as: UTF8.self))
    }

    @Test("What agents, Prometheus and other encoders send is there, and what is wrong is refused")
    func receiving() throws {
        let (code, text) = try run("receive.py")
        #expect(code == 0, "\(text)")
    }

    @Test(
        "A cut cable, a full disk, an expired certificate, a slow sink and an unknown name lose nothing",
        .enabled(if: geteuid() == 0, "namespaces need root"))
    func faults() throws {
        let (code, text) = try run("faults.py")
        #expect(code == 0, "\(text)")
    }
}
