// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

/// Label sets as bytes: for each label the length and bytes of its name and of its value.
enum LabelsCoding {
    static func encode(_ labels: Labels) -> [UInt8] {
        var bytes: [UInt8] = []
        for label in labels.pairs {
            for text in [label.name, label.value] {
                Varint.append(UInt64(text.utf8.count), to: &bytes)
                bytes += text.utf8
            }
        }
        return bytes
    }

    /// The labels; what is damaged is left out.
    static func decode(_ bytes: UnsafeRawBufferPointer) -> Labels {
        var labels = Labels()
        var at = 0
        func text() -> String? {
            guard let length = Varint.read(bytes, at: &at), length <= bytes.count - at else {
                return nil
            }
            defer { at += Int(length) }
            return String(decoding: bytes[at..<(at + Int(length))], as: UTF8.self)
        }
        while at < bytes.count, let name = text(), let value = text() { labels[name] = value }
        return labels
    }
}
