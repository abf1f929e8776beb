// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A Swift or C file of the package, as text.
struct SourceFile: CustomStringConvertible, Sendable {
    /// The path from the package's root.
    let path: String
    let lines: [Substring]

    var description: String { path }
    /// The folder below `Sources` or `Tests`: the target's name.
    var target: String { String(path.split(separator: "/")[1]) }
}

/// The package's own files, read once.
enum SourceTree {
    static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static let sources = files(below: "Sources")
    static let tests = files(below: "Tests")

    private static func files(below folder: String) -> [SourceFile] {
        let base = root.appending(path: folder)
        let names = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String }
        return (names ?? []).sorted().compactMap { name in
            guard [".swift", ".c", ".cpp", ".h"].contains(where: name.hasSuffix),
                let text = try? String(contentsOf: base.appending(path: name), encoding: .utf8)
            else { return nil }
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            return SourceFile(path: "\(folder)/\(name)", lines: lines)
        }
    }
}
