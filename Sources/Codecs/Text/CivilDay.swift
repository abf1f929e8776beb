// SPDX-License-Identifier: Apache-2.0

/// Days of the proleptic Gregorian calendar.
public enum CivilDay {
    /// The number of a day since the epoch, 1970-01-01; the month is 1 to 12. Howard Hinnant's algorithm,
    /// which counts years from March so that the leap day comes last
    /// (https://howardhinnant.github.io/date_algorithms.html#days_from_civil).
    public static func number(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let ofEra = shifted - era * 400
        let ofYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }
}
