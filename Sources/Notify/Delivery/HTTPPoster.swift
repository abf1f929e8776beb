// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Model
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Posts to HTTP targets: resolves and judges the address itself, never follows redirects (they
/// would carry credentials to a host nobody chose), bounds time and what is read of the answer.
struct HTTPPoster: Sendable {
    /// What is posted.
    struct Request: Sendable {
        var url: String
        var body: [UInt8]
        var contentType = "application/json"
        var headers: [(String, String)] = []
    }

    let addresses: AddressGuard
    let options: HTTPOptions

    /// Bytes of an answer that are looked at.
    static let maxAnswer = 64 << 10

    /// Posts once, and says what a status means: 2xx is success; 408, 429 and 5xx, and whatever the
    /// network does, may pass; the rest will not.
    func post(_ request: Request) async -> Outcome {
        let target: TargetURL
        let client: HTTPClient
        do {
            target = try TargetURL(request.url)
            client = try await self.client(for: target)
        } catch let error as NotifyError {
            return .retry(error.description, after: nil)
        } catch {
            return .failed("cannot prepare TLS: \(error)")
        }
        let outcome = await post(request, to: target, by: client)
        try? await client.shutdown()
        return outcome
    }

    private func post(
        _ request: Request, to target: TargetURL, by client: HTTPClient
    ) async -> Outcome {
        do {
            var message = HTTPClientRequest(url: target.appending(""))
            message.method = .POST
            message.headers.add(name: "Content-Type", value: request.contentType)
            message.headers.add(name: "User-Agent", value: "ullage")
            for (name, value) in request.headers { message.headers.add(name: name, value: value) }
            if let header = try authorization() {
                message.headers.add(name: "Authorization", value: header)
            }
            message.body = .bytes(ByteBuffer(bytes: request.body))
            let response = try await client.execute(
                message, timeout: .milliseconds(options.timeout))
            return await Self.judge(response, target)
        } catch let error as NotifyError {
            return .retry(error.description, after: nil)
        } catch {
            return .retry("\(target.origin): \(error)", after: nil)
        }
    }

    private static func judge(_ response: HTTPClientResponse, _ target: TargetURL) async -> Outcome
    {
        let code = Int(response.status.code)
        var text: [UInt8] = []
        if !(200..<300).contains(code) {
            do {
                for try await part in response.body {
                    text += part.readableBytesView.prefix(maxAnswer - text.count)
                    if text.count >= maxAnswer { break }
                }
            } catch {
                // The status says enough when the rest does not arrive.
                text = []
            }
        }
        let words = printable(text)
        let reason = "\(target.origin) answered \(code)" + (words.isEmpty ? "" : ": \(words)")
        switch code {
        case 200..<300: return .sent()
        case 300..<400: return .failed("\(reason): redirects are not followed")
        case 408, 429, 500...:
            let seconds = response.headers.first(name: "Retry-After").flatMap { Int64($0) }
            return .retry(reason, after: seconds.map { min(max($0, 0), 300) * 1000 })
        default: return .failed(reason)
        }
    }

    /// The start of an answer, fit for a log: one line, no control characters.
    static func printable(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.prefix(300), as: UTF8.self).unicodeScalars.map { scalar in
            scalar.value < 0x20 || scalar.value == 0x7f ? " " : String(scalar)
        }.joined()
    }

    private func authorization() throws(NotifyError) -> String? {
        if let basic = options.basicAuth {
            let pair = Array("\(basic.username):\(try basic.password.read())".utf8)
            return "Basic " + Base64Text.encode(pair)
        }
        guard let other = options.authorization else { return nil }
        let credentials = try other.credentials.read()
        guard credentials.utf8.allSatisfy({ $0 > 0x1f && $0 < 0x7f }) else {
            throw NotifyError("the credentials hold characters that no header may have")
        }
        return "\(other.type) \(credentials)"
    }

    private func client(for target: TargetURL) async throws -> HTTPClient {
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: target.isSecure ? try TLSSetup.client(options.tls) : nil,
            redirectConfiguration: .disallow,
            timeout: .init(
                connect: .milliseconds(options.timeout), read: .milliseconds(options.timeout)))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        let address = try await addresses.resolve(target.host)
        if address != target.host { configuration.dnsOverride[target.host] = address }
        return HTTPClient(
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton),
            configuration: configuration)
    }
}

/// TLS as the settings want it.
enum TLSSetup {
    static func client(_ options: TLSOptions) throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let file = options.caFile { tls.trustRoots = .file(file) }
        if let file = options.certFile {
            tls.certificateChain = try NIOSSLCertificate.fromPEMFile(file).map { .certificate($0) }
        }
        if let file = options.keyFile {
            tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: file, format: .pem))
        }
        if options.isUnverified { tls.certificateVerification = .none }
        return tls
    }
}

/// Base64 (RFC 4648).
enum Base64Text {
    private static let digits = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var result: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            var word: UInt32 = 0
            for (i, byte) in part.enumerated() { word |= UInt32(byte) << (16 - 8 * i) }
            for i in 0..<4 {
                let isData = i <= part.count
                result.append(
                    isData ? digits[Int(word >> (18 - 6 * i) & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
