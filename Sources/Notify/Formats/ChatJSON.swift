// SPDX-License-Identifier: Apache-2.0

import Codecs

/// Notifications in the shapes of chat services. Text of alerts is escaped for each one's markup, so
/// that a container's name can neither call a channel nor hide a link.
enum ChatJSON {
    private enum Colour {
        static func number(_ message: MessageText) -> Int64 {
            guard message.isFiring else { return 0x2e_b886 }
            return message.severity == "critical" ? 0xd0_0000 : 0xf2_a100
        }
        static func hex(_ message: MessageText) -> String {
            let digits = String(number(message), radix: 16)
            return "#" + String(repeating: "0", count: 6 - digits.count) + digits
        }
    }

    /// Slack's incoming webhook: one attachment for each alert (api.slack.com/messaging/webhooks).
    static func slack(_ message: MessageText, channel: String) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{")
        if !channel.isEmpty {
            json.raw("\"channel\":")
            json.string(channel)
            json.raw(",")
        }
        json.raw("\"text\":")
        json.string(angled(message.title))
        json.raw(",\"attachments\":")
        json.list(message.items) { json, item in
            json.raw("{\"color\":")
            json.string(Colour.hex(message))
            json.raw(",\"title\":")
            json.string(angled(item.summary))
            if !item.link.isEmpty {
                json.raw(",\"title_link\":")
                json.string(item.link)
            }
            json.raw(",\"fallback\":")
            json.string(angled(item.summary))
            json.raw(",\"text\":")
            json.string(angled(lines(item)))
            json.raw("}")
        }
        json.raw("}")
        return json.bytes
    }

    /// Discord's webhook: embeds, ten at most, and nobody is mentioned
    /// (discord.com/developers/docs/resources/webhook).
    static func discord(_ message: MessageText) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"content\":")
        json.string(marked(message.title))
        json.raw(",\"allowed_mentions\":{\"parse\":[]},\"embeds\":")
        // All embeds of a message may have 6,000 characters together.
        json.list(message.items.prefix(5)) { json, item in
            json.raw("{\"title\":")
            json.string(MessageText.bounded(marked(item.summary), 200))
            json.raw(",\"description\":")
            json.string(MessageText.bounded(marked(lines(item)), 900))
            json.raw(",\"color\":")
            json.integer(Colour.number(message))
            if item.link.hasPrefix("http") {
                json.raw(",\"url\":")
                json.string(item.link)
            }
            json.raw("}")
        }
        json.raw("}")
        return json.bytes
    }

    /// An adaptive card for a Teams workflow (adaptivecards.io, version 1.4).
    static func teams(_ message: MessageText) -> [UInt8] {
        var json = JSONWriter()
        func block(_ json: inout JSONWriter, _ text: String, isTitle: Bool) {
            json.raw("{\"type\":\"TextBlock\",\"wrap\":true")
            if isTitle { json.raw(",\"weight\":\"Bolder\",\"size\":\"Medium\"") }
            json.raw(",\"text\":")
            json.string(marked(text))
            json.raw("}")
        }
        json.raw(
            """
            {"type":"message","attachments":[{"contentType":\
            "application/vnd.microsoft.card.adaptive","content":{"type":"AdaptiveCard",\
            "version":"1.4","$schema":"http://adaptivecards.io/schemas/adaptive-card.json","body":
            """)
        let texts =
            [(message.title, true)]
            + message.items.flatMap { [($0.summary, true), (lines($0), false)] }
        json.list(texts) { block(&$0, $1.0, isTitle: $1.1) }
        json.raw("}}]}")
        return json.bytes
    }

    /// ntfy's JSON (docs.ntfy.sh/publish).
    static func ntfy(_ message: MessageText, topic: String) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"topic\":")
        json.string(topic)
        json.raw(",\"title\":")
        json.string(message.title)
        json.raw(",\"message\":")
        json.string(MessageText.bounded(message.plain, 3500))
        json.raw(",\"priority\":")
        let isUrgent = message.isFiring && message.severity == "critical"
        json.integer(isUrgent ? 5 : message.isFiring ? 4 : 3)
        json.raw(",\"tags\":")
        json.strings([message.isFiring ? "rotating_light" : "white_check_mark"])
        if message.externalURL.hasPrefix("http") {
            json.raw(",\"click\":")
            json.string(message.externalURL)
        }
        json.raw("}")
        return json.bytes
    }

    /// Telegram's sendMessage with its HTML (core.telegram.org/bots/api#sendmessage).
    static func telegram(_ message: MessageText, chat: String) -> [UInt8] {
        var json = JSONWriter()
        json.raw("{\"chat_id\":")
        if let number = Int64(chat) { json.integer(number) } else { json.string(chat) }
        json.raw(",\"parse_mode\":\"HTML\",\"disable_web_page_preview\":true,\"text\":")
        // 4,096 characters after the markup is read; cut before escaping, so that no escape is cut.
        let body = MessageText.bounded(message.plain, 3500)
        json.string("<b>\(angled(message.title))</b>\n\(angled(body))")
        json.raw("}")
        return json.bytes
    }

    private static func lines(_ item: MessageText.Item) -> String {
        [
            item.description, item.labels, item.times,
            item.runbook.isEmpty ? "" : "What to do: \(item.runbook)",
        ].filter { !$0.isEmpty }.joined(separator: "\n")
    }

    /// Escaped for Slack and for HTML.
    private static func angled(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Escaped for Markdown.
    private static func marked(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if "\\*_~`|<>[]()#".unicodeScalars.contains(scalar) { result += "\\" }
            result.unicodeScalars.append(scalar)
        }
        return result
    }
}
