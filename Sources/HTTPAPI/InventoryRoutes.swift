// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// `/api/v1/networks`, `/api/v1/volumes` and `/api/v1/images`: what there is besides the containers,
/// as of the last look, at most a minute ago.
enum InventoryRoutes {
    static let all = [
        Endpoint(path: "/api/v1/networks") { call in
            Answer.success {
                $0.list(call.services.inventory().connections) { connection($1, &$0) }
            }
        },
        Endpoint(path: "/api/v1/volumes") { call in
            Answer.success { $0.list(call.services.inventory().volumes) { volume($1, &$0) } }
        },
        Endpoint(path: "/api/v1/images") { call in
            Answer.success { $0.list(call.services.inventory().images) { image($1, &$0) } }
        },
    ]

    private static func connection(_ row: ContainerConnection, _ json: inout JSONWriter) {
        json.raw("{\"name\":")
        json.string(row.container.name)
        json.raw(",\"id\":")
        json.string(row.container.id)
        json.raw(",\"engine\":")
        json.string(row.container.engine.rawValue)
        json.raw(",\"mode\":")
        json.string(row.mode)
        json.raw(",\"networks\":")
        json.strings(row.container.networks)
        json.raw(",\"addresses\":")
        json.strings(row.addresses)
        json.raw(",\"interfaces\":")
        json.strings(row.interfaces)
        json.raw(",\"hostInterfaces\":")
        json.strings(row.hostInterfaces)
        json.raw(",\"ports\":")
        json.list(row.container.ports.indices) { json, i in
            let port = row.container.ports[i]
            json.raw("{\"mapping\":")
            json.string(
                "\(port.hostAddress):\(port.hostPort)->\(port.containerPort)/\(port.transport)")
            json.raw(",\"listening\":")
            let listens = i < row.listening.count ? row.listening[i] : nil
            if let listens {
                if listens { json.raw("true") } else { json.raw("false") }
            } else {
                json.raw("null")
            }
            json.raw("}")
        }
        json.raw("}")
    }

    private static func volume(_ row: ContainerVolume, _ json: inout JSONWriter) {
        json.raw("{\"kind\":")
        json.string(row.kind)
        json.raw(",\"source\":")
        json.string(row.source)
        json.raw(",\"bytes\":")
        json.number(row.bytes.map { Double($0) })
        json.raw(",\"complete\":")
        if row.isComplete { json.raw("true") } else { json.raw("false") }
        json.raw(",\"users\":")
        json.strings(row.users)
        json.raw("}")
    }

    private static func image(_ row: ContainerImage, _ json: inout JSONWriter) {
        json.raw("{\"id\":")
        json.string(row.id)
        json.raw(",\"registry\":")
        json.string(row.registry)
        json.raw(",\"names\":")
        json.strings(row.names)
        json.raw(",\"users\":")
        json.strings(row.users)
        let numbers: [(StaticString, Int64?)] = [
            (",\"bytes\":", row.bytes), (",\"sharedBytes\":", row.sharedBytes),
            (",\"layers\":", row.layers.map { Int64($0) }),
        ]
        for (name, value) in numbers {
            json.raw(name)
            json.number(value.map { Double($0) })
        }
        json.raw("}")
    }
}
