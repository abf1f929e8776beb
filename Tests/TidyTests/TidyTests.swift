// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The house rules that a machine can check.
@Suite("House rules")
struct TidyTests {
    @Test("There are sources to check")
    func sourcesAreFound() {
        #expect(SourceTree.sources.count > 50)
        #expect(SourceTree.tests.count > 5)
    }

    @Test("Every file starts with its licence")
    func licence() {
        for file in SourceTree.sources + SourceTree.tests {
            let first = file.lines.prefix(2).joined()
            #expect(first.contains("SPDX-License-Identifier: Apache-2.0"), "\(file)")
        }
    }

    @Test("A source file has at most 500 lines, a test file 800")
    func fileLength() {
        for file in SourceTree.sources { #expect(file.lines.count <= 501, "\(file)") }
        for file in SourceTree.tests { #expect(file.lines.count <= 801, "\(file)") }
    }

    @Test("A function in Sources has at most 70 lines")
    func functionLength() {
        for file in SourceTree.sources where file.path.hasSuffix(".swift") {
            for function in Self.functions(of: file) {
                #expect(
                    function.length <= 70, "\(file):\(function.line) has \(function.length) lines")
            }
        }
    }

    /// Foundation costs megabytes in each process, so the lower floors do without it.
    @Test("Foundation stays out of the lower floors, and ICU out of everything")
    func foundation() {
        let without: Set<String> = [
            "Linux", "Model", "Codecs", "PromQL", "Logs", "Collectors", "SeriesStore",
            "ullage-shim",
        ]
        for file in SourceTree.sources {
            for line in file.lines where line.contains("import ") {
                let words = line.split(separator: " ")
                guard let at = words.firstIndex(of: "import"), at + 1 < words.count else {
                    continue
                }
                #expect(words[at + 1] != "Foundation", "\(file): \(line)")
                if words[at + 1] == "FoundationEssentials" {
                    #expect(!without.contains(file.target), "\(file): \(line)")
                }
            }
        }
    }

    @Test("Nothing is left unfinished or unexplained")
    func marks() {
        let banned = ["TODO", "FIXME", "XXX", "HACK", "try!", " as! "]
        let explained = ["@unchecked Sendable", "nonisolated(unsafe)"]
        for file in SourceTree.sources {
            for (i, line) in file.lines.enumerated() {
                for word in banned {
                    #expect(!line.contains(word), "\(file):\(i + 1) has \(word)")
                }
                for word in explained where line.contains(word) {
                    let around = file.lines[max(0, i - 6)...i]
                    #expect(
                        around.contains { $0.contains("//") },
                        "\(file):\(i + 1) has \(word) without a reason")
                }
            }
        }
    }

    @Test("Tests wait for conditions, they do not sleep")
    func sleeps() {
        for file in SourceTree.tests where !file.path.contains("TidyTests") {
            for (i, line) in file.lines.enumerated() {
                for word in ["Task.sleep", "Thread.sleep", "usleep("] where line.contains(word) {
                    let around = file.lines[max(0, i - 4)...i]
                    #expect(
                        around.contains { $0.contains("poll interval") },
                        "\(file):\(i + 1) sleeps without being a deadline loop")
                }
            }
        }
    }

    /// A function's first line and length, found by indentation: the formatter makes the closing
    /// brace stand below the `func`.
    private static func functions(of file: SourceFile) -> [(line: Int, length: Int)] {
        var found: [(line: Int, length: Int)] = []
        for (i, line) in file.lines.enumerated() {
            let body = line.drop { $0 == " " }
            let words = body.split(separator: " ", maxSplits: 6)
            let isFunction = words.contains("func") || body.hasPrefix("init(")
            guard isFunction, !body.hasPrefix("//"), !body.hasPrefix("*") else { continue }
            let indent = line.count - body.count
            let closing = String(repeating: " ", count: indent) + "}"
            // What a protocol asks for has no body: the protocol ends before one.
            let outside = String(repeating: " ", count: max(0, indent - 4)) + "}"
            let rest = file.lines[(i + 1)...]
            guard !line.hasSuffix("}"),
                let end = rest.firstIndex(where: { $0.hasPrefix(closing) || $0 == outside }),
                file.lines[end].hasPrefix(closing)
            else { continue }
            found.append((i + 1, end - i + 1))
        }
        return found
    }
}
