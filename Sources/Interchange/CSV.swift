// SPDX-License-Identifier: Apache-2.0

/// Comma-separated values (https://www.rfc-editor.org/rfc/rfc4180).
public enum CSV {
    /// A cell: quoted where it must be. A text that a spreadsheet would run as a formula gets an
    /// apostrophe in front, because labels come from containers.
    public static func cell(_ text: String) -> String {
        var text = text
        if let first = text.unicodeScalars.first, "=+-@\t\r".unicodeScalars.contains(first) {
            text = "'" + text
        }
        guard text.utf8.contains(where: { [0x2c, 0x22, 0x0d, 0x0a].contains($0) }) else {
            return text
        }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" { quoted += "\"" }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }
}
