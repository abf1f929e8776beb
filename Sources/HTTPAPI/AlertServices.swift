// SPDX-License-Identifier: Apache-2.0

/// What the API does about alerts besides listing them, given to it by the agent. JSON is that of
/// Alertmanager's API version 2.
public struct AlertServices: Sendable {
    /// Why something was not done, in a sentence.
    public struct Refusal: Error, Sendable {
        /// The sentence.
        public let reason: String

        /// A refusal.
        public init(_ reason: String) { self.reason = reason }
    }

    /// The silences, a JSON list.
    public var silences: @Sendable () -> [UInt8] = { Array("[]".utf8) }
    /// Adds or changes the silence in a JSON object; gives its id.
    public var addSilence: @Sendable ([UInt8]) throws(Refusal) -> String
    /// Ends the silence with an id.
    public var expireSilence: @Sendable (String) throws(Refusal) -> Void
    /// The receivers' names.
    public var receivers: @Sendable () -> [String] = { [] }
    /// The Alertmanagers' addresses.
    public var alertmanagers: @Sendable () -> [String] = { [] }
    /// Sends a test to a receiver and waits: the name of each way, with its error if it failed. Nil
    /// when there is no such receiver.
    public var test: @Sendable (String) -> [(name: String, error: String?)]? = { _ in nil }

    /// No silences and nobody to tell.
    public init() {
        let none = Refusal("this agent does not notify")
        addSilence = { _ throws(Refusal) in throw none }
        expireSilence = { _ throws(Refusal) in throw none }
    }
}
