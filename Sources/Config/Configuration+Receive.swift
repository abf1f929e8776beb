// SPDX-License-Identifier: Apache-2.0

public import Outputs

extension Configuration {
    /// What is taken in from other hosts.
    public struct Receive: Hashable, Sendable {
        /// The protocols there are.
        public enum Kind: String, CaseIterable, Hashable, Sendable {
            /// Prometheus' remote write.
            case remoteWrite = "remote_write"
            /// Loki's push API.
            case loki
            /// OTLP's logs over HTTP.
            case otlpLogs = "otlp_logs"
        }

        /// Where it listens.
        public var host: String
        /// 0 takes a free port.
        public var port: Int
        /// The certificate to show; nil for none, which loopback alone allows.
        public var tls: TLSOptions?
        /// Who may send.
        public var senders: [Authentication] = []
        /// The protocols that are taken.
        public var protocols = Set(Kind.allCases)
        /// Bytes of a request's body.
        public var maxBody: Int64 = 4 << 20
        /// Bytes of a body after decompression.
        public var maxDecoded: Int64 = 32 << 20
        /// Streams of lines at once.
        public var maxStreams: Int64 = 1000
        /// Connections at once.
        public var maxConnections: Int64 = 256
    }
}
