// SPDX-License-Identifier: Apache-2.0

import Runtime
import Testing

@Suite("Log options")
struct LogOptionsTests {
    @Test(
        "Options that Docker takes are taken",
        arguments: [
            [], ["max-size=10m"], ["max-size=10MB", "max-file=3"], ["max-size=1.5g"],
            ["max-size=100 k"], ["max-size=10KiB"], ["max-size=-1"],
            ["max-size=1000", "max-file=2", "compress=true"], ["compress=false"],
            ["mode=blocking"], ["mode=non-blocking"],
            ["mode=non-blocking", "max-buffer-size=4m"],
        ])
    func accepted(options: [String]) throws {
        try LogOptions(driver: "json-file", options: options, defaults: LogOptions()).validate()
    }

    @Test(
        "Options that do not exist or do not go together are refused by name",
        arguments: [
            ("max-size=0", "max-size"), ("max-size=ten", "max-size"), ("max-size=1x", "max-size"),
            ("max-size=-5", "max-size"), ("max-size=inf", "max-size"),
            ("max-size=99999999999999p", "max-size"), ("max-file=0", "max-file"),
            ("max-file=-1", "max-file"), ("max-file=2.5", "max-file"), ("max-file=3", "max-size"),
            ("compress=yes", "compress"), ("compress=true", "max-file"),
            ("mode=fast", "mode"), ("max-buffer-size=1m", "non-blocking"),
            ("max-siez=1m", "max-siez"), ("=1", "=1"), ("max-size", "max-size"),
        ])
    func refused(option: String, named: String) throws {
        let error = #expect(throws: RuntimeError.self) {
            try LogOptions(driver: nil, options: [option], defaults: LogOptions()).validate()
        }
        #expect(error?.kind == .invalid)
        #expect(error?.description.contains(named) == true, "\(error?.description ?? "")")
    }

    @Test("An unknown driver is refused with those there are")
    func unknownDriver() {
        let error = #expect(throws: RuntimeError.self) {
            try LogOptions(driver: "splunk").validate()
        }
        #expect(error?.description.contains("journald, json-file, none") == true)
    }

    @Test("Defaults count for their own driver only, and give way")
    func defaults() throws {
        let host = LogOptions(options: ["max-size": "1m", "max-file": "2"])
        let same = try LogOptions(driver: nil, options: ["max-size=5m"], defaults: host)
        #expect(same.options == ["max-size": "5m", "max-file": "2"])
        let unlimited = try LogOptions(driver: nil, options: ["max-size=-1"], defaults: host)
        #expect(unlimited.options == ["max-size": "-1"])
        try unlimited.validate()
        let other = try LogOptions(driver: "none", options: [], defaults: host)
        #expect(other.options.isEmpty)
    }
}
