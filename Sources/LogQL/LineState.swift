// SPDX-License-Identifier: Apache-2.0

import Model

/// Where a label of a line comes from.
public enum LabelOrigin: Hashable, Sendable {
    /// Of the stream.
    case stream
    /// What the store knows of the line besides.
    case metadata
    /// Made by the query's own stages.
    case parsed
}

/// The labels of one line on its way through a pipeline: those of its stream, and over them what is
/// known of the line and what stages made. Reused from line to line.
struct LineLabels {
    private struct Extra {
        var name: String
        var value: String
        var origin: LabelOrigin
    }

    private(set) var stream: Labels = [:]
    private var extras: [Extra] = []
    /// Labels of the stream that stages removed or replaced.
    private var hidden: [String] = []
    /// What went wrong first: Loki's name for it, and what it is about.
    private(set) var error = ""
    private(set) var errorDetails = ""

    static let errorName = "__error__"
    static let detailsName = "__error_details__"

    /// Begins with another line.
    mutating func reset(stream: Labels, metadata: [Label]) {
        self.stream = stream
        extras.removeAll(keepingCapacity: true)
        hidden.removeAll(keepingCapacity: true)
        for label in metadata {
            extras.append(Extra(name: label.name, value: label.value, origin: .metadata))
        }
        error = ""
        errorDetails = ""
    }

    /// Whether a stage changed anything; the stream and the metadata are the labels otherwise.
    var hasError: Bool { !error.isEmpty }

    subscript(name: String) -> String {
        if name == Self.errorName { return error }
        if name == Self.detailsName { return errorDetails }
        for extra in extras where extra.name == name { return extra.value }
        return hidden.contains(name) ? "" : stream[name]
    }

    /// Notes what went wrong, unless something did before.
    mutating func fail(_ kind: String, _ details: String) {
        guard error.isEmpty else { return }
        error = kind
        errorDetails = String(details.prefix(200))
    }

    /// Sets a label that a parser found; next to one of the stream it is called `_extracted`.
    mutating func extract(_ name: String, _ value: String) {
        let isTaken =
            extras.contains { $0.name == name && $0.origin == .metadata }
            || !stream[name].isEmpty && !hidden.contains(name)
        put(isTaken ? name + "_extracted" : name, value)
    }

    /// Sets a label, whatever had the name before; an empty value removes it.
    mutating func set(_ name: String, _ value: String) {
        if name == Self.errorName {
            error = value
            return
        }
        if !stream[name].isEmpty, !hidden.contains(name) { hidden.append(name) }
        put(name, value)
    }

    private mutating func put(_ name: String, _ value: String) {
        for i in extras.indices where extras[i].name == name {
            extras[i].value = value
            extras[i].origin = .parsed
            return
        }
        guard extras.count < Self.maxLabels else {
            fail("TooManyLabels", "a line has more than \(Self.maxLabels) labels")
            return
        }
        extras.append(Extra(name: name, value: value, origin: .parsed))
    }

    /// Labels one line may have.
    static let maxLabels = 1_000

    mutating func remove(_ name: String) {
        if name == Self.errorName {
            error = ""
        } else if name == Self.detailsName {
            errorDetails = ""
        } else {
            extras.removeAll { $0.name == name }
            if !stream[name].isEmpty, !hidden.contains(name) { hidden.append(name) }
        }
    }

    /// Removes all labels that `isKept` does not want; errors stay.
    mutating func keep(_ isKept: (String, String) -> Bool) {
        extras.removeAll { !isKept($0.name, $0.value) }
        for label in stream.pairs where !hidden.contains(label.name) {
            if !isKept(label.name, label.value) { hidden.append(label.name) }
        }
    }

    /// Calls `body` with each label; those without value are none.
    func forEach(_ body: (String, String, LabelOrigin) -> Void) {
        for label in stream.pairs where !hidden.contains(label.name) {
            body(label.name, label.value, .stream)
        }
        for extra in extras where !extra.value.isEmpty {
            body(extra.name, extra.value, extra.origin)
        }
        if !error.isEmpty { body(Self.errorName, error, .parsed) }
        if !error.isEmpty, !errorDetails.isEmpty {
            body(Self.detailsName, errorDetails, .parsed)
        }
    }

    /// All labels as a set.
    var all: Labels {
        var pairs: [Label] = []
        forEach { name, value, _ in pairs.append(Label(name: name, value: value)) }
        pairs.sort()
        return Labels(sorted: pairs)
    }

    /// The labels that are not of the stream.
    func made(_ origin: LabelOrigin) -> [Label] {
        var pairs: [Label] = []
        forEach { name, value, of in
            if of == origin { pairs.append(Label(name: name, value: value)) }
        }
        return pairs.sorted()
    }
}

/// One line on its way through a pipeline. Reused from line to line, by one thread.
///
/// `bytes` is valid until the next change: of the entry while no stage has made another text, of
/// one of two buffers afterwards, so that a stage may read the old text while it writes the new.
final class LineState {
    private(set) var bytes = UnsafeRawBufferPointer(start: nil, count: 0)
    var labels = LineLabels()
    /// Nanoseconds since the Unix epoch.
    var timestamp: Int64 = 0
    /// The buffer that the next text goes to, and the one that the present text may be in.
    private var next = UnsafeMutableRawBufferPointer.allocate(byteCount: 0, alignment: 1)
    private var last = UnsafeMutableRawBufferPointer.allocate(byteCount: 0, alignment: 1)

    deinit {
        next.deallocate()
        last.deallocate()
    }

    /// Begins with another line.
    func reset(_ bytes: UnsafeRawBufferPointer, timestamp: Int64) {
        self.bytes = bytes
        self.timestamp = timestamp
    }

    /// Gives the line another text.
    func replace(_ text: some Collection<UInt8>) {
        if next.count < text.count {
            next.deallocate()
            next = .allocate(byteCount: text.count, alignment: 1)
        }
        next.copyBytes(from: text)
        bytes = UnsafeRawBufferPointer(rebasing: next[..<text.count])
        (next, last) = (last, next)
    }

    /// The text as a string; what is no UTF-8 is replaced.
    var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// One stage, compiled.
protocol PipelineStep {
    /// Does it to a line; false when the line is not wanted.
    func run(_ line: LineState) -> Bool
}
