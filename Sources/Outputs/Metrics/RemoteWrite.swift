// SPDX-License-Identifier: Apache-2.0

import Codecs
import Linux
import Model

/// Prometheus' remote write 1.0 (https://prometheus.io/docs/specs/prw/remote_write_spec/):
/// a `prometheus.WriteRequest` as one snappy block.
///
/// Labels are encoded once for each series; a sample then costs a copy of them and 18 bytes.
final class RemoteWriteEncoder: SampleEncoder {
    private var request: [UInt8] = []
    private var families: [MetricDescriptor] = []
    private var numbers: [String: Int32] = [:]
    /// Families whose metadata the sink has, and in how many requests it has been told of all.
    private var announced = 0
    private var announcing = 0
    private var announcedAt: Int64 = 0

    /// How often all metadata is sent again, in milliseconds, for a sink that was restarted.
    private static let metadataPeriod: Int64 = 600_000

    var headers: [(name: String, value: String)] {
        [
            ("Content-Type", "application/x-protobuf"), ("Content-Encoding", "snappy"),
            ("X-Prometheus-Remote-Write-Version", "0.1.0"),
        ]
    }

    var count: Int { request.count }

    func prepare(_ labels: Labels, _ descriptor: MetricDescriptor) -> PreparedSeries {
        var bytes: [UInt8] = []
        for label in labels.pairs {
            let (name, value) = (label.name.utf8.count, label.value.utf8.count)
            bytes.append(0x0a)
            Varint.append(
                UInt64(2 + Varint.length(name) + name + Varint.length(value) + value), to: &bytes)
            bytes.append(0x0a)
            Varint.append(UInt64(name), to: &bytes)
            bytes += label.name.utf8
            bytes.append(0x12)
            Varint.append(UInt64(value), to: &bytes)
            bytes += label.value.utf8
        }
        return PreparedSeries(bytes: bytes, family: family(descriptor))
    }

    private func family(_ descriptor: MetricDescriptor) -> Int32 {
        if let known = numbers[descriptor.name] { return known }
        let number = Int32(families.count)
        families.append(descriptor)
        numbers[descriptor.name] = number
        return number
    }

    func begin() { request.removeAll(keepingCapacity: true) }

    func add(
        _ series: PreparedSeries, _ timestamps: [Milliseconds], _ values: [Double],
        _ range: Range<Int>
    ) {
        var length = series.bytes.count
        for i in range { length += SampleFields.size(timestamps[i], values[i]) }
        request.append(0x0a)
        Varint.append(UInt64(length), to: &request)
        request += series.bytes
        for i in range { SampleFields.append(timestamps[i], values[i], to: &request) }
    }

    func finish() -> (body: [UInt8], rawBytes: Int) {
        let now = Clock.realtimeMilliseconds()
        if now - announcedAt > Self.metadataPeriod {
            announced = 0
            announcedAt = now
        }
        for descriptor in families[announced...] { appendMetadata(descriptor) }
        announcing = families.count
        return (Snappy.compress(request), request.count)
    }

    func acknowledge() { announced = announcing }

    func older() -> (any SampleEncoder)? { nil }

    /// `prometheus.MetricMetadata`.
    private func appendMetadata(_ descriptor: MetricDescriptor) {
        var metadata = ProtobufWriter()
        metadata.varint(1, Self.type(descriptor.type))
        metadata.string(2, descriptor.name)
        metadata.string(4, descriptor.help)
        if !descriptor.unit.isEmpty { metadata.string(5, descriptor.unit) }
        request.append(0x1a)
        Varint.append(UInt64(metadata.bytes.count), to: &request)
        request += metadata.bytes
    }

    /// `prometheus.MetricMetadata.MetricType`, which is also the type of remote write 2.0.
    static func type(_ type: MetricType) -> UInt64 {
        switch type {
        case .unknown: 0
        case .counter: 1
        case .gauge: 2
        case .histogram: 3
        case .summary: 5
        }
    }
}
