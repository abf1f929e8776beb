// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// `/api/v1/audit`: how the running containers are confined. `container` asks for one, by its name
/// or the beginning of its id.
enum AuditRoute {
    static let endpoint = Endpoint(path: "/api/v1/audit") { call in
        let wanted = call.parameters.first("container")
        let rows = call.services.findings()
            .filter { row in
                wanted.map { $0 == row.0.name || row.0.id.hasPrefix($0) } ?? true
            }
            .sorted { ($0.0.name, $0.0.id) < ($1.0.name, $1.0.id) }
        return Answer.success { json in
            json.list(rows) { json, row in
                json.raw("{\"name\":")
                json.string(row.0.name)
                json.raw(",\"id\":")
                json.string(row.0.id)
                json.raw(",\"engine\":")
                json.string(row.0.engine.rawValue)
                json.raw(",\"findings\":")
                json.list(row.1) { json, finding in
                    json.object([
                        ("check", finding.check), ("cis", finding.cis), ("title", finding.title),
                        ("severity", finding.severity.rawValue),
                        ("verdict", finding.verdict.rawValue), ("reason", finding.reason),
                        ("remedy", finding.remedy),
                    ])
                }
                json.raw("}")
            }
        }
    }
}
