// SPDX-License-Identifier: Apache-2.0

import Agent

/// The program's version, as the agent reports it.
enum Version {
    static let number = AgentVersion.number
}
