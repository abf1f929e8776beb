// SPDX-License-Identifier: Apache-2.0

import Agent
import Config
import Linux
import LogStore
import Model
import Pipeline

/// Says what a configuration's pipeline makes of sample lines.
struct PipelineExplanation {
    let config: String

    /// Reads lines from stdin, and shows what each stage makes of them for a container of this
    /// name; without one, for one that fulfils the first rule.
    func run(container: String?) throws {
        let rules: [LogPipelineRule]
        do { rules = try Configuration.load(path: config).configuration.logs.pipelines } catch {
            throw Failure(.configuration, "\(error)")
        }
        guard let pipeline = try pipeline(of: container, rules) else {
            throw Failure(
                .no,
                container.map { "no pipeline of \(config) is for `\(Terminal.safe($0))`" }
                    ?? "\(Terminal.safe(config)) has no pipelines")
        }
        var number = 0
        while let line = readLine() {
            number += 1
            Terminal.write("line \(number): \(Terminal.safe(line, limit: 200))\n")
            for (stage, result) in pipeline.explain(
                Array(line.utf8), time: Clock.realtimeNanoseconds())
            {
                let text = stage + String(repeating: " ", count: max(1, 10 - stage.count))
                Terminal.write("  \(text) \(Terminal.safe(result, limit: 400))\n")
            }
        }
    }

    private func pipeline(
        of container: String?, _ rules: [LogPipelineRule]
    ) throws -> LinePipeline? {
        do {
            guard let container else { return try rules.first.map { try LinePipeline($0.options) } }
            let parts = container.split(separator: ",").map(String.init)
            var labels: [String: String] = [:]
            for part in parts.dropFirst() {
                let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
                if pair.count == 2 { labels[pair[0]] = pair[1] }
            }
            let identity = LogIdentity(
                id: "", name: parts.first ?? "", createdAt: 0, labels: labels)
            return try LogPipelineChoice(rules).pipeline(for: identity)
        } catch {
            throw Failure(.configuration, "\(error)")
        }
    }
}
