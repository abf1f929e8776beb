// SPDX-License-Identifier: Apache-2.0

public import Config
import LogStore
import Matching
public import Model
public import Pipeline

/// Which rule of the configuration a log has.
public struct LogPipelineChoice: Sendable {
    private let rules: [(matchers: CompiledMatchers, options: PipelineOptions)]

    /// The rules of a configuration. Throws `AgentError` for a condition that is none.
    public init(_ rules: [LogPipelineRule]) throws(AgentError) {
        var compiled: [(CompiledMatchers, PipelineOptions)] = []
        for rule in rules {
            var matchers: [Matcher] = []
            for text in rule.match {
                guard let matcher = LogRequest.matcher(text) else {
                    throw AgentError("logs.pipelines: `\(text)` is no condition on a label")
                }
                matchers.append(matcher)
            }
            do { compiled.append((try CompiledMatchers(matchers), rule.options)) } catch {
                throw AgentError("logs.pipelines: \(error)")
            }
        }
        self.rules = compiled
    }

    /// What is done to the lines of a log; nil for nothing. The first rule that fits counts.
    public func options(for identity: LogIdentity) -> PipelineOptions? {
        guard !rules.isEmpty else { return nil }
        let labels = identity.selectable
        return rules.first { $0.matchers.match(labels) }?.options
    }

    /// The pipeline of a log, which adds what it does to a tally; nil for none.
    public func pipeline(
        for identity: LogIdentity, tally: LinePipeline.Tally? = nil
    ) -> LinePipeline? {
        options(for: identity).flatMap { try? LinePipeline($0, tally: tally) }
    }

    /// A log with the labels its rule gives it.
    func labelled(_ identity: LogIdentity) -> LogIdentity {
        guard let labels = options(for: identity)?.labels, !labels.isEmpty else { return identity }
        var result = identity
        for (name, value) in labels { result.labels[LogIdentity.configured + name] = value }
        return result
    }
}
