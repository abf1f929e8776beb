// SPDX-License-Identifier: Apache-2.0

import Codecs
import Model

extension GoTime {
    /// Go's zero time, what its `time.Parse` gives with an error: the first of January of year 1.
    static let zero: Milliseconds = -62_135_596_800_000

    /// The time that `text` names by a layout of Go's (https://pkg.go.dev/time#pkg-constants), in UTC
    /// unless it names an offset; nil when it is none of that layout.
    static func parse(_ text: String, layout: String) -> Milliseconds? {
        var parser = GoTimeParser(text)
        var rest = Array(layout.utf8)[...]
        while !rest.isEmpty {
            if let word = GoTimeParser.words.first(where: { rest.starts(with: $0.utf8) }) {
                rest = rest.dropFirst(word.utf8.count)
                guard parser.take(word, before: rest) else { return nil }
            } else if let digits = GoTimeParser.fraction(of: rest) {
                rest = rest.dropFirst(digits)
                guard parser.takeFraction(digits: digits - 1) else { return nil }
            } else {
                guard parser.takeByte(rest.removeFirst()) else { return nil }
            }
        }
        return parser.time
    }
}

/// Takes a text apart by the words of a layout.
private struct GoTimeParser {
    /// Longer ones before those that they begin with.
    static let words = [
        "January", "Monday", "2006", "-07:00", "Z07:00", "-0700", "Z0700", "Jan", "Mon", "MST",
        "01", "02", "03", "04", "05", "06", "15", "_2", "PM", "pm", "1", "2", "3", "4", "5",
    ]

    private var rest: ArraySlice<UInt8>
    private var year: Int64 = 0
    private var month: Int64 = 1
    private var day: Int64 = 1
    private var hour: Int64 = 0
    private var minute: Int64 = 0
    private var second: Int64 = 0
    private var milliseconds: Int64 = 0
    private var isAfternoon: Bool?
    private var offsetMinutes: Int64 = 0

    init(_ text: String) { rest = Array(text.utf8)[...] }

    /// Bytes of a layout's fraction of a second, such as `.000`; nil for anything else.
    static func fraction(of layout: ArraySlice<UInt8>) -> Int? {
        guard layout.first == 0x2e || layout.first == 0x2c, let digit = layout.dropFirst().first,
            digit == 0x30 || digit == 0x39
        else { return nil }
        let digits = layout.dropFirst().prefix { $0 == digit }.count
        // With other digits behind them they are no fraction.
        guard layout.dropFirst(digits + 1).first.map({ !(0x30...0x39).contains($0) }) ?? true
        else { return nil }
        return digits + 1
    }

    /// The time, when all of the text was taken and its parts are in their ranges.
    var time: Milliseconds? {
        var hour = hour
        if let isAfternoon {
            guard (1...12).contains(hour) else { return nil }
            hour = hour % 12 + (isAfternoon ? 12 : 0)
        }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard rest.isEmpty, (1...12).contains(month), day >= 1, day <= lengths[Int(month - 1)],
            hour < 24, minute < 60, second < 60
        else { return nil }
        let days = CivilDay.number(year: year, month: month, day: day)
        let minutes = (days * 24 + hour) * 60 + minute - offsetMinutes
        return (minutes * 60 + second) * 1000 + milliseconds
    }

    mutating func takeByte(_ byte: UInt8) -> Bool { rest.popFirst() == byte }

    mutating func takeFraction(digits: Int) -> Bool {
        guard rest.first == 0x2e || rest.first == 0x2c else { return false }
        rest.removeFirst()
        let found = rest.prefix { (0x30...0x39).contains($0) }.prefix(max(digits, 1))
        guard !found.isEmpty else { return false }
        setMilliseconds(found)
        rest = rest.dropFirst(found.count)
        return true
    }

    private mutating func setMilliseconds(_ digits: ArraySlice<UInt8>) {
        let three = Array(digits.prefix(3)) + [UInt8](repeating: 0x30, count: 3)
        milliseconds = three.prefix(3).reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }

