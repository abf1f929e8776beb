// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import SeriesStore
import TestSupport
import Testing

@Suite("Versions of the database")
struct MigrationTests {
    private let directory: TemporaryDirectory
    private var file: String { directory.appending("metrics.db") }

    init() throws { directory = try TemporaryDirectory("migration") }

    /// A database as version 4 wrote it.
    private func makeOld() throws {
        do {
            let store = try SeriesStore.open(directory: directory.path)
            try store.fill(series: 3, ticks: 0..<1300)
            try store.seal()
        }
        let raw = RawDatabase(file)
        for sql in [
            "ALTER TABLE target DROP COLUMN last_5m", "ALTER TABLE target DROP COLUMN last_1h",
            "PRAGMA user_version = 4",
        ] { raw.run(sql) }
    }

    @Test("An older database is brought up to this version with all its samples")
    func migrate() throws {
        try makeOld()
        do {
            let store = try SeriesStore.open(directory: directory.path)
            #expect(try store.everyValue().count == 3 * 1300)
            try store.fill(series: 3, ticks: 1300..<2000)
            try store.seal()
        }
        let again = try SeriesStore.open(directory: directory.path)
        #expect(try again.everyValue().count == 3 * 2000)
        #expect(again.statistics().quarantined == 0)
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        #expect(!names.contains { $0.contains(".schema-") })
    }

    @Test("An older database is read as it is, and a backup of one restores")
    func maintenance() throws {
        try makeOld()
        #expect(try StoreMaintenance.verify(directory: directory.path).isSound)
        #expect(try StoreMaintenance.usage(directory: directory.path).series == 3)
        let (copy, other) = (directory.appending("copy"), directory.appending("other"))
        _ = try StoreMaintenance.backup(directory: directory.path, to: copy)
        _ = try StoreMaintenance.restore(backup: copy, directory: other)
        #expect(try SeriesStore.open(directory: other).everyValue().count == 3 * 1300)
        #expect(try !StoreMaintenance.repair(directory: directory.path).isNeeded)
    }

    @Test("Commands refuse a newer database and leave every byte of it alone")
    func newer() throws {
        try makeOld()
        RawDatabase(file).run("PRAGMA user_version = 99")
        let before = try Data(contentsOf: URL(filePath: file))
        for command: (String) throws -> Void in [
            { _ = try SeriesStore.open(directory: $0) },
            { _ = try StoreMaintenance.verify(directory: $0) },
            { _ = try StoreMaintenance.usage(directory: $0) },
            { _ = try StoreMaintenance.repair(directory: $0) },
            { _ = try StoreMaintenance.backup(directory: $0, to: $0 + "/copy") },
        ] {
            #expect { try command(directory.path) } throws: { "\($0)".contains("newer version") }
        }
        #expect(try Data(contentsOf: URL(filePath: file)) == before)
    }
}
