// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOPosix

extension APIClient {
    /// Sends a GET and gives `body` each line of the answer as it comes, until it returns false.
    func lines(
        _ path: String, query: [(String, String)], _ body: ([UInt8]) throws -> Bool
    ) async throws {
        let parameters = query.map { "\(Self.escape($0.0))=\(Self.escape($0.1))" }
        let uri =
            prefix + path + (parameters.isEmpty ? "" : "?" + parameters.joined(separator: "&"))
        let channel: NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>
        do { channel = try await connect() } catch {
            throw Failure(.unavailable, unreachable(because: error))
        }
        try await channel.executeThenClose { inbound, outbound in
            try await request(uri, outbound)
            var status = 0
            var pending: [UInt8] = []
            for try await part in inbound {
                switch part {
                case .head(let head): status = Int(head.status.code)
                case .body(let bytes):
                    pending.append(contentsOf: bytes.readableBytesView)
                    if status == 200, try !Self.takeLines(&pending, body) { return }
                    guard pending.count <= Self.maxLine else {
                        throw Failure(.badData, "a line of the agent's answer is too long")
                    }
                case .end:
                    guard status == 200 else { throw Self.failure(status, pending) }
                    return
                }
            }
            throw Failure(.unavailable, "the agent closed the connection in mid-answer")
        }
    }

    private static let maxLine = 64 << 20

    private static func takeLines(
        _ pending: inout [UInt8], _ body: ([UInt8]) throws -> Bool
    ) throws -> Bool {
        var start = 0
        while let end = pending[start...].firstIndex(of: 0x0a) {
            guard try body(Array(pending[start..<end])) else { return false }
            start = end + 1
        }
        pending.removeFirst(start)
        return true
    }

    /// What an answer that is no success says.
    private static func failure(_ status: Int, _ body: [UInt8]) -> Failure {
        let said = try? JSONDecoder().decode(Envelope<String>.self, from: Data(body))
        let text = Terminal.safe(said?.error ?? "HTTP \(status)", limit: 2000)
        return Failure(status == 404 && said?.error != nil ? .no : .badData, text)
    }

    private func request(
        _ uri: String, _ outbound: NIOAsyncChannelOutboundWriter<HTTPClientRequestPart>
    ) async throws {
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: uri)
        head.headers.add(name: "Host", value: endpoint.authority)
        head.headers.add(name: "User-Agent", value: "ullage/\(Version.number)")
        head.headers.add(name: "Connection", value: "close")
        try await outbound.write(.head(head))
        try await outbound.write(.end(nil))
    }
}
