// SPDX-License-Identifier: Apache-2.0

public import Model

/// Who is told of alerts, and how.
public struct NotifySettings: Hashable, Sendable {
    /// Alertmanagers, each of which gets every alert.
    public var alertmanagers: [AlertmanagerOptions] = []
    /// Who can be told by this agent itself.
    public var receivers: [Receiver] = []
    /// Who is told of what; nil when only Alertmanagers are.
    public var route: Route?
    /// Which alerts keep others quiet.
    public var inhibitRules: [InhibitRule] = []
    /// Intervals of time, by the name that routes use.
    public var timeIntervals: [String: [TimeInterval]] = [:]
    /// Where people find this agent, for links in messages; empty for none.
    public var externalURL = ""
    /// Whether targets may have link-local addresses, where clouds keep credentials.
    public var allowsLinkLocal = false

    /// Nobody.
    public init() {}
}

/// An Alertmanager.
public struct AlertmanagerOptions: Hashable, Sendable {
    /// Its address, with a path prefix if it has one.
    public var url: TargetURL
    /// How it is asked.
    public var http = HTTPOptions()

    /// An Alertmanager at an address.
    public init(url: TargetURL) { self.url = url }
}

/// Somebody who is told, in one way or several.
public struct Receiver: Hashable, Sendable {
    /// The name that routes use.
    public var name: String
    /// The ways; none for a receiver that silences what is routed to it.
    public var integrations: [Integration]

    /// A receiver of this name.
    public init(name: String, integrations: [Integration]) {
        self.name = name
        self.integrations = integrations
    }
}

/// A node of the tree that decides who is told of an alert, as in Alertmanager: an alert goes down
/// to the first child that matches, and to the ones after it when that says `continue`.
public struct Route: Hashable, Sendable {
    /// By which labels alerts are put together.
    public enum Grouping: Hashable, Sendable {
        /// These labels.
        case labels([String])
        /// All labels: each alert alone.
        case all
    }

    /// The receiver's name.
    public var receiver: String
    /// What an alert must satisfy.
    public var matchers: [Matcher] = []
    /// Whether the siblings after this one are tried too.
    public var continues = false
    /// By which labels alerts are put together.
    public var grouping = Grouping.labels([])
    /// Milliseconds a new group waits for more alerts.
    public var groupWait: Milliseconds = 30_000
    /// Milliseconds between two looks at a group.
    public var groupInterval: Milliseconds = 300_000
    /// Milliseconds after which an alert that still fires is told again.
    public var repeatInterval: Milliseconds = 14_400_000
    /// Names of intervals in which nobody is told.
    public var muteTimeIntervals: [String] = []
    /// Names of intervals outside of which nobody is told.
    public var activeTimeIntervals: [String] = []
    /// The children.
    public var routes: [Route] = []

    /// A route to a receiver, with Alertmanager's defaults.
    public init(receiver: String) { self.receiver = receiver }
}

/// Keeps alerts quiet while another one fires.
public struct InhibitRule: Hashable, Sendable {
    /// What the firing alert satisfies.
    public var source: [Matcher]
    /// What the quiet ones satisfy.
    public var target: [Matcher]
    /// Labels in which both are equal; absent counts as empty.
    public var equal: [String]

    /// A rule of these parts.
    public init(source: [Matcher], target: [Matcher], equal: [String]) {
        self.source = source
        self.target = target
        self.equal = equal
    }
}
