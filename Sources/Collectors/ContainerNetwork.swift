// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
import Model

/// The network interfaces of one container, from `/proc/PID/net/dev` of its first process.
///
/// The descriptor belongs to the network namespace, not to the process, so it can never come to
/// show another's numbers. Containers in the host's namespace have no series: its counters are the
/// host's. Of containers that share a namespace, one has the series.
final class ContainerNetwork {
    private let file: KernelFile
    private var interfaces: [Interface] = []

    private struct Interface {
        let name: [UInt8]
        let series: [SeriesRef]
    }

    /// An interface's name, and bytes, packets, errors and drops, received and then transmitted.
    struct Row: Equatable {
        var name: [UInt8]
        var counts: [Int64]
    }

    private static let maxInterfaces = 64

    /// The inode of a process' network namespace; nil when it is gone or may not be looked at.
    static func namespace(of pid: String, proc: String) -> UInt64? {
        var status = stat()
        return stat("\(proc)/\(pid)/ns/net", &status) == 0 ? UInt64(status.st_ino) : nil
    }

    /// Opens the file of process `pid`; nil when the process is not the one that started at
    /// `startTicks`.
    init?(pid: Int32, startTicks: UInt64, proc: String, buffer: inout ReadBuffer) {
        guard let file = KernelFile(path: "\(proc)/\(pid)/net/dev") else { return nil }
        // Looked at after opening: the file is then this process' or of one that is gone.
        let stat = KernelFile.readOnce(path: "\(proc)/\(pid)/stat", into: &buffer) {
            ProcessStat($0)
        }
        guard let stat = stat.flatMap({ $0 }), UInt64(stat.startTicks) == startTicks else {
            return nil
        }
        self.file = file
    }

    /// Adds the samples of every interface but the loopback, and gives the bytes of all.
    func sample(
        into batch: inout Batch, appender: any Appender, target: TargetRef,
        buffer: inout ReadBuffer
    ) throws -> (received: Int64, transmitted: Int64) {
        var sums: (received: Int64, transmitted: Int64) = (0, 0)
        for row in try file.read(into: &buffer, { Self.parse($0) }) {
            let known: Interface
            if let found = interfaces.first(where: { $0.name == row.name }) {
                known = found
            } else {
                guard interfaces.count < Self.maxInterfaces else { continue }
                let labels: Labels = ["interface": String(decoding: row.name, as: UTF8.self)]
                known = Interface(
                    name: row.name,
                    series: try ContainerMetrics.network.map {
                        try appender.series($0, target: target, labels: labels)
                    })
                interfaces.append(known)
            }
            for (series, count) in zip(known.series, row.counts) {
                batch.append(series, Double(count))
            }
            sums.received &+= row.counts[0]
            sums.transmitted &+= row.counts[4]
        }
        return sums
    }

    /// Reads the file: two lines of headings, then `NAME:` and sixteen numbers a line.
    static func parse(_ bytes: UnsafeRawBufferPointer) -> [Row] {
        var rows: [Row] = []
        for line in bytes.split(separator: 0x0a).dropFirst(2).prefix(maxInterfaces) {
            guard let colon = line.firstIndex(of: 0x3a) else { continue }
            let name = line[..<colon].filter { $0 != 0x20 }
            var scanner = ByteScanner(UnsafeRawBufferPointer(rebasing: line[(colon + 1)...]))
            var numbers: [Int64] = []
            while numbers.count < 16 {
                scanner.skipBlanks()
                guard let number = scanner.number() else { break }
                numbers.append(number)
            }
            guard numbers.count == 16, !name.isEmpty, name != Array("lo".utf8) else { continue }
            rows.append(Row(name: name, counts: Array(numbers[0..<4] + numbers[8..<12])))
        }
        return rows
    }
}
