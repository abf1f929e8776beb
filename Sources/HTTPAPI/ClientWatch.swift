// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import NIOCore
import Synchronization

/// What a request carries from its connection to its route.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }

    /// Whether the client is still there.
    func client() async -> ClientPresence? {
        let channel = channel
        return try? await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.handler(type: ClientWatch.self).presence
        }.get()
    }
}

typealias APIRouter = Router<APIContext>

/// Whether the client of a connection is still there, and what to stop when it goes.
final class ClientPresence: Sendable {
    private let state = Mutex<(isGone: Bool, queries: [ObjectIdentifier: QueryScope])>((false, [:]))

    /// Cancels `scope` when the client goes, or now if it is gone.
    func add(_ scope: QueryScope) {
        let isGone = state.withLock { state in
            if !state.isGone { state.queries[ObjectIdentifier(scope)] = scope }
            return state.isGone
        }
        if isGone { scope.cancel() }
    }

    func remove(_ scope: QueryScope) {
        state.withLock { _ = $0.queries.removeValue(forKey: ObjectIdentifier(scope)) }
    }

    func clientIsGone() {
        let queries = state.withLock { state in
            state.isGone = true
            defer { state.queries = [:] }
            return Array(state.queries.values)
        }
        for query in queries { query.cancel() }
    }
}

/// Sees a client close its connection while its query still runs. Closing only the sending half
/// counts as well, as it does for Go's servers.
final class ClientWatch: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    let presence = ClientPresence()

    func channelInactive(context: ChannelHandlerContext) {
        presence.clientIsGone()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { presence.clientIsGone() }
        context.fireUserInboundEventTriggered(event)
    }
}
