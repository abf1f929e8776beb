// SPDX-License-Identifier: Apache-2.0

import Model

/// A series as a protocol writes it, made once and used for each of its samples.
struct PreparedSeries: Sendable {
    /// What the encoder needs of the labels; different for different label sets. Empty for a
    /// series that is not sent.
    var bytes: [UInt8] = []
    /// The number of its family among those the encoder was told of.
    var family: Int32 = 0
}

/// Writes samples in one protocol. Used by one thread.
protocol SampleEncoder: AnyObject {
    /// Headers of every request.
    var headers: [(name: String, value: String)] { get }
    /// Bytes of the request so far.
    var count: Int { get }
    /// What is written for a series of these labels.
    func prepare(_ labels: Labels, _ descriptor: MetricDescriptor) -> PreparedSeries
    /// Begins a request.
    func begin()
    /// Adds samples of a series: those of `range` in the two arrays.
    func add(
        _ series: PreparedSeries, _ timestamps: [Milliseconds], _ values: [Double],
        _ range: Range<Int>)
    /// Ends the request; gives its body, and how many bytes it has before compression.
    func finish() -> (body: [UInt8], rawBytes: Int)
    /// The last request was taken.
    func acknowledge()
    /// What an answer means, when the protocol says more than the status code.
    var judge: HTTPJudge { get }
    /// The encoder of an older version of the protocol; nil when there is none.
    func older() -> (any SampleEncoder)?
}

extension SampleEncoder {
    var judge: HTTPJudge { HTTPCarrier.standardVerdict }
}