    /// Takes what stands for a word of the layout, of which `layout` follows.
    mutating func take(_ word: String, before layout: ArraySlice<UInt8>) -> Bool {
        switch word {
        case "2006": return take(\.year, 4...4)
        case "06":
            guard take(\.year, 2...2) else { return false }
            year += year >= 69 ? 1900 : 2000
            return true
        case "01": return take(\.month, 2...2)
        case "1": return take(\.month, 1...2)
        case "02": return take(\.day, 2...2)
        case "_2":
            if rest.first == 0x20 { rest.removeFirst() }
            return take(\.day, 1...2)
        case "2": return take(\.day, 1...2)
        case "15", "3": return take(\.hour, 1...2)
        case "03": return take(\.hour, 2...2)
        case "04": return take(\.minute, 2...2)
        case "4": return take(\.minute, 1...2)
        case "05", "5": return takeSeconds(word == "05" ? 2...2 : 1...2, before: layout)
        default: return takeName(word)
        }
    }

    /// Seconds may have a fraction that the layout does not mention.
    private mutating func takeSeconds(
        _ width: ClosedRange<Int>, before layout: ArraySlice<UInt8>
    ) -> Bool {
        guard take(\.second, width) else { return false }
        guard Self.fraction(of: layout) == nil, rest.first == 0x2e || rest.first == 0x2c,
            rest.dropFirst().first.map({ (0x30...0x39).contains($0) }) == true
        else { return true }
        return takeFraction(digits: 9)
    }

    private mutating func takeName(_ word: String) -> Bool {
        switch word {
        case "January", "Jan":
            guard let place = takeOne(of: GoTime.months, isShort: word == "Jan") else {
                return false
            }
            month = Int64(place + 1)
            return true
        case "Monday", "Mon":
            return takeOne(of: GoTime.weekdays, isShort: word == "Mon") != nil
        case "PM", "pm":
            let names = word == "PM" ? ["AM", "PM"] : ["am", "pm"]
            guard let place = takeOne(of: names, isShort: false) else { return false }
            isAfternoon = place == 1
            return true
        case "MST":
            let name = rest.prefix { (0x41...0x5a).contains($0) }
            rest = rest.dropFirst(name.count)
            return name.count >= 3 && name.count <= 5
        default: return takeOffset(word)
        }
    }

    private mutating func takeOne(of names: [String], isShort: Bool) -> Int? {
        for (place, name) in names.enumerated() {
            let wanted = Array(name.utf8.prefix(isShort ? 3 : .max))
            let found = rest.prefix(wanted.count)
            guard found.count == wanted.count, zip(found, wanted).allSatisfy({ $0 | 32 == $1 | 32 })
            else { continue }
            rest = rest.dropFirst(wanted.count)
            return place
        }
        return nil
    }

    /// `+01:00`, `+0100`, or `Z` where the layout begins with it.
    private mutating func takeOffset(_ word: String) -> Bool {
        if word.hasPrefix("Z"), rest.first == 0x5a {
            rest.removeFirst()
            return true
        }
        guard let sign = rest.popFirst(), sign == 0x2b || sign == 0x2d else { return false }
        guard let hours = number(2...2), !word.contains(":") || takeByte(0x3a),
            let minutes = number(2...2), hours <= 24, minutes < 60
        else { return false }
        offsetMinutes = (hours * 60 + minutes) * (sign == 0x2d ? -1 : 1)
        return true
    }

    private mutating func take(
        _ part: WritableKeyPath<Self, Int64>, _ width: ClosedRange<Int>
    ) -> Bool {
        guard let number = number(width) else { return false }
        self[keyPath: part] = number
        return true
    }

    private mutating func number(_ width: ClosedRange<Int>) -> Int64? {
        let digits = rest.prefix(width.upperBound).prefix { (0x30...0x39).contains($0) }
        guard digits.count >= width.lowerBound else { return nil }
        rest = rest.dropFirst(digits.count)
        return digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }
}
