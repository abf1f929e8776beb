// SPDX-License-Identifier: Apache-2.0

import Codecs
import Logs

/// The lines of an answer of `/loki/api/v1/query_range`, and how they are printed.
struct LogLines {
    private struct Line {
        var time: Int64
        var container: String
        var text: String
    }

    private var lines: [Line] = []

    /// Reads an answer; nil when it is one of numbers. Throws what went wrong.
    init?(_ response: APIClient.Response, query: String) throws {
        guard response.status == 200 else {
            let words = String(decoding: response.body.prefix(2000), as: UTF8.self).trimmed
            throw Failure(
                .badData, "\(Terminal.safe(words, limit: 1000))\n  \(Terminal.safe(query))")
        }
        guard let answer = JSONValue(response.body), answer["status"].string == "success" else {
            throw Failure(
                .badData, "the answer is not Loki's JSON: is another program listening there?")
        }
        guard answer["data"]["resultType"].string == "streams" else { return nil }
        for stream in answer["data"]["result"].array {
            let container = stream["stream"]["container"].string ?? ""
            for value in stream["values"].array {
                let pair = value.array
                guard pair.count > 1, let time = pair[0].string.flatMap(Int64.init),
                    let text = pair[1].string
                else { continue }
                lines.append(Line(time: time, container: container, text: text))
            }
        }
        lines.sort { $0.time < $1.time }
    }

    /// One line each: time, container, text; harmless to a terminal.
    func rendered() -> String {
        let width = min(24, lines.map(\.container.count).max() ?? 0)
        return lines.map { line in
            let name = Terminal.safe(line.container)
            let blank = String(repeating: " ", count: max(0, width - name.count))
            return "\(RFC3339.format(line.time / 1_000_000)) \(name)\(blank) "
                + Terminal.safe(line.text, limit: .max) + "\n"
        }.joined()
    }
}

extension String {
    /// Without blanks at its end.
    fileprivate var trimmed: String {
        var text = self[...]
        while text.last?.isWhitespace ?? false { text.removeLast() }
        return String(text)
    }
}
