// SPDX-License-Identifier: Apache-2.0

import Model
import Testing

/// The identity of alerts, which other programs compute too.
@Suite("Alerts")
struct AlertTests {
    @Test("A fingerprint is FNV-1a over names and values, each followed by 0xff")
    func fingerprint() {
        #expect(Fingerprint([:]).description == "cbf29ce484222325")
        // The value Alertmanager 0.25 gives for an alert of these labels.
        let labels: Labels = ["alertname": "Down", "severity": "critical"]
        #expect(Fingerprint(labels).description == "4f000a279caba656")
    }

    @Test("An alert is over from its end on")
    func resolved() {
        var alert = Alert(
            labels: ["alertname": "Down"], value: 1, state: .firing, activeAt: 0, startsAt: 0)
        #expect(!alert.isResolved(at: 1000))
        alert.endsAt = 1000
        #expect(!alert.isResolved(at: 999))
        #expect(alert.isResolved(at: 1000))
        #expect(alert.name == "Down")
    }
}
