// SPDX-License-Identifier: Apache-2.0

import Collectors
import Foundation
import Model
import TestSupport
import Testing

@Suite("The page of metrics")
struct MetricsPageTests {
    private static let page =
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "docs/metrics.md").path
    private static let mark = "<!-- the table is generated; CONTRIBUTING.md says how -->\n"

    /// With `ULLAGE_WRITE_DOCS=1` in the environment the table is written instead of compared.
    @Test("Its table is the catalogue's")
    func table() throws {
        let text = try #require(contents(Self.page))
        let parts = text.components(separatedBy: Self.mark)
        try #require(parts.count == 3)
        if ProcessInfo.processInfo.environment["ULLAGE_WRITE_DOCS"] == "1" {
            let whole = parts[0] + Self.mark + ContainerCatalogue.table() + Self.mark + parts[2]
            try Data(whole.utf8).write(to: URL(filePath: Self.page))
        } else {
            #expect(parts[1] == ContainerCatalogue.table())
        }
    }

    @Test("Each name is used once")
    func names() {
        let names = ContainerCatalogue.all.map(\.name)
        #expect(Set(names).count == names.count)
    }
}
