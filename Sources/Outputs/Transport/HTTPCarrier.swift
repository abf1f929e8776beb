// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import FoundationEssentials
import Glibc
import Linux
import Model
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// What an HTTP server answered.
public struct HTTPReply: Sendable {
    /// The status code.
    public var status: Int
    /// The headers; of several of one name the last.
    public var headers: [String: String]
    /// The body, bounded.
    public var body: [UInt8]

    /// The value of a header, whatever its case.
    func header(_ name: String) -> String? { headers[name.lowercased()] }
}

/// Says what an answer to a parcel means.
typealias HTTPJudge = @Sendable (HTTPReply, Parcel) -> Verdict

/// Sends parcels to an HTTP server, one request each.
public final class HTTPCarrier: Carrier {
    private let target: HTTPTarget
    private let client: HTTPClient
    /// What is asked for, and the `Host` when it is another.
    private let url: String
    private let host: String?
    private typealias Exchange = HTTPClient.Task<HTTPClient.Response>
    private let running = Mutex<[Exchange]>([])

    /// Bytes of an answer that are read.
    private static let maxReply = 16 << 20
    private static let connectTimeout: Int64 = 10_000

    /// A client of `target` with so many connections. Throws when certificates or keys cannot be used.
    public init(_ target: HTTPTarget, connections: Int = 1) throws(ShipError) {
        self.target = target
        var configuration = HTTPClient.Configuration()
        configuration.tlsConfiguration = try target.tls.configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout = .init(
            connect: .milliseconds(min(Self.connectTimeout, target.timeout)))
        configuration.httpVersion = .http1Only
        configuration.decompression = .disabled
        // The delivery tries again itself, and says why.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
        if let proxy = target.proxy {
            guard let url = URL(string: proxy), url.scheme == "http", let host = url.host() else {
                throw ShipError("the proxy `\(HTTPTarget.withoutSecrets(proxy))` is no http:// URL")
            }
            configuration.proxy = .server(host: host, port: url.port ?? 3128)
        }
        if let name = target.tls.serverName, var parts = URLComponents(string: target.url),
            let real = parts.host
        {
            // The client checks certificates against the URL's host: that becomes the name, and
            // the name is looked up as the real host.
            parts.host = name
            url = parts.string ?? target.url
            host = real + (parts.port.map { ":\($0)" } ?? "")
            configuration.dnsOverride = [name: real]
        } else {
            url = target.url
            host = nil
        }
        client = HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    deinit { try? client.syncShutdown() }

    /// See `Carrier`.
    public func carry(_ parcel: Parcel) -> Verdict { carry([parcel])[0] }

    /// See `Carrier`.
    public func carry(_ parcels: [Parcel]) -> [Verdict] {
        let begun = parcels.map { parcel in
            Result<Exchange, any Error> { try begin(parcel) }
        }
        running.withLock { $0 = begun.compactMap { try? $0.get() } }
        defer { running.withLock { $0 = [] } }
        return zip(parcels, begun).map { parcel, exchange in verdict(exchange, parcel) }
    }

    private func verdict(_ begun: Result<Exchange, any Error>, _ parcel: Parcel) -> Verdict {
        do {
            return parcel.judge(Self.reply(try begun.get().wait()), parcel)
        } catch let error as ShipError {
            return .retry(reason: error.description, after: nil)
        } catch {
            return .retry(
                reason: "cannot reach \(target.shown): \(Self.explain(error))", after: nil)
        }
    }

    /// See `Carrier`.
    public func interrupt() {
        for exchange in running.withLock({ $0 }) { exchange.cancel() }
    }

    private func begin(_ parcel: Parcel) throws -> Exchange {
        var headers = HTTPHeaders()
        headers.add(name: "User-Agent", value: "ullage")
        for (name, value) in parcel.headers { headers.replaceOrAdd(name: name, value: value) }
        for (name, value) in target.headers { headers.replaceOrAdd(name: name, value: value) }
        if let (name, value) = try target.authentication.header() {
            headers.replaceOrAdd(name: name, value: value)
        }
        if let host { headers.replaceOrAdd(name: "Host", value: host) }
        let request = try HTTPClient.Request(
            url: url, method: .POST, headers: headers,
            body: .byteBuffer(ByteBuffer(bytes: parcel.body)))
        return client.execute(
            request: request,
            delegate: ResponseAccumulator(request: request, maxBodySize: Self.maxReply),
            deadline: .now() + .milliseconds(target.timeout))
    }

    private static func reply(_ response: HTTPClient.Response) -> HTTPReply {
        var reply = HTTPReply(status: Int(response.status.code), headers: [:], body: [])
        for (name, value) in response.headers { reply.headers[name.lowercased()] = value }
        if let body = response.body { reply.body = Array(body.readableBytesView) }
        return reply
    }

    /// What a status code means when the protocol says nothing else.
    ///
    /// 401, 403, 404 and the like are about the configuration and not about the records: they are
    /// tried again until somebody puts it right.
    @Sendable
    public static func standardVerdict(_ reply: HTTPReply, _ parcel: Parcel) -> Verdict {
        let reason = Self.reason(reply)
        switch reply.status {
        case 200..<300: return .accepted
        case 300..<400:
            let place =
                reply.header("Location").map { HTTPTarget.withoutSecrets($0) } ?? "elsewhere"
            return .retry(
                reason: "HTTP \(reply.status): redirects to \(place) are not followed; give that "
                    + "as the URL", after: nil)
        case 401, 402, 403, 404, 405, 407, 408, 425, 429, 500...:
            return .retry(reason: reason, after: retryAfter(reply))
        case 413: return .tooLarge(reason: reason)
        case 415: return .unsupported(reason: reason)
        default: return .refused(reason: reason)
        }
    }

    /// The status and the start of the answer, safe to show.
    static func reason(_ reply: HTTPReply) -> String {
        let text = String(decoding: reply.body.prefix(400), as: UTF8.self).unicodeScalars
        var shown = ""
        for scalar in text {
            let isPlain = scalar.value >= 0x20 && !(0x7f...0x9f).contains(scalar.value)
            shown.unicodeScalars.append(isPlain ? scalar : " ")
        }
        while shown.hasSuffix(" ") { shown.removeLast() }
        return shown.isEmpty ? "HTTP \(reply.status)" : "HTTP \(reply.status): \(shown)"
    }

    /// What `Retry-After` says (RFC 9110, 10.2.3), in milliseconds: seconds, or a date.
    static func retryAfter(_ reply: HTTPReply) -> Milliseconds? {
        guard let text = reply.header("Retry-After") else { return nil }
        if let seconds = Int64(text), seconds >= 0, seconds < 1 << 40 { return seconds * 1000 }
        var time = tm()
        guard strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &time) != nil else { return nil }
        return max(0, Int64(timegm(&time)) * 1000 - Clock.realtimeMilliseconds())
    }

