// SPDX-License-Identifier: Apache-2.0

/// How a container fares in one check of its confinement.
public struct AuditFinding: Hashable, Sendable {
    /// What came out.
    public enum Verdict: String, Hashable, Sendable {
        /// As it should be.
        case pass
        /// Not as it should be; the reason says why.
        case fail
        /// The agent may not look; the reason says what it lacks.
        case unknown
    }

    /// How much a failure weighs.
    public enum Severity: String, Hashable, Sendable, CaseIterable {
        /// The container can take over the host.
        case high
        /// A barrier is missing.
        case medium
        /// Good practice.
        case low
    }

    /// The check's name, such as `privileged`.
    public var check: String
    /// The item of the CIS Docker Benchmark (1.2 to 1.5) it follows; empty for none.
    public var cis: String
    /// What the check asks for, in a few words.
    public var title: String
    /// How much a failure weighs.
    public var severity: Severity
    /// What came out.
    public var verdict: Verdict
    /// Why; empty for a pass.
    public var reason: String
    /// What to do about a failure.
    public var remedy: String

    /// A finding.
    public init(
        check: String, cis: String, title: String, severity: Severity, verdict: Verdict,
        reason: String, remedy: String
    ) {
        self.check = check
        self.cis = cis
        self.title = title
        self.severity = severity
        self.verdict = verdict
        self.reason = reason
        self.remedy = remedy
    }
}
