// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// The lines of one output of one container, as a sink knows them. Used by one thread.
final class ShippedStream {
    /// What it is called at the sink.
    let labels: Labels
    /// The container's id, which with an entry's sequence identifies it for ever.
    let id: String
    /// What the encoder made of the labels, once.
    var prepared: [UInt8] = []
    /// What the encoder has for this stream in the request so far.
    var pending: [UInt8] = []

    init(labels: Labels, id: String) {
        self.labels = labels
        self.id = id
    }
}

/// Writes log lines in one protocol. Used by one thread.
protocol LogEncoder: AnyObject {
    /// Headers of every request.
    var headers: [(name: String, value: String)] { get }
    /// Bytes of the request so far.
    var count: Int { get }
    /// Begins a request.
    func begin()
    /// Adds a line.
    func add(_ entry: LogEntryView, of stream: ShippedStream)
    /// Ends the request; gives its body, and how many bytes it has before compression.
    func finish() -> (body: [UInt8], rawBytes: Int)
    /// What an answer means, when the protocol says more than the status code.
    var judge: HTTPJudge { get }
}

extension LogEncoder {
    var judge: HTTPJudge { HTTPCarrier.standardVerdict }
}

/// How a body is compressed.
public enum BodyCompression: String, CaseIterable, Hashable, Sendable {
    /// Not at all.
    case none
    /// RFC 1952.
    case gzip

    /// The body and the `Content-Encoding`; as it is when there is no memory.
    func apply(_ body: [UInt8]) -> (body: [UInt8], encoding: String?) {
        guard self == .gzip, let packed = Gzip.compress(body) else { return (body, nil) }
        return (packed, "gzip")
    }
}
