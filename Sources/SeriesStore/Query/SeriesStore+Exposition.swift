// SPDX-License-Identifier: Apache-2.0

import Codecs
import Matching
public import Model
import Synchronization

extension SeriesStore: ExpositionSource {
    /// See `ExpositionSource`. The lock is held for a copy of the newest values, not for the text.
    public func expose(_ request: ExpositionRequest, into output: inout [UInt8]) throws {
        let selectors = try request.selectors.map { try CompiledMatchers($0) }
        let newest = core.state.withLock { $0.newestValues() }
        // As much as the largest answer so far, so that it need not grow by copying.
        if selectors.isEmpty, request.collectors.isEmpty {
            output.reserveCapacity(output.count + core.exposedBytes.load(ordering: .relaxed))
        }
        newest.write(request, selectors, into: &output)
        core.exposedBytes.max(output.count + output.count / 32, ordering: .relaxed)
        if request.format.isOpenMetrics { output += "# EOF\n".utf8 }
    }
}

/// The newest value of each series, as of one moment.
struct NewestValues {
    /// The last tick of a timeline, and the section its columns are of.
    struct Row {
        let section: Int64
        let values: TickRow
    }

    let table: SeriesTable
    /// By slot.
    let places: [StoreCore.Place]
    /// By timeline.
    let rows: [Row]

    /// The newest value of a series; nil when it has none.
    @inline(__always)
    private static func value(
        _ place: StoreCore.Place, _ rows: UnsafeBufferPointer<Row>
    ) -> Double? {
        guard place.section >= 0, place.timeline < rows.count,
            rows[place.timeline].section == place.section
        else { return nil }
        return rows[place.timeline].values[Int(place.column)]
    }
}

extension StoreCore.State {
    func newestValues() -> NewestValues {
        let rows = timelines.map { timeline in
            timeline.stretch.times.isEmpty
                ? NewestValues.Row(
                    section: timeline.carriedSection,
                    values: timeline.carried ?? TickRow(values: [], presence: []))
                : NewestValues.Row(section: section, values: timeline.stretch.recent.lastRow)
        }
        return NewestValues(table: table, places: places, rows: rows)
    }
}

/// Pieces of text in one block of memory, by number.
private struct TextBlock {
    /// Where a piece is; of a number without one the length is `none`.
    struct Place {
        var start: UInt32 = 0
        var length = none
        static let none = UInt32.max
    }

    private var bytes: [UInt8] = []
    private var places: [Place]

    init(numbers: Int) { places = Array(repeating: Place(), count: numbers) }

    mutating func set(_ number: UInt32, _ text: some Sequence<UInt8>) {
        let start = bytes.count
        bytes += text
        places[Int(number)] = Place(
            start: UInt32(start), length: UInt32(bytes.count - start))
    }

    func withPieces<R>(_ body: (Pieces) -> R) -> R {
        bytes.withUnsafeBufferPointer { bytes in
            places.withUnsafeBufferPointer { body(Pieces(bytes: bytes, places: $0)) }
        }
    }

    struct Pieces {
        let bytes: UnsafeBufferPointer<UInt8>
        let places: UnsafeBufferPointer<Place>

        /// A piece; nil for a number that has none.
        @inline(__always)
        subscript(number: UInt32) -> UnsafeBufferPointer<UInt8>? {
            let place = places[Int(number)]
            guard place.length != Place.none else { return nil }
            let start = Int(place.start)
            return UnsafeBufferPointer(rebasing: bytes[start..<(start + Int(place.length))])
        }
    }
}

/// Lines that are gathered in a block of memory of fixed size and appended to the output together.
private struct LineBlock {
    private let memory: UnsafeMutableRawBufferPointer
    private var count = 0

    static let capacity = 32 << 10

    init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

    /// Makes room for `wanted` bytes; whether there is so much at all.
    mutating func prepare(_ wanted: Int, _ output: inout [UInt8]) -> Bool {
        if memory.count - count >= wanted { return true }
        flush(into: &output)
        return memory.count >= wanted
    }

