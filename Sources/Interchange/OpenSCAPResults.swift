// SPDX-License-Identifier: Apache-2.0

public import Codecs

/// The results of an OpenSCAP scan: the `TestResult` of an XCCDF results file or of an ARF
/// (`oscap xccdf eval --results FILE` or `--results-arf FILE`; XCCDF 1.2, NIST IR 7275).
public struct OpenSCAPResults: Hashable, Sendable {
    /// One rule and what came of it.
    public struct Rule: Hashable, Sendable {
        /// The rule's identifier, such as `xccdf_org.ssgproject.content_rule_no_empty_passwords`.
        public var id: String
        /// What it asks for; empty when the file does not say.
        public var title: String
        /// `low`, `medium`, `high` or `unknown`.
        public var severity: String
        /// `pass`, `fail`, `notapplicable`, `notchecked`, `notselected`, `error`, `unknown`,
        /// `informational` or `fixed`.
        public var result: String
    }

    /// The profile that was tested.
    public var profile = ""
    /// What was tested.
    public var target = ""
    /// When the test ended, as the file has it.
    public var endTime = ""
    /// The score and the most it could be; nil when the file has none.
    public var score: Double?
    /// The most the score could be.
    public var maximumScore: Double?
    /// The rules, in the file's order; those not selected are left out.
    public var rules: [Rule] = []

    /// Bytes of a file that is read.
    public static let maxBytes = 128 << 20
    private static let maxRules = 20_000

    /// Rules by result.
    public var counts: [String: Int] {
        rules.reduce(into: [:]) { $0[$1.result, default: 0] += 1 }
    }

    /// Reads a file; throws when it is no XML, or has no test result.
    public init(_ bytes: [UInt8]) throws(XMLReader.Failure) {
        var reader = XMLReader(bytes)
        var path: [String] = []
        var titles: [String: String] = [:]
        var ruleID: String?
        var open: Rule?
        var hasResult = false
        var text = ""
        while let event = try reader.next() {
            switch event {
            case .start(let name, let attributes):
                path.append(name)
                text = ""
                switch name {
                case "Rule": ruleID = attributes["id"]
                case "TestResult":
                    hasResult = true
                    endTime = attributes["end-time"] ?? ""
                case "profile" where path.dropLast().last == "TestResult":
                    profile = attributes["idref"] ?? ""
                case "score" where path.dropLast().last == "TestResult":
                    maximumScore = attributes["maximum"].flatMap(Double.init)
                case "rule-result":
                    open = Rule(
                        id: attributes["idref"] ?? "", title: "",
                        severity: attributes["severity"] ?? "unknown", result: "unknown")
                default: break
                }
            case .text(let more): if text.utf8.count < 4096 { text += more }
            case .end(let name):
                let parent = path.dropLast().last
                path = path.dropLast()
                let value = Self.trimmed(text)
                switch name {
                case "title" where parent == "Rule":
                    if let ruleID, titles.count < Self.maxRules { titles[ruleID] = value }
                case "result" where parent == "rule-result": open?.result = value
                case "target" where parent == "TestResult": target = value
                case "score" where parent == "TestResult": score = Double(value)
                case "rule-result":
                    if let rule = open, rule.result != "notselected", rules.count < Self.maxRules {
                        rules.append(rule)
                    }
                    open = nil
                default: break
                }
                text = ""
            }
        }
        guard hasResult else {
            throw XMLReader.Failure(description: "there is no TestResult in the file")
        }
        for i in rules.indices { rules[i].title = titles[rules[i].id] ?? "" }
    }

    private static func trimmed(_ text: String) -> String {
        text.split { $0.isWhitespace }.joined(separator: " ")
    }
}
