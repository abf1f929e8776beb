// SPDX-License-Identifier: Apache-2.0

import Codecs
import Synchronization

extension Packer {
    /// Packs that follow one another as one: long packs take half the room of short ones.
    mutating func merge(_ packs: [Pack]) -> Pack? {
        guard let first = packs.first?.firstTick else { return nil }
        let ticks = packs.reduce(0) { $0 + $1.ticks }
        let width = packs.reduce(0) { max($0, $1.width) }
        var samples = ColumnSamples()
        return build(width: width, firstTick: first, ticks: ticks) { column, packer in
            samples.removeAll()
            for pack in packs { pack.append(column, to: &samples, packer.codec) }
            packer.append(samples, firstTick: first, ticks: ticks)
        }
    }
}

extension StoreCore {
    /// Makes long packs of short ones. Appends and queries go on meanwhile.
    func mergePacks() {
        var packer = Packer()
        while !isStopping.load(ordering: .acquiring) {
            let found = state.withLock { state -> (section: Int64, timeline: Int, packs: [Pack])? in
                for index in state.timelines.indices {
                    if let packs = state.timelines[index].stretch.shortPacks {
                        return (state.section, index, packs)
                    }
                }
                return nil
            }
            guard let found, let merged = packer.merge(found.packs) else { return }
            state.withLock { state in
                guard state.section == found.section else { return }
                state.timelines[found.timeline].stretch.replace(found.packs, with: merged)
            }
        }
    }
}
