// SPDX-License-Identifier: Apache-2.0

public import Model

/// Tells from a line how serious it says it is. Looks at its beginning only and guesses nothing:
/// a word counts when it is in capitals, in brackets, the value of a key such as `level`, or the
/// line's first word with a colon after it.
public enum LevelDetector {
    /// How far a line is looked at.
    private static let reach = 192

    /// The level, `unknown` when the line says none.
    public static func level(of line: UnsafeRawBufferPointer) -> LogLevel {
        let bytes = UnsafeRawBufferPointer(rebasing: line.prefix(reach))
        if let level = prefix(bytes) { return level }
        var at = 0
        let end = bytes.count
        while at < end {
            guard isLetter(bytes[at]) else {
                at &+= 1
                continue
            }
            let start = at
            while at < end, isLetter(bytes[at]) { at &+= 1 }
            let length = at &- start
            guard length >= 3, length <= 11 else { continue }
            if let level = word(bytes, start, at), counts(bytes, start, at) { return level }
            if let level = number(bytes, start, at) { return level }
        }
        return .unknown
    }

    @inline(__always)
    private static func isLetter(_ byte: UInt8) -> Bool { byte | 0x20 &- 0x61 < 26 && byte < 0x80 }

    private static let priorities: [LogLevel] = [
        .fatal, .fatal, .fatal, .error, .warning, .info, .info, .debug,
    ]
    private static let tens: [LogLevel] = [.trace, .debug, .info, .warning, .error, .fatal]

    /// `<3>` of the kernel and of systemd, `E0131 ` of klog.
    private static func prefix(_ b: UnsafeRawBufferPointer) -> LogLevel? {
        guard b.count >= 3 else { return nil }
        if b[0] == 0x3c, b[2] == 0x3e, b[1] &- 0x30 < 8 {
            return priorities[Int(b[1] - 0x30)]
        }
        guard b.count >= 6, b[5] == 0x20, b[1...4].allSatisfy({ $0 &- 0x30 < 10 }) else {
            return nil
        }
        switch b[0] {
        case 0x49: return .info
        case 0x57: return .warning
        case 0x45: return .error
        case 0x46: return .fatal
        default: return nil
        }
    }

    private static let words: [(word: [UInt8], level: LogLevel)] = {
        let names: [(String, LogLevel)] = [
            ("trace", .trace), ("debug", .debug), ("dbg", .debug), ("info", .info),
            ("information", .info), ("notice", .info), ("warn", .warning),
            ("warning", .warning), ("error", .error), ("err", .error), ("severe", .error),
            ("fatal", .fatal), ("critical", .fatal), ("crit", .fatal), ("panic", .fatal),
            ("alert", .fatal), ("emerg", .fatal),
        ]
        return names.map { (Array($0.0.utf8), $0.1) }
    }()

    private static func word(
        _ b: UnsafeRawBufferPointer, _ start: Int, _ end: Int
    ) -> LogLevel? {
        // Most words begin with none of these letters.
        switch b[start] | 0x20 {
        case 0x74, 0x64, 0x69, 0x6e, 0x77, 0x65, 0x73, 0x66, 0x63, 0x70, 0x61: break
        default: return nil
        }
        for candidate in words where candidate.word.count == end - start {
            if (0..<candidate.word.count).allSatisfy({
                b[start + $0] | 0x20 == candidate.word[$0]
            }) {
                return candidate.level
            }
        }
        return nil
    }

    /// Whether a word stands where levels stand.
    private static func counts(_ b: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Bool {
        let before = start > 0 ? b[start - 1] : 0x20
        let after = end < b.count ? b[end] : 0x20
        if before == 0x5f || after == 0x5f || before == 0x2d || after == 0x2d || after == 0x3d {
            return false
        }
        switch (before, after) {
        case (0x5b, 0x5d), (0x3c, 0x3e), (0x28, 0x29), (0x7c, 0x7c): return true
        case (0x3d, _), (0x22, 0x22): if followsKey(b, start - 1) { return true }
        case (_, 0x3a) where start == 0: return true
        default: break
        }
        let isUpper = (start..<end).allSatisfy { b[$0] < 0x61 }
        return isUpper && before != 0x2f && after != 0x2f && before != 0x2e
    }

    /// `"level":30` of JSON loggers that count in tens.
    private static func number(
        _ b: UnsafeRawBufferPointer, _ start: Int, _ end: Int
    ) -> LogLevel? {
        guard end + 3 < b.count, b[end] == 0x22, b[end + 1] == 0x3a, isKey(b, start, end),
            b[end + 3] == 0x30, end + 4 >= b.count || b[end + 4] &- 0x30 >= 10
        else { return nil }
        let index = Int(b[end + 2] &- 0x31)
        return index < tens.count ? tens[index] : nil
    }

    /// Whether what is before a value is one of the keys for levels: `level=`, `"level":"`.
    private static func followsKey(_ b: UnsafeRawBufferPointer, _ position: Int) -> Bool {
        var end = position
        while end > 0, [0x22, 0x3a, 0x3d, 0x20].contains(b[end]) { end -= 1 }
        end += 1
        var start = end
        while start > 0, isLetter(b[start - 1]) { start -= 1 }
        return end <= position && isKey(b, start, end)
    }

    private static let keys = ["level", "lvl", "severity", "loglevel"].map { Array($0.utf8) }

    private static func isKey(_ b: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Bool {
        keys.contains { key in
            key.count == end - start
                && (0..<key.count).allSatisfy { b[start + $0] | 0x20 == key[$0] }
        }
    }
}
