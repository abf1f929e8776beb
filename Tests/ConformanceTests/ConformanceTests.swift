// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import PromQL
import QueryTestSupport
import Testing

/// Runs scripts of Prometheus' own test language from a directory outside the project:
///
///     PROMQLTEST_DIR=DIR swift test --filter Conformance
@Suite("Conformance")
struct ConformanceTests {
    @Test("Every *.test in PROMQLTEST_DIR passes")
    func scripts() throws {
        guard let directory = ProcessInfo.processInfo.environment["PROMQLTEST_DIR"] else {
            print("Conformance: skipped, PROMQLTEST_DIR is not set")
            return
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: directory)
            .filter { $0.hasSuffix(".test") }.sorted()
        #expect(!names.isEmpty, "no *.test in \(directory)")
        var total = Tally()
        for name in names {
            let text = try String(contentsOfFile: directory + "/" + name, encoding: .utf8)
            let tally = try run(text, name: name)
            print("\(name): \(tally)")
            total.add(tally)
        }
        print("Conformance: \(total)")
        #expect(total.failed == 0)
    }

    /// How many evaluations came out how.
    struct Tally: CustomStringConvertible {
        var passed = 0
        var failed = 0
        var native = 0

        mutating func add(_ other: Tally) {
            passed += other.passed
            failed += other.failed
            native += other.native
        }

        var description: String {
            "\(passed) passed, \(failed) failed"
                + (native > 0 ? ", \(native) left out (native histograms)" : "")
        }
    }

    private func run(_ text: String, name: String) throws -> Tally {
        var tally = Tally()
        var loaded: [(Labels, [(Milliseconds, Double)])] = []
        var options = Engine.Options()
        options.delaysNameRemoval = true
        var engine = Engine(querier: MemoryStore([]), options: options)
        for command in try Script(text).commands {
            switch command {
            case .clear:
                loaded = []
                engine = Engine(querier: MemoryStore(loaded), options: options)
            case .load(let series):
                loaded += series
                engine = Engine(querier: MemoryStore(loaded), options: options)
            case .eval(let evaluation):
                guard !evaluation.isNative else {
                    tally.native += 1
                    continue
                }
                if let failure = Check(engine: engine, evaluation: evaluation).failure() {
                    tally.failed += 1
                    print("\(name):\(evaluation.line): \(evaluation.expression)\n    \(failure)")
                } else {
                    tally.passed += 1
                }
            }
        }
        return tally
    }
}
