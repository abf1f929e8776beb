// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// Prometheus' remote write 2.0 (https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/):
/// `io.prometheus.write.v2.Request`, in which texts come once and metadata with each series.
final class RemoteWrite2Encoder: SampleEncoder {
    private var series: [UInt8] = []
    private var scratch: [UInt8] = []
    /// All texts ever used, and their numbers in this request.
    private var texts: [String] = [""]
    private var numbers: [String: UInt32] = ["": 0]
    private var local: [UInt32] = [0]
    private var stamps: [Int] = [0]
    private var used: [UInt32] = []
    private var request = 0
    private var usedBytes = 0
    private var families: [Family] = []
    private var familyNumbers: [String: Int32] = [:]

    private struct Family {
        let type: UInt64
        let help: UInt32
        let unit: UInt32
    }

    let headers: [(name: String, value: String)] = [
        ("Content-Type", "application/x-protobuf;proto=io.prometheus.write.v2.Request"),
        ("Content-Encoding", "snappy"), ("X-Prometheus-Remote-Write-Version", "2.0.0"),
    ]

    var count: Int { series.count + usedBytes }

    func prepare(_ labels: Labels, _ descriptor: MetricDescriptor) -> PreparedSeries {
        // Four bytes for each text: a series is its texts.
        var bytes: [UInt8] = []
        for label in labels.pairs {
            for text in [label.name, label.value] {
                withUnsafeBytes(of: number(text).littleEndian) { bytes += $0 }
            }
        }
        return PreparedSeries(bytes: bytes, family: family(descriptor))
    }

    private func family(_ descriptor: MetricDescriptor) -> Int32 {
        if let known = familyNumbers[descriptor.name] { return known }
        families.append(
            Family(
                type: RemoteWriteEncoder.type(descriptor.type), help: number(descriptor.help),
                unit: number(descriptor.unit)))
        familyNumbers[descriptor.name] = Int32(families.count - 1)
        return Int32(families.count - 1)
    }

    private func number(_ text: String) -> UInt32 {
        if let known = numbers[text] { return known }
        let number = UInt32(texts.count)
        numbers[text] = number
        texts.append(text)
        local.append(0)
        stamps.append(-1)
        return number
    }

    func begin() {
        series.removeAll(keepingCapacity: true)
        used.removeAll(keepingCapacity: true)
        usedBytes = 0
        request += 1
        // The first text of every request is the empty one.
        reference(0)
    }

    /// A text's number in this request.
    @discardableResult
    private func reference(_ text: UInt32) -> UInt64 {
        let at = Int(text)
        if stamps[at] != request {
            stamps[at] = request
            local[at] = UInt32(used.count)
            used.append(text)
            usedBytes += texts[at].utf8.count + 2
        }
        return UInt64(local[at])
    }

    func add(
        _ prepared: PreparedSeries, _ timestamps: [Milliseconds], _ values: [Double],
        _ range: Range<Int>
    ) {
        scratch.removeAll(keepingCapacity: true)
        for at in stride(from: 0, to: prepared.bytes.count, by: 4) {
            let text = (0..<4).reduce(UInt32(0)) {
                $0 | UInt32(prepared.bytes[at + $1]) << UInt32($1 * 8)
            }
            Varint.append(reference(text), to: &scratch)
        }
        let family = families[Int(prepared.family)]
        var metadata = ProtobufWriter()
        if family.type != 0 { metadata.varint(1, family.type) }
        if family.help != 0 { metadata.varint(3, reference(family.help)) }
        if family.unit != 0 { metadata.varint(4, reference(family.unit)) }
        var length = 1 + Varint.length(scratch.count) + scratch.count
        for i in range { length += SampleFields.size(timestamps[i], values[i]) }
        length += 1 + Varint.length(metadata.bytes.count) + metadata.bytes.count
        series.append(0x2a)
        Varint.append(UInt64(length), to: &series)
        series.append(0x0a)
        Varint.append(UInt64(scratch.count), to: &series)
        series += scratch
        for i in range { SampleFields.append(timestamps[i], values[i], to: &series) }
        series.append(0x2a)
        Varint.append(UInt64(metadata.bytes.count), to: &series)
        series += metadata.bytes
    }

    func finish() -> (body: [UInt8], rawBytes: Int) {
        var symbols = ProtobufWriter()
        for text in used { symbols.string(4, texts[Int(text)]) }
        let body = symbols.bytes + series
        return (Snappy.compress(body), body.count)
    }

    func acknowledge() {}

    func older() -> (any SampleEncoder)? { RemoteWriteEncoder() }

    var judge: HTTPJudge { Self.verdict }

    /// A 2xx without the number of samples written is from a receiver that took it for version 1.0
    /// (the specification's "partial write" section).
    @Sendable static func verdict(_ reply: HTTPReply, _ parcel: Parcel) -> Verdict {
        let verdict = HTTPCarrier.standardVerdict(reply, parcel)
        guard verdict == .accepted else { return verdict }
        guard reply.header("X-Prometheus-Remote-Write-Samples-Written") != nil else {
            return .unsupported(reason: "the receiver does not say what it wrote")
        }
        return .accepted
    }
}