    static func explain(_ error: any Error) -> String {
        if let error = error as? NIOConnectionError {
            if error.connectionErrors.isEmpty {
                return "the name \(error.host) cannot be resolved"
            }
            return error.connectionErrors.map { "\($0.error)" }.joined(separator: "; ")
        }
        return "\(error)"
    }
}

extension TLSOptions {
    /// The options as NIOSSL takes them. Throws when a file cannot be used.
    func configuration() throws(ShipError) -> TLSConfiguration {
        var result = TLSConfiguration.makeClientConfiguration()
        if isUnverified { result.certificateVerification = .none }
        if let caFile {
            do {
                let roots = try NIOSSLCertificate.fromPEMFile(caFile)
                guard !roots.isEmpty else { throw ShipError("no certificate") }
                result.trustRoots = .certificates(roots)
            } catch { throw ShipError("cannot use the certificates in \(caFile): \(error)") }
        }
        guard let certificateFile else { return result }
        do {
            result.certificateChain = try NIOSSLCertificate.fromPEMFile(certificateFile)
                .map { .certificate($0) }
        } catch { throw ShipError("cannot use the certificate in \(certificateFile): \(error)") }
        let key = keyFile ?? certificateFile
        do {
            result.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
        } catch { throw ShipError("cannot use the private key in \(key): \(error)") }
        return result
    }
}
