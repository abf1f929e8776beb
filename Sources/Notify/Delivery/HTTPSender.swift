// SPDX-License-Identifier: Apache-2.0

import Model

/// Tells by posting to an address: the webhook and the chat services.
struct HTTPSender: Sender {
    private let url: Secret
    private let poster: HTTPPoster
    private let path: @Sendable () throws(NotifyError) -> String
    private let body: @Sendable (Notification) -> [UInt8]

    /// A sender for an integration that is asked over HTTP; nil for the others.
    init?(_ kind: Integration.Kind, addresses: AddressGuard) {
        let http: HTTPOptions
        var path: @Sendable () throws(NotifyError) -> String = { () throws(NotifyError) in "" }
        switch kind {
        case .webhook(let target, let options):
            (url, http) = (target, options)
            body = { AlertmanagerJSON.webhook($0) }
        case .slack(let target, let channel, let options):
            (url, http) = (target, options)
            body = { ChatJSON.slack(MessageText($0), channel: channel) }
        case .discord(let target, let options):
            (url, http) = (target, options)
            body = { ChatJSON.discord(MessageText($0)) }
        case .teams(let target, let options):
            (url, http) = (target, options)
            body = { ChatJSON.teams(MessageText($0)) }
        case .ntfy(let target, let topic, let options):
            (url, http) = (target, options)
            body = { ChatJSON.ntfy(MessageText($0), topic: topic) }
        case .telegram(let target, let token, let chat, let options):
            (url, http) = (target, options)
            body = { ChatJSON.telegram(MessageText($0), chat: chat) }
            path = { () throws(NotifyError) in "/bot\(try token.read())/sendMessage" }
        case .email, .exec: return nil
        }
        self.path = path
        poster = HTTPPoster(addresses: addresses, options: http)
    }

    func send(_ notification: Notification) async -> Outcome {
        do {
            let more = try path()
            let target = try TargetURL(try url.read())
            let address = more.isEmpty ? target.appending("") : target.appending(more)
            return await poster.post(
                HTTPPoster.Request(url: address, body: body(notification)))
        } catch {
            return .failed(error.description)
        }
    }
}
