// SPDX-License-Identifier: Apache-2.0

import CLinux
import Collectors
import Config
import Discovery
import Glibc
import HTTPAPI
import Interchange
import Linux
import Logging
import Model
import Synchronization

/// What is looked at once a minute, and when other containers run, on a thread of its own: networks,
/// volumes, images, the file of service discovery, and the results of OpenSCAP.
final class HostInventory: Sendable {
    private struct State {
        var inventory = Inventory()
        var readings: [SelfReading] = []
        var scap: [String: (version: Int64, results: OpenSCAPResults?)] = [:]
        var lastFile: [UInt8] = []
        var fileErrors: Int64 = 0
    }

    private let registry: ContainerRegistry
    private let dockerRoot: String
    private let targetsFile: String?
    private let scapFiles: [String]
    private let logger: Logger
    private let state = Mutex(State())
    private let wakeup: Wakeup
    /// Nanoseconds between two looks while the same containers run.
    private static let pause: Int64 = 60_000_000_000
    /// Milliseconds after which others are noticed.
    private static let glance: Int64 = 2000

    init(_ configuration: Configuration, registry: ContainerRegistry, logger: Logger)
        throws(AgentError)
    {
        do { wakeup = try Wakeup() } catch {
            throw AgentError("cannot look after networks and volumes: no wake-up event (\(error))")
        }
        self.registry = registry
        self.logger = logger
        dockerRoot = configuration.discovery.dockerRoot
        targetsFile = configuration.discovery.targetsFile
        scapFiles = configuration.auditResults
    }

    /// As of the last look.
    var inventory: Inventory { state.withLock { $0.inventory } }

    /// What OpenSCAP found, by file.
    var scapResults: [(String, OpenSCAPResults)] {
        state.withLock { $0.scap }.compactMap { path, entry in entry.results.map { (path, $0) } }
            .sorted { $0.0 < $1.0 }
    }

    /// What there is to scrape, now.
    var targets: [ServiceDiscovery.Target] {
        let addresses = Dictionary(
            inventory.connections.map { ($0.container.key, $0.addresses) }, uniquingKeysWith: { $1 }
        )
        return ServiceDiscovery.targets(registry.current()) { addresses[$0.key] ?? [] }
    }

    /// Looks until the task is cancelled.
    func run() async throws {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
                BlockingThread.start("inventory") {
                    self.look()
                    done.resume()
                }
            }
        } onCancel: {
            wakeup.wake()
        }
    }

    private func look() {
        let reader = InventoryReader(dockerRoot: dockerRoot)
        var last: Set<ContainerKey>?
        var due: Int64 = 0
        while !wakeup.wait(milliseconds: Self.glance) {
            let containers = registry.current()
            let running = Set(containers.filter { $0.state == .running }.map(\.key))
            let now = Clock.monotonicNanoseconds()
            guard running != last || now >= due else { continue }
            last = running
            due = now + Self.pause
            let inventory = reader.read(containers)
            state.withLock {
                $0.inventory = inventory
                $0.readings = Self.readings(inventory)
            }
            if let targetsFile { writeTargets(to: targetsFile) }
            for path in scapFiles { readResults(path) }
        }
    }

    // MARK: Service discovery

    private func writeTargets(to path: String) {
        let bytes = ServiceDiscovery.render(targets) + [0x0a]
        guard state.withLock({ $0.lastFile }) != bytes else { return }
        let temporary = path + ".new"
        let file = ul_open(
            temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
        let written =
            file < 0 ? -1 : bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        if file >= 0 { close(file) }
        guard written == bytes.count, rename(temporary, path) == 0 else {
            let reason = String(cString: strerror(errno))
            state.withLock { $0.fileErrors += 1 }
            logger.error(
                "cannot write the targets of service discovery",
                metadata: ["path": "\(path)", "reason": "\(reason)"])
            unlink(temporary)
            return
        }
        state.withLock { $0.lastFile = bytes }
    }

    // MARK: OpenSCAP

    private func readResults(_ path: String) {
        guard let version = DirectoryListing.status(path)?.changed else {
            state.withLock { $0.scap[path] = nil }
            return
        }
        guard state.withLock({ $0.scap[path]?.version }) != version else { return }
        let results: OpenSCAPResults?
        do { results = try OpenSCAPFile.read(path) } catch {
            logger.error(
                "cannot read OpenSCAP results",
                metadata: ["path": "\(path)", "reason": "\(error)"])
            results = nil
        }
        state.withLock { $0.scap[path] = (version, results) }
    }

    // MARK: Metrics

    /// What the agent says of it at each tick.
    var ownReadings: [SelfReading] {
        let (readings, scap, errors) = state.withLock { ($0.readings, $0.scap, $0.fileErrors) }
        var all = readings
        if targetsFile != nil {
            all.append(SelfReading(AgentMetrics.targetsFileErrors, [:], Double(errors)))
        }
        for (path, entry) in scap.sorted(by: { $0.key < $1.key }) {
            guard let results = entry.results else { continue }
            let labels: Labels = ["file": path, "profile": results.profile]
            if let score = results.score {
                all.append(SelfReading(AgentMetrics.scapScore, labels, score))
            }
            for (result, count) in results.counts {
                var labels = labels
                labels["result"] = result
                all.append(SelfReading(AgentMetrics.scapRules, labels, Double(count)))
            }
        }
        return all
    }

    private static func readings(_ inventory: Inventory) -> [SelfReading] {
        var readings: [SelfReading] = []
        for volume in inventory.volumes.prefix(500) {
            let labels: Labels = ["volume": volume.source, "kind": volume.kind]
            readings.append(
                SelfReading(HostMetrics.volumeUsers, labels, Double(volume.users.count)))
            if let bytes = volume.bytes {
                readings.append(SelfReading(HostMetrics.volumeBytes, labels, Double(bytes)))
            }
        }
        for image in inventory.images.prefix(500) {
            guard let name = image.names.first ?? (image.id.isEmpty ? nil : image.id) else {
                continue
            }
            let labels: Labels = ["image": name]
            readings.append(SelfReading(HostMetrics.imageUsers, labels, Double(image.users.count)))
            guard let bytes = image.bytes else { continue }
            readings.append(SelfReading(HostMetrics.imageBytes, labels, Double(bytes)))
            readings.append(
                SelfReading(
                    HostMetrics.imageUniqueBytes, labels, Double(bytes - (image.sharedBytes ?? 0))))
        }
        for connection in inventory.connections {
            for (port, listens) in zip(connection.container.ports, connection.listening) {
                guard let listens else { continue }
                readings.append(
                    SelfReading(
                        HostMetrics.portListening,
                        [
                            "name": connection.container.name,
                            "port": "\(port.hostAddress):\(port.hostPort)",
                            "container_port": "\(port.containerPort)/\(port.transport)",
                        ], listens ? 1 : 0))
            }
        }
        return readings
    }
}
