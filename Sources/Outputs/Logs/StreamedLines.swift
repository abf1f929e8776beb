// SPDX-License-Identifier: Apache-2.0

/// The lines of a request in which those of a stream stand together, as Loki and OTLP want them.
struct StreamedLines {
    /// The streams that have lines, in the order of their first.
    private(set) var streams: [ShippedStream] = []
    /// Bytes of all lines.
    private(set) var count = 0

    /// Begins a request.
    mutating func begin() {
        for stream in streams { stream.pending.removeAll(keepingCapacity: true) }
        streams.removeAll(keepingCapacity: true)
        count = 0
    }

    /// Has `write` add a line to those of its stream; `separator` comes before all but the first.
    mutating func add(
        to stream: ShippedStream, separator: UInt8? = nil, _ write: (inout [UInt8]) -> Void
    ) {
        let before = stream.pending.count
        if before == 0 {
            streams.append(stream)
        } else if let separator {
            stream.pending.append(separator)
        }
        write(&stream.pending)
        count += stream.pending.count - before
    }
}
