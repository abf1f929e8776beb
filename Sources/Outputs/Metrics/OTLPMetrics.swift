// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// OTLP's metrics over HTTP, protocol buffers (`ExportMetricsServiceRequest`): a sum for what only
/// grows, a gauge for the rest. A series that ends gives a point without a value.
///
/// The parts of a histogram are sent as series of their own, under the names they have here.
final class OTLPMetricsEncoder: SampleEncoder {
    private struct Metric {
        let descriptor: MetricDescriptor
        let name: String
        var points: [UInt8] = []
    }

    private let compression: BodyCompression
    private var metrics: [Metric] = []
    private var numbers: [String: Int32] = [:]
    private var inUse: [Int] = []
    private(set) var count = 0

    init(_ compression: BodyCompression) { self.compression = compression }

    var headers: [(name: String, value: String)] {
        [("Content-Type", "application/x-protobuf")]
            + (compression == .gzip ? [("Content-Encoding", "gzip")] : [])
    }

    func prepare(_ labels: Labels, _ descriptor: MetricDescriptor) -> PreparedSeries {
        let name = labels[Labels.metricName]
        let number = metric(name, descriptor)
        var writer = ProtobufWriter()
        // The name is an attribute of the metric; it is here to tell series apart.
        for label in labels.pairs where label.name != Labels.metricName {
            writer.message(7, OTLP.attribute(OTLP.name(label.name), label.value))
        }
        var bytes: [UInt8] = []
        withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
        return PreparedSeries(bytes: bytes + writer.bytes, family: number)
    }

    private func metric(_ name: String, _ descriptor: MetricDescriptor) -> Int32 {
        if let known = numbers[name] { return known }
        metrics.append(Metric(descriptor: descriptor, name: name))
        numbers[name] = Int32(metrics.count - 1)
        return Int32(metrics.count - 1)
    }

    func begin() {
        for number in inUse { metrics[number].points.removeAll(keepingCapacity: true) }
        inUse.removeAll(keepingCapacity: true)
        count = 0
    }

    func add(
        _ series: PreparedSeries, _ timestamps: [Milliseconds], _ values: [Double],
        _ range: Range<Int>
    ) {
        let number = Int(series.family)
        if metrics[number].points.isEmpty { inUse.append(number) }
        let before = metrics[number].points.count
        let attributes = series.bytes.count - 4
        for i in range {
            let isStale = StaleMarker.isStale(values[i])
            metrics[number].points.append(0x0a)
            // A time and a value or a flag: 9 bytes and 9 or 2.
            Varint.append(UInt64(attributes + 9 + (isStale ? 2 : 9)), to: &metrics[number].points)
            metrics[number].points += series.bytes[4...]
            metrics[number].points.append(0x19)
            let time = UInt64(bitPattern: timestamps[i] &* 1_000_000)
            withUnsafeBytes(of: time.littleEndian) { metrics[number].points += $0 }
            if isStale {
                metrics[number].points += [0x40, 0x01]
            } else {
                metrics[number].points.append(0x21)
                withUnsafeBytes(of: values[i].bitPattern.littleEndian) {
                    metrics[number].points += $0
                }
            }
        }
        count += metrics[number].points.count - before
    }

    func finish() -> (body: [UInt8], rawBytes: Int) {
        var scope = ProtobufWriter()
        for number in inUse {
            let metric = metrics[number]
            var message = ProtobufWriter()
            message.string(1, metric.name)
            message.string(2, metric.descriptor.help)
            if !metric.descriptor.unit.isEmpty { message.string(3, Self.unit(metric.descriptor)) }
            var data = ProtobufWriter()
            data.raw(metric.points)
            switch metric.descriptor.type {
            case .counter, .histogram, .summary:
                // Cumulative, and for counters monotonic.
                data.varint(2, 2)
                data.varint(3, 1)
                message.message(7, data)
            case .gauge, .unknown: message.message(5, data)
            }
            scope.message(2, message)
        }
        var resource = ProtobufWriter()
        resource.message(2, scope)
        var request = ProtobufWriter()
        request.message(1, resource)
        return (compression.apply(request.bytes).body, request.bytes.count)
    }

    /// The unit by UCUM, as OTLP wants it.
    private static func unit(_ descriptor: MetricDescriptor) -> String {
        switch descriptor.unit {
        case "seconds": "s"
        case "bytes": "By"
        case "ratio": "1"
        case "celsius": "Cel"
        default: descriptor.unit
        }
    }

    func acknowledge() {}

    func older() -> (any SampleEncoder)? { nil }

    var judge: HTTPJudge { OTLP.verdict }
}
