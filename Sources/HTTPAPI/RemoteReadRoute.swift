// SPDX-License-Identifier: Apache-2.0

import Codecs
import Hummingbird
import Model

/// `POST /api/v1/read`: raw samples for another Prometheus, as `prompb/remote.proto` has it, in
/// the response type SAMPLES.
enum RemoteReadRoute {
    static let endpoint = Endpoint(
        path: "/api/v1/read", methods: [.post], takesBody: true
    ) { try read($0) }

    /// Bytes a request may have after decompression.
    static let maxRequest = 4 << 20

    private static func read(_ call: APICall) throws -> Answer {
        guard let message = Snappy.decompress(call.body, limit: maxRequest) else {
            throw APIError(
                .badData, "the body is not a snappy block of at most \(maxRequest) bytes")
        }
        let request: RemoteReadRequest
        do { request = try RemoteReadRequest(message) } catch {
            throw APIError(.badData, "the body is not a prometheus.ReadRequest")
        }
        guard request.takesSamples else {
            throw APIError(
                .badData, "none of the requested response types can be given, only SAMPLES")
        }
        var response = ProtobufWriter()
        for query in request.queries {
            response.message(1, try result(query, call, already: response.bytes.count))
        }
        var answer = Answer(
            contentType: "application/x-protobuf", body: Snappy.compress(response.bytes))
        answer.headers[.contentEncoding] = "snappy"
        return answer
    }

    private static func result(
        _ query: RemoteReadRequest.Query, _ call: APICall, already: Int
    ) throws -> ProtobufWriter {
        var result = ProtobufWriter()
        var (series, sample) = (ProtobufWriter(), ProtobufWriter())
        var buffer = SampleBuffer()
        let selected = try call.querier.select(
            query.matchers, in: query.range, hints: SelectHints())
        for one in selected {
            series.removeAll()
            for label in one.labels.pairs {
                sample.removeAll()
                sample.string(1, label.name)
                sample.string(2, label.value)
                series.message(1, sample)
            }
            while try one.cursor.next(into: &buffer) {
                for (time, value) in zip(buffer.timestamps, buffer.values) {
                    sample.removeAll()
                    sample.double(1, value)
                    sample.varint(2, UInt64(bitPattern: time))
                    series.message(2, sample)
                }
                let size = already + result.bytes.count + series.bytes.count
                guard size <= call.limits.maxAnswer else {
                    throw APIError(
                        .badData,
                        "the answer is larger than \(call.limits.maxAnswer >> 20) MiB: ask for a "
                            + "shorter time or fewer series")
                }
            }
            result.message(1, series)
        }
        return result
    }
}

/// `prometheus.ReadRequest`.
struct RemoteReadRequest {
    struct Query {
        var range = TimeRange(start: 0, end: 0)
        var matchers: [Matcher] = []
    }

    var queries: [Query] = []
    /// Whether the client takes plain samples, which one that says nothing does.
    var takesSamples = true

    init(_ message: [UInt8]) throws(ProtobufReader.Malformed) {
        var accepted: [UInt64] = []
        var reader = ProtobufReader(message[...])
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let bytes)): queries.append(try Self.query(bytes))
            case (2, .varint(let type)): accepted.append(type)
            case (2, .bytes(let packed)): accepted += try ProtobufReader.packed(packed)
            default: continue
            }
        }
        takesSamples = accepted.isEmpty || accepted.contains(0)
    }

    private static func query(
        _ bytes: ArraySlice<UInt8>
    ) throws(ProtobufReader.Malformed) -> Query {
        var query = Query()
        var reader = ProtobufReader(bytes)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .varint(let time)): query.range.start = Int64(bitPattern: time)
            case (2, .varint(let time)): query.range.end = Int64(bitPattern: time)
            case (3, .bytes(let bytes)): query.matchers.append(try matcher(bytes))
            default: continue
            }
        }
        return query
    }

    private static func matcher(
        _ bytes: ArraySlice<UInt8>
    ) throws(ProtobufReader.Malformed) -> Matcher {
        let operations: [Matcher.Operation] = [.equal, .notEqual, .matches, .matchesNot]
        var matcher = Matcher("", .equal, "")
        var reader = ProtobufReader(bytes)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .varint(let type)):
                guard type < operations.count else { throw ProtobufReader.Malformed() }
                matcher.operation = operations[Int(type)]
            case (2, .bytes(let text)): matcher.name = String(decoding: text, as: UTF8.self)
            case (3, .bytes(let text)): matcher.value = String(decoding: text, as: UTF8.self)
            default: continue
            }
        }
        return matcher
    }
}