    /// A line, for which there must be room: `NAME{OWN,TARGET} VALUE`.
    mutating func put(
        _ own: UnsafeBufferPointer<UInt8>, _ target: UnsafeBufferPointer<UInt8>, _ value: Double
    ) {
        put(own)
        let hasLabels = own.last == UInt8(ascii: "\"")
        if target.isEmpty {
            if hasLabels { put(UInt8(ascii: "}")) }
            put(0x20)
        } else {
            put(hasLabels ? UInt8(ascii: ",") : UInt8(ascii: "{"))
            put(target)
        }
        count += ExpositionNumber.write(
            value, to: UnsafeMutableRawBufferPointer(rebasing: memory[count...]))
        put(0x0a)
    }

    private mutating func put(_ text: UnsafeBufferPointer<UInt8>) {
        guard let base = text.baseAddress, text.count > 0 else { return }
        UnsafeMutableRawBufferPointer(rebasing: memory[count...])
            .copyMemory(from: UnsafeRawBufferPointer(start: base, count: text.count))
        count += text.count
    }

    private mutating func put(_ byte: UInt8) {
        memory[count] = byte
        count += 1
    }

    mutating func flush(into output: inout [UInt8]) {
        output.append(contentsOf: UnsafeRawBufferPointer(rebasing: memory[..<count]))
        count = 0
    }
}

extension NewestValues {
    /// Writes the lines that `request` asks for.
    ///
    /// What is the same in many lines is rendered once: a target's labels when it is made, names and
    /// labels of series' own at the start of a scrape. A line is three copies and a number.
    func write(
        _ request: ExpositionRequest, _ selectors: [CompiledMatchers], into output: inout [UInt8]
    ) {
        var shared = TextBlock(numbers: table.targetNumberLimit)
        for (number, target) in table.targets where !target.isRetired && !target.isDerived {
            // Without the opening brace: `a="x",b="y"} `, or nothing.
            shared.set(number, target.labels.isEmpty ? [] : target.rendered.dropFirst())
        }
        var own = TextBlock(numbers: table.identityNumberLimit)
        for (number, identity) in table.identities {
            own.set(number, ExpositionText.lineStart(name: identity.name, labels: identity.labels))
        }
        withUnsafeTemporaryAllocation(byteCount: LineBlock.capacity, alignment: 16) { memory in
            var block = LineBlock(memory)
            shared.withPieces { shared in
                own.withPieces { own in
                    for number in table.sortedMetrics {
                        let metric = table.metrics[Int(number)]
                        guard request.includes(metric.descriptor.name) else { continue }
                        write(
                            metric, request.format, selectors, shared, own, &block, into: &output)
                    }
                }
            }
            block.flush(into: &output)
        }
    }

    private func write(
        _ metric: SeriesTable.Metric, _ format: ExpositionFormat, _ selectors: [CompiledMatchers],
        _ shared: TextBlock.Pieces, _ own: TextBlock.Pieces, _ block: inout LineBlock,
        into output: inout [UInt8]
    ) {
        var isFirst = true
        places.withUnsafeBufferPointer { places in
            rows.withUnsafeBufferPointer { rows in
                for slot in metric.members where Int(slot) < places.count {
                    let one = table.series[Int(slot)]
                    guard let value = Self.value(places[Int(slot)], rows),
                        let targetText = shared[one.target], let ownText = own[one.identity]
                    else { continue }
                    if !selectors.isEmpty {
                        let labels = table.labels(of: slot)
                        guard selectors.contains(where: { $0.match(labels) }) else { continue }
                    }
                    if isFirst {
                        block.flush(into: &output)
                        output +=
                            format.isOpenMetrics
                            ? metric.headers.openMetrics : metric.headers.text
                    }
                    isFirst = false
                    let length = ownText.count + targetText.count + ExpositionNumber.capacity + 4
                    if one.hasOverlap || !block.prepare(length, &output) {
                        writeAlone(one, value, &block, into: &output)
                    } else {
                        block.put(ownText, targetText, value)
                    }
                }
            }
        }
    }

    /// Writes a line whose labels must be merged, or that is very long.
    private func writeAlone(
        _ one: SeriesTable.Series, _ value: Double, _ block: inout LineBlock,
        into output: inout [UInt8]
    ) {
        guard let target = table.targets[one.target], let identity = table.identities[one.identity]
        else { return }
        block.flush(into: &output)
        output += ExpositionText.linePrefix(
            name: identity.name, labels: target.labels.merging(identity.labels))
        ExpositionText.append(value, to: &output)
        output.append(0x0a)
    }
}
