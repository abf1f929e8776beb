// SPDX-License-Identifier: Apache-2.0

import Linux
import Matching
import Model
import PromQL

/// A pipeline, compiled for one query: what the store can try itself, and the stages for what it
/// yields. Used by one thread.
final class LineProcessor {
    private let steps: [any PipelineStep]
    /// The steps without those that the store has tried already.
    private let remaining: [any PipelineStep]
    /// Conditions for the store.
    let filters: [LineFilter]
    /// Whether any stage can give a line other labels than its stream and its metadata.
    let changesLabels: Bool
    let state = LineState()

    init(_ pipeline: LogPipeline, wanted: WantedLabels = WantedLabels()) throws(PatternError) {
        let now = Clock.realtimeMilliseconds()
        var steps: [any PipelineStep] = []
        var remaining: [any PipelineStep] = []
        var filters: [LineFilter] = []
        var isOriginal = true
        var changesLabels = false
        for stage in pipeline.stages {
            let step = try Self.compile(stage, wanted, now)
            steps.append(step)
            guard case .line(let test) = stage else {
                remaining.append(step)
                isOriginal = isOriginal && !stage.changesLine
                changesLabels = changesLabels || stage.changesLabels
                continue
            }
            guard isOriginal else {
                remaining.append(step)
                continue
            }
            let (pushed, isAll) = test.pushed
            filters += pushed
            if !isAll { remaining.append(step) }
        }
        self.steps = steps
        self.remaining = remaining
        self.filters = filters
        self.changesLabels = changesLabels
    }

    private static func compile(
        _ stage: Stage, _ wanted: WantedLabels, _ now: Milliseconds
    ) throws(PatternError) -> any PipelineStep {
        switch stage {
        case .line(let test): try LineTestStep(test)
        case .json(let extractions): JSONStep(extractions, wanted)
        case .logfmt(let isStrict, let keepsEmpty, let extractions):
            LogfmtStep(isStrict: isStrict, keepsEmpty: keepsEmpty, extractions, wanted)
        case .regexp(let source): try RegexpStep(source, wanted)
        case .pattern(let source): try PatternStep(source, wanted)
        case .unpack: UnpackStep()
        case .decolorize: DecolorizeStep()
        case .labels(let condition): try LabelConditionStep(condition)
        case .lineFormat(let source): try LineFormatStep(source, now: now)
        case .labelFormat(let assignments): try LabelFormatStep(assignments, now: now)
        case .drop(let choices): try ChooseLabelsStep(choices, isKeep: false)
        case .keep(let choices): try ChooseLabelsStep(choices, isKeep: true)
        }
    }

    /// Takes a line through the stages; false when it is not wanted. What became of it is in
    /// `state`. `isFiltered` says that a store has tried `filters`; it tries none on gaps.
    func run(
        _ bytes: UnsafeRawBufferPointer, timestamp: Int64, isFiltered: Bool, of stream: KnownStream
    ) -> Bool {
        let steps = isFiltered ? remaining : steps
        state.reset(bytes, timestamp: timestamp)
        guard !steps.isEmpty || changesLabels else { return true }
        state.labels.reset(stream: stream.labels, metadata: stream.metadata)
        for step in steps where !step.run(state) { return false }
        return true
    }
}

extension Stage {
    /// Whether what follows sees another text.
    fileprivate var changesLine: Bool {
        switch self {
        case .unpack, .decolorize, .lineFormat: true
        default: false
        }
    }

    /// Whether what follows may see other labels.
    fileprivate var changesLabels: Bool {
        switch self {
        case .line, .decolorize: false
        case .labels(let condition): condition.mayFail
        default: true
        }
    }
}

extension LabelCondition {
    /// Whether it can give a line an error.
    fileprivate var mayFail: Bool {
        switch self {
        case .text, .address: false
        case .number, .duration, .bytes: true
        case .and(let a, let b), .or(let a, let b): a.mayFail || b.mayFail
        }
    }

    /// The labels it looks at.
    var names: Set<String> {
        switch self {
        case .text(let matcher): [matcher.name]
        case .number(let name, _, _), .duration(let name, _, _), .bytes(let name, _, _),
            .address(let name, _, _):
            [name]
        case .and(let a, let b), .or(let a, let b): a.names.union(b.names)
        }
    }
}

extension LogPipeline {
    /// The labels that must be made so that those of `names` come out right; all when a template
    /// may use any.
    func wanted(for names: Set<String>) -> WantedLabels {
        var names = names
        for stage in stages {
            switch stage {
            case .labels(let condition): names.formUnion(condition.names)
            case .lineFormat: return WantedLabels()
            case .labelFormat(let assignments):
                if assignments.contains(where: \.isTemplate) { return WantedLabels() }
                names.formUnion(assignments.map(\.source))
            case .drop(let choices), .keep(let choices):
                names.formUnion(choices.compactMap { $0.matcher?.name })
            default: break
            }
        }
        return WantedLabels(names: names)
    }
}
