// SPDX-License-Identifier: Apache-2.0

import Codecs
import Glibc
import Linux
import Model
import SystemPackage

/// Puts back what was not sealed when the store was last open.
enum Replay {
    /// Sections that memory has room for; older journals are sealed one at a time later.
    static let maxSections = 3

    /// Reads the journals of `directory` into the state, which is new.
    static func run(
        directory: String, _ database: Database, _ state: inout StoreCore.State
    ) throws(StoreError) {
        var sealed: Set<Int64> = []
        let select = try database.prepare("SELECT section FROM bucket WHERE section > 0")
        while try select.step() { sealed.insert(select.integer(0)) }
        select.reset()
        var pending: [Int64] = []
        for number in JournalFile.numbers(in: directory) {
            state.section = max(state.section, number + 1)
            if sealed.contains(number) {
                Files.remove(JournalFile.path(directory, number))
            } else {
                pending.append(number)
            }
        }
        state.section = max(state.section, (sealed.max() ?? 0) + 1)
        state.spilled = Array(pending.dropLast(maxSections))
        for number in pending {
            state.journals[number] = Files.size(JournalFile.path(directory, number))
        }
        for number in pending.suffix(maxSections) {
            guard let section = read(number, directory, &state) else { continue }
            state.sealing.append(section)
            for one in section.stretches {
                let index = state.timeline(one.timeline)
                state.timelines[index].last = one.stretch.times.last ?? .min
            }
        }
        // Whatever was measured is over until it is registered again.
        state.table.retireAll()
        state.places = Array(repeating: StoreCore.Place(), count: state.table.series.count)
    }

    /// One journal as a section; nil when it has nothing, in which case it is deleted.
    private static func read(
        _ number: Int64, _ directory: String, _ state: inout StoreCore.State
    ) -> Section? {
        let outcome = section(number, directory, &state.table)
        switch outcome {
        case .section(let section, let damaged):
            if damaged > 0 { state.statistics.quarantined += damaged }
            return section
        case .empty(let damaged):
            if damaged > 0 { state.statistics.quarantined += damaged }
            finish(number, directory, isDamaged: damaged > 0)
            state.journals[number] = nil
            return nil
        case .unreadable(let reason):
            state.fail(reason)
            return nil
        }
    }

    enum Outcome {
        case section(Section, damaged: Int)
        case empty(damaged: Int)
        case unreadable(String)
    }

    /// Reads one journal, with its series registered in `table`.
    static func section(
        _ number: Int64, _ directory: String, _ table: inout SeriesTable
    ) -> Outcome {
        let path = JournalFile.path(directory, number)
        guard let bytes = Files.read(path) else {
            return .unreadable("cannot read \(path): \(Errno(rawValue: errno))")
        }
        let result = JournalReader.read(bytes, into: &table)
        guard !result.isNewer else {
            return .unreadable("\(path) was written by a newer version; it is left alone")
        }
        guard !result.stretches.isEmpty else { return .empty(damaged: result.damaged) }
        var packer = Packer()
        let stretches = result.stretches.map { one in
            var stretch = one.stretch
            stretch.packRecent(&packer)
            return (timeline: one.timeline, stretch: stretch)
        }
        return .section(
            Section(
                number: number, stretches: stretches, table: table, unjournaled: 0,
                isDamaged: result.damaged > 0),
            damaged: result.damaged)
    }

    /// Deletes a journal whose samples are in the database, or keeps it under another name when
    /// there was damage in it.
    static func finish(_ number: Int64, _ directory: String, isDamaged: Bool) {
        let path = JournalFile.path(directory, number)
        if isDamaged {
            let kept = path + ".damaged-\(Clock.realtimeMilliseconds() / 1000)"
            if (try? Files.rename(path, to: kept)) != nil { return }
        }
        Files.remove(path)
    }
}
