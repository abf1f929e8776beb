// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// What a remote write request brings: `prometheus.WriteRequest` (version 1.0) or
/// `io.prometheus.write.v2.Request` (2.0), read within bounds
/// (https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/).
struct WriteRequest {
    /// One series with its samples.
    struct Series {
        var labels: [Label] = []
        var times: [Milliseconds] = []
        var values: [Double] = []
        /// What version 2.0 says of its family.
        var metadata: Metadata?
    }

    /// What is said of a family.
    struct Metadata {
        var family = ""
        var type = MetricType.unknown
        var help = ""
        var unit = ""
    }

    var series: [Series] = []
    var metadata: [Metadata] = []
    var exemplars = 0
    var histograms = 0

    private let limits: ReceiveLimits
    private var symbols: [String] = []

    /// Reads version 1.0.
    static func version1(
        _ message: [UInt8], _ limits: ReceiveLimits
    ) throws(ReceiveError) -> WriteRequest {
        var request = WriteRequest(limits: limits)
        do {
            var reader = ProtobufReader(message[...])
            while let (field, value) = try reader.next() {
                switch (field, value) {
                case (1, .bytes(let bytes)): try request.addSeries1(bytes)
                case (3, .bytes(let bytes)): try request.addMetadata1(bytes)
                default: continue
                }
            }
        } catch { throw Self.wrapped(error, "prometheus.WriteRequest") }
        return request
    }

    /// Reads version 2.0.
    static func version2(
        _ message: [UInt8], _ limits: ReceiveLimits
    ) throws(ReceiveError) -> WriteRequest {
        var request = WriteRequest(limits: limits)
        do {
            // The strings may follow the series that need them.
            var reader = ProtobufReader(message[...])
            while let (field, value) = try reader.next() {
                guard field == 4, case .bytes(let text) = value else { continue }
                guard request.symbols.count < limits.series * 2 else {
                    throw ReceiveError.tooLarge(
                        "the request has more than \(limits.series * 2) symbols")
                }
                request.symbols.append(try Self.text(text))
            }
            reader = ProtobufReader(message[...])
            while let (field, value) = try reader.next() {
                guard field == 5, case .bytes(let bytes) = value else { continue }
                try request.addSeries2(bytes)
            }
        } catch { throw Self.wrapped(error, "io.prometheus.write.v2.Request") }
        return request
    }

    private init(limits: ReceiveLimits) { self.limits = limits }

    private static func wrapped(_ error: any Error, _ message: String) -> ReceiveError {
        (error as? ReceiveError) ?? .malformed("the body is not a \(message)")
    }

    /// Protocol buffers' strings are UTF-8.
    private static func text(_ bytes: ArraySlice<UInt8>) throws -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ReceiveError.malformed("a text in the body is not UTF-8")
        }
        return text
    }

    private mutating func begin() throws {
        guard series.count < limits.series else {
            throw ReceiveError.tooLarge(
                "the request has more than \(limits.series) series: send smaller batches")
        }
    }

    // MARK: Version 1.0

    private mutating func addSeries1(_ bytes: ArraySlice<UInt8>) throws {
        try begin()
        var one = Series()
        var reader = ProtobufReader(bytes)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let label)):
                // One more than there may be is enough to refuse it.
                if one.labels.count <= limits.labels { one.labels.append(try Self.label(label)) }
            case (2, .bytes(let sample)): try Self.addSample(sample, to: &one)
            case (3, .bytes): exemplars += 1
            case (4, .bytes): histograms += 1
            default: continue
            }
        }
        series.append(one)
    }

    private static func label(_ bytes: ArraySlice<UInt8>) throws -> Label {
        var label = Label(name: "", value: "")
        var reader = ProtobufReader(bytes)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let bytes)): label.name = try text(bytes)
            case (2, .bytes(let bytes)): label.value = try text(bytes)
            default: continue
            }
        }
        return label
    }

    /// A sample has the same shape in both versions.
    private static func addSample(_ bytes: ArraySlice<UInt8>, to series: inout Series) throws {
        var (time, number) = (Milliseconds(0), 0.0)
        var reader = ProtobufReader(bytes)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .fixed64(let bits)): number = Double(bitPattern: bits)
            case (2, .varint(let bits)): time = Int64(bitPattern: bits)
            default: continue
            }
        }
        series.times.append(time)
        series.values.append(number)
    }

    private mutating func addMetadata1(_ bytes: ArraySlice<UInt8>) throws {
        guard metadata.count < limits.series else {
            throw ReceiveError.tooLarge("the request has more than \(limits.series) families")
        }
        var one = Metadata()
        var reader = ProtobufReader(bytes)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .varint(let type)): one.type = Self.type(type)
            case (2, .bytes(let bytes)): one.family = try Self.text(bytes)
            case (4, .bytes(let bytes)): one.help = try Self.text(bytes)
            case (5, .bytes(let bytes)): one.unit = try Self.text(bytes)
            default: continue
            }
        }
        metadata.append(one)
    }

    /// The numbers of `MetricMetadata.MetricType`, which both versions have.
    private static func type(_ number: UInt64) -> MetricType {
        switch number {
        case 1: .counter
        case 2: .gauge
        case 3: .histogram
        case 5: .summary
        default: .unknown
        }
    }

    // MARK: Version 2.0

    private func symbol(_ number: UInt64) throws -> String {
        guard number < UInt64(symbols.count) else {
            throw ReceiveError.malformed(
                "the request refers to symbol \(number) of \(symbols.count)")
        }
        return symbols[Int(number)]
    }

    private mutating func addSeries2(_ bytes: ArraySlice<UInt8>) throws {
        try begin()
        var one = Series()
        var references: [UInt64] = []
        var reader = ProtobufReader(bytes)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .varint(let number)): references.append(number)
            case (1, .bytes(let packed)): references += try ProtobufReader.packed(packed)
            case (2, .bytes(let sample)): try Self.addSample(sample, to: &one)
            case (3, .bytes): histograms += 1
            case (4, .bytes): exemplars += 1
            case (5, .bytes(let bytes)): one.metadata = try metadata2(bytes)
            default: continue
            }
            guard references.count <= 4 * limits.labels else {
                throw ReceiveError.malformed("a series has more than \(2 * limits.labels) labels")
            }
        }
        guard references.count.isMultiple(of: 2) else {
            throw ReceiveError.malformed("a series has a label without a value")
        }
        for at in stride(from: 0, to: references.count, by: 2) {
            one.labels.append(
                Label(name: try symbol(references[at]), value: try symbol(references[at + 1])))
        }
        series.append(one)
    }

    private func metadata2(_ bytes: ArraySlice<UInt8>) throws -> Metadata {
        var one = Metadata()
        var reader = ProtobufReader(bytes)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .varint(let type)): one.type = Self.type(type)
            case (3, .varint(let number)): one.help = try symbol(number)
            case (4, .varint(let number)): one.unit = try symbol(number)
            default: continue
            }
        }
        return one
    }
}
