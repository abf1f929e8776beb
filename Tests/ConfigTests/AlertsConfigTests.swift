// SPDX-License-Identifier: Apache-2.0

import Config
import Foundation
import Notify
import Testing

/// The section `alerts`: who is told.
@Suite("Configuration of alerts")
struct AlertsConfigTests {
    private func parse(_ text: String) throws -> NotifySettings {
        try Configuration.parse(Array(text.utf8), file: "f.yaml").configuration.notify
    }

    private func error(_ text: String) -> String {
        do {
            _ = try parse(text)
            return "no error"
        } catch { return "\(error)" }
    }

    @Test("Receivers, routes and intervals are read as Alertmanager writes them")
    func whole() throws {
        let settings = try parse(
            """
            alerts:
              alertmanagers:
                - http://127.0.0.1:9093
                - url: https://am.example.org/prefix
                  basic_auth: {username: me, password_file: /run/secret}
                  tls_config: {ca_file: /etc/ca.pem}
              route:
                receiver: ops
                group_by: [alertname, name]
                group_wait: 10s
                routes:
                  - matchers: ['severity="critical"', name=~"web.*"]
                    receiver: pager
                    continue: true
                  - mute_time_intervals: [night]
                    repeat_interval: 1d
              receivers:
                - name: ops
                  webhook_configs: [{url: 'http://localhost:8080/', send_resolved: false}]
                  email_configs:
                    - {to: 'a@example.org, b@example.org', from: u@example.org, smarthost: 'mx:587'}
                - name: pager
                  ntfy_configs: [{topic: alerts}]
                  telegram_configs: [{bot_token_file: /run/token, chat_id: -100}]
                  exec_configs: [{command: [/usr/bin/logger, alert], timeout: 5s}]
              inhibit_rules:
                - {source_matchers: [alertname=Down], target_matchers: [severity=warning], equal: [name]}
              time_intervals:
                - name: night
                  time_intervals:
                    - times: [{start_time: '22:00', end_time: '24:00'}]
                      weekdays: ['monday:friday', sunday]
                      days_of_month: ['1:5', '-3:-1']
                      months: [january, '3:5']
                      location: Local
            """)
        #expect(
            settings.alertmanagers.map(\.url.origin) == [
                "http://127.0.0.1:9093", "https://am.example.org",
            ])
        #expect(settings.alertmanagers[1].http.basicAuth?.username == "me")
        #expect(settings.receivers.map(\.integrations.count) == [2, 3])
        let route = try #require(settings.route)
        #expect(route.grouping == .labels(["alertname", "name"]))
        #expect(route.routes[0].receiver == "pager" && route.routes[0].continues)
        #expect(route.routes[0].matchers.count == 2)
        #expect(route.routes[1].receiver == "ops" && route.routes[1].groupWait == 10_000)
        #expect(route.routes[1].repeatInterval == 86_400_000)
        let night = try #require(settings.timeIntervals["night"]?.first)
        #expect(night.times == [22 * 60..<24 * 60] && night.weekdays == [1...5, 0...0])
        #expect(night.months == [1...1, 3...5] && night.isLocal)
        guard case .email(let email) = settings.receivers[0].integrations[1].kind else {
            Issue.record("no e-mail")
            return
        }
        #expect(email.to == ["a@example.org", "b@example.org"] && email.port == 587)
    }

    @Test(
        "Each mistake is said with its place",
        arguments: [
            (
                "route: {receiver: obs}",
                "1:26: `route`: there is no receiver `obs`; did you mean `ops`?"
            ),
            ("route: {group_by: [a]}", "needs `receiver`"),
            ("route: {receiver: ops, matchers: [a=b]}", "takes everything"),
            (
                "route: {receiver: ops, routes: [{mute_time_intervals: [x]}]}",
                "no time interval `x`"
            ),
            (
                "route: {receiver: ops, routes: [{matchers: ['a=~(']}]}",
                "invalid regular expression"
            ),
            ("route: {receiver: ops, routes: [{matchers: [a]}]}", "is no matcher"),
            ("route: {receiver: ops, group_wayt: 1s}", "did you mean `group_wait`?"),
            ("route: {receiver: ops, group_interval: 0s}", "expected a duration"),
            ("alertmanagers: [localhost:9093]", "must begin with http://"),
            (
                "alertmanagers: [{url: 'http://x', basic_auth: {username: a, password: b}}]",
                "password_file"
            ),
            ("alertmanagers: [{url: 'http://a:b@x/'}]", "must not hold a password"),
            (
                "inhibit_rules: [{source_matchers: [a=b]}]",
                "needs source_matchers and target_matchers"
            ),
            (
                "time_intervals: [{name: a, time_intervals: [{times: [{start_time: '22:00', end_time: '06:00'}]}]}]",
                "over midnight, write two"
            ),
            (
                "time_intervals: [{name: a, time_intervals: [{weekdays: [someday]}]}]",
                "monday:wednesday"
            ),
            ("time_intervals: [{name: a, time_intervals: [{days_of_month: ['0']}]}]", "1 to 31"),
            ("time_intervals: [{name: a, time_intervals: [{location: Mars}]}]", "UTC or Local"),
            ("external_url: nowhere", "expected an address"),
            ("allow_link_local: maybe", "expected true or false"),
        ])
    func mistakes(text: String, expected: String) {
        let said = error("alerts: {receivers: [{name: ops}], \(text)}\n")
        #expect(said.hasPrefix("f.yaml:1:"), "\(said)")
        let plain = expected.hasPrefix("1:") ? String(expected.drop { $0 != "`" }) : expected
        #expect(said.contains(plain), "\(said)")
    }

    @Test(
        "What a receiver needs is asked for",
        arguments: [
            ("webhook_configs: [{}]", "needs `url` or `url_file`"),
            ("webhook_configs: [{url: 'http://x', url_file: /x}]", "exclude each other"),
            ("webhook_configs: {url: 'http://x'}", "expected a list"),
            ("webhook_config: []", "did you mean `webhook_configs`?"),
            ("telegram_configs: [{bot_token: '12:ab', chat_id: 1}]", "bot_token_file"),
            ("ntfy_configs: [{}]", "needs `topic`"),
            ("exec_configs: [{command: [logger]}]", "absolute path"),
            ("email_configs: [{to: a@b.c, from: a@b.c, smarthost: mx}]", "HOST:PORT"),
            (
                "email_configs: [{to: 'A <a@b.c>', from: a@b.c, smarthost: 'mx:25'}]",
                "no plain address"
            ),
            (
                "email_configs: [{to: \"a@b.c\\nx\", from: a@b.c, smarthost: 'mx:25'}]",
                "no plain address"
            ),
            (
                "email_configs: [{to: a@b.c, from: a@b.c, smarthost: 'mx:25', auth_username: x}]",
                "go together"
            ),
        ])
    func receivers(text: String, expected: String) {
        let said = error("alerts: {receivers: [{name: ops, \(text)}]}\n")
        #expect(said.contains(expected), "\(said)")
    }

    @Test("Secrets are not printed")
    func secrets() throws {
        let settings = try parse(
            "alerts: {receivers: [{name: a, slack_configs: [{api_url: 'http://hooks/s3cret'}]}]}\n")
        #expect(!"\(settings)".contains("s3cret"))
        #expect(!String(reflecting: settings).contains("s3cret"))
    }
}
