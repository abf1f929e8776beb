// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// Alerts as Alertmanager's API version 2 takes them, and its webhook payload, version 4.
enum AlertmanagerJSON {
    /// The time Go writes for "none", which the webhook payload has as the end of firing alerts.
    private static let noTime = "0001-01-01T00:00:00Z"

    /// The body of `POST /api/v2/alerts`.
    static func alerts(_ alerts: [Alert]) -> [UInt8] {
        var json = JSONWriter()
        json.list(alerts) { json, alert in
            json.raw("{\"labels\":")
            json.labels(alert.labels)
            json.raw(",\"annotations\":")
            json.labels(alert.annotations)
            for (name, time) in [("startsAt", alert.startsAt), ("endsAt", alert.endsAt)] {
                guard let time else { continue }
                json.raw(",")
                json.string(name)
                json.raw(":")
                json.string(RFC3339.format(time))
            }
            json.raw(",\"generatorURL\":")
            json.string(alert.generatorURL)
            json.raw("}")
        }
        return json.bytes
    }

    /// The body that Alertmanager posts to a webhook.
    static func webhook(_ notification: Notification) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"version\":\"4\",\"groupKey\":")
        json.string(notification.groupKey)
        json.raw(",\"truncatedAlerts\":0,\"status\":")
        json.string(notification.status)
        json.raw(",\"receiver\":")
        json.string(notification.receiver)
        json.raw(",\"groupLabels\":")
        json.labels(notification.groupLabels)
        json.raw(",\"commonLabels\":")
        json.labels(notification.commonLabels)
        json.raw(",\"commonAnnotations\":")
        json.labels(notification.commonAnnotations)
        json.raw(",\"externalURL\":")
        json.string(notification.externalURL)
        json.raw(",\"alerts\":")
        json.list(notification.alerts) { json, alert in
            let isOver = alert.isResolved(at: notification.time)
            json.raw(isOver ? "{\"status\":\"resolved\"" : "{\"status\":\"firing\"")
            json.raw(",\"labels\":")
            json.labels(alert.labels)
            json.raw(",\"annotations\":")
            json.labels(alert.annotations)
            json.raw(",\"startsAt\":")
            json.string(RFC3339.format(alert.startsAt ?? alert.activeAt))
            json.raw(",\"endsAt\":")
            json.string(isOver ? RFC3339.format(alert.endsAt ?? notification.time) : noTime)
            json.raw(",\"generatorURL\":")
            json.string(alert.generatorURL)
            json.raw(",\"fingerprint\":")
            json.string(alert.fingerprint.description)
            json.raw("}")
        }
        json.raw("}")
        return json.bytes
    }
}
