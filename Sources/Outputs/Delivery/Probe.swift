// SPDX-License-Identifier: Apache-2.0

import Linux
import Model

/// Sends one record to a sink, to see whether it takes it.
public enum ShipProbe {
    /// What became of a sample `ullage_ship_test 1`, or of a log line that says it is a test. Throws
    /// when the sink cannot be set up.
    public static func send(_ options: SinkOptions) throws -> Verdict {
        let carrier = try options.carrier()
        let now = Clock.realtimeNanoseconds()
        var parcel = Parcel(
            body: [], records: 1, rawBytes: 0, newest: now / 1_000_000, isFull: true)
        let external = Labels(
            options.externalLabels.map { Label(name: $0.key, value: $0.value) })
        if options.kind.takesSamples {
            let encoder = options.sampleEncoder()
            let metric = MetricDescriptor(
                "ullage_ship_test", .gauge, help: "Sent by ullage ship test.")
            encoder.begin()
            encoder.add(
                encoder.prepare(external.merging(["__name__": metric.name]), metric),
                [now / 1_000_000], [1], 0..<1)
            parcel.body = encoder.finish().body
            parcel.headers = encoder.headers
            parcel.judge = encoder.judge
        } else {
            let encoder = options.logEncoder()
            encoder.begin()
            let stream = ShippedStream(
                labels: external.merging(["container": "ullage-ship-test"]),
                id: "ullage-ship-test")
            Array("a test by ullage ship test".utf8).withUnsafeBytes { text in
                encoder.add(
                    LogEntryView(
                        timestamp: now, stream: .stdout, level: .info, isGap: false, sequence: now,
                        origin: 0, bytes: text), of: stream)
            }
            parcel.body = encoder.finish().body
            parcel.headers = encoder.headers
            parcel.judge = encoder.judge
        }
        return carrier.carry(parcel)
    }
}
