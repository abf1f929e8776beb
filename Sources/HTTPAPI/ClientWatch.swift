// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import NIOCore
import Synchronization

/// What a request carries from its connection to its route.
struct APIContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel
    /// Whether the client is still there.
    let client: ClientPresence?

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
        client = ClientWatch.presence(on: source.channel)
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

    /// Who is at the other end of each open connection: asking the pipeline would take a turn of the
    /// event loop for each request.
    private static let connected = Mutex<[ObjectIdentifier: ClientPresence]>([:])

    private let presence = ClientPresence()

    static func presence(on channel: any Channel) -> ClientPresence? {
        connected.withLock { $0[ObjectIdentifier(channel)] }
    }

    func handlerAdded(context: ChannelHandlerContext) {
        Self.connected.withLock { $0[ObjectIdentifier(context.channel)] = presence }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        Self.connected.withLock { $0[ObjectIdentifier(context.channel)] = nil }
    }

    func channelInactive(context: ChannelHandlerContext) {
        presence.clientIsGone()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { presence.clientIsGone() }
        context.fireUserInboundEventTriggered(event)
    }
}
