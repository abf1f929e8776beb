// SPDX-License-Identifier: Apache-2.0

/// What this build calls itself.
public enum AgentVersion {
    /// The version, by semantic versioning.
    public static let number = "0.1.0"
}
