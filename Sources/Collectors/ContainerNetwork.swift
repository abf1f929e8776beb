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
        let failure = try file.read(into: &buffer) { bytes -> (any Error)? in
            do {
                try Self.parse(bytes) { name, counts in
                    guard let known = try interface(name, appender, target) else { return }
                    for i in 0..<8 { batch.append(interfaces[known].series[i], Double(counts[i])) }
                    sums.received &+= counts[0]
                    sums.transmitted &+= counts[4]
                }
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
        return sums
    }

    /// The place of an interface, registered when it is new; nil when there are too many.
    private func interface(
        _ name: UnsafeRawBufferPointer, _ appender: any Appender, _ target: TargetRef
    ) throws -> Int? {
        if let found = interfaces.firstIndex(where: { $0.name.elementsEqual(name) }) {
            return found
        }
        guard interfaces.count < Self.maxInterfaces else { return nil }
        let labels: Labels = ["interface": String(decoding: name, as: UTF8.self)]
        interfaces.append(
            Interface(
                name: Array(name),
                series: try ContainerMetrics.network.map {
                    try appender.series($0, target: target, labels: labels)
                }))
        return interfaces.count - 1
    }

    /// Reads the file: two lines of headings, then `NAME:` and sixteen numbers a line. Calls `body`
    /// with each interface's name, but the loopback's, and its bytes, packets, errors and drops,
    /// received and then transmitted.
    private static func parse(
        _ bytes: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer, InlineArray<8, Int64>) throws -> Void
    ) throws {
        var start = 0
        var line = 0
        while start < bytes.count, line < maxInterfaces + 2 {
            let end = bytes[start...].firstIndex(of: 0x0a) ?? bytes.count
            defer {
                start = end + 1
                line += 1
            }
            guard line >= 2, let colon = bytes[start..<end].firstIndex(of: 0x3a) else { continue }
            let first = bytes[start..<colon].firstIndex { $0 != 0x20 } ?? colon
            let name = UnsafeRawBufferPointer(rebasing: bytes[first..<colon])
            var scanner = ByteScanner(UnsafeRawBufferPointer(rebasing: bytes[(colon + 1)..<end]))
            var counts = InlineArray<8, Int64>(repeating: 0)
            var column = 0
            while column < 16 {
                scanner.skipBlanks()
                guard let number = scanner.number() else { break }
                if column < 4 { counts[column] = number }
                if (8..<12).contains(column) { counts[column - 4] = number }
                column += 1
            }
            guard column == 16, !name.isEmpty, !name.equals("lo") else { continue }
            try body(name, counts)
        }
    }
}
