// SPDX-License-Identifier: Apache-2.0

import Linux
import Model

/// Devices in sysfs: network devices, sensors, frequencies, arrays and bonds.
///
/// A driver may take long to answer, so this is read on its own thread; it has nothing to leave out
/// and waits for a driver that hangs.
struct SysfsReader: BackgroundReader {
    let root: String

    init(root: String) { self.root = root == "/" ? "" : root }

    func abandon() -> Bool { false }

    func read() -> BackgroundReading {
        var buffer = ReadBuffer()
        var reading = BackgroundReading()
        network(&reading, &buffer)
        sensors(&reading, &buffer)
        thermal(&reading, &buffer)
        frequencies(&reading, &buffer)
        arrays(&reading, &buffer)
        return reading
    }

    private func network(_ reading: inout BackgroundReading, _ buffer: inout ReadBuffer) {
        let all = SysfsDirectory(root + "/sys/class/net")
        for device in all.entries() where device != "bonding_masters" {
            let at = all.appending(device)
            let labels: Labels = ["device": device]
            guard let state = at.text("operstate", &buffer) else { continue }
            reading.readings.append(
                SelfReading(NodeMetrics.networkUp, labels, state == "up" ? 1 : 0))
            var info = labels
            info["operstate"] = state
            for name in ["address", "broadcast", "duplex", "ifalias"] {
                info[name] = at.text(name, &buffer) ?? ""
            }
            reading.readings.append(SelfReading(NodeMetrics.networkInfo, info, 1))
            for (file, metric, factor) in NodeMetrics.networkClass {
                guard let value = at.number(file, &buffer) else { continue }
                // An unknown speed is -1, which is no speed.
                if file == "speed", value < 0 { continue }
                reading.readings.append(SelfReading(metric, labels, value * factor))
            }
            if let value = at.number("statistics/rx_nohandler", &buffer) {
                reading.readings.append(SelfReading(NodeMetrics.networkNoHandler, labels, value))
            }
            bond(device, at, &reading, &buffer)
        }
    }

    private func bond(
        _ device: String, _ at: SysfsDirectory, _ reading: inout BackgroundReading,
        _ buffer: inout ReadBuffer
    ) {
        guard let slaves = at.text("bonding/slaves", &buffer) else { return }
        let names = slaves.split(separator: " ")
        let active = names.count { slave in
            at.text("lower_\(slave)/bonding_slave/mii_status", &buffer) == "up"
        }
        let labels: Labels = ["master": device]
        reading.readings.append(SelfReading(NodeMetrics.bondingSlaves, labels, Double(names.count)))
        reading.readings.append(SelfReading(NodeMetrics.bondingActive, labels, Double(active)))
    }

    /// `tempN_input` and the like (hwmon sysfs-interface.rst): kind, metric, unit, factor.
    private static let kinds: [(prefix: String, name: String, unit: String, factor: Double)] = [
        ("temp", "temp", "celsius", 0.001), ("in", "in", "volts", 0.001),
        ("fan", "fan", "rpm", 1), ("curr", "curr", "amps", 0.001),
        ("power", "power", "watt", 0.000_001), ("humidity", "humidity", "", 0.001),
    ]

    private func sensors(_ reading: inout BackgroundReading, _ buffer: inout ReadBuffer) {
        let all = SysfsDirectory(root + "/sys/class/hwmon")
        for entry in all.entries() {
            let at = all.appending(entry)
            let chip = at.text("name", &buffer) ?? entry
            for file in at.entries() {
                guard let underscore = file.firstIndex(of: "_") else { continue }
                let sensor = String(file[..<underscore])
                let suffix = file[file.index(after: underscore)...]
                guard let kind = Self.kinds.first(where: { Self.is(sensor, $0.prefix) }),
                    ["input", "average", "max", "crit", "min"].contains(suffix),
                    let value = at.number(file, &buffer)
                else { continue }
                let isReading = suffix == "input" || suffix == "average"
                let unit = kind.unit.isEmpty ? "" : "_" + kind.unit
                let name = kind.name + (isReading ? "" : "_" + suffix) + unit
                reading.readings.append(
                    SelfReading(
                        NodeMetrics.hwmon(name, unit: kind.unit),
                        ["chip": "\(entry)_\(chip)", "sensor": sensor], value * kind.factor))
            }
        }
    }

    private static func `is`(_ sensor: String, _ prefix: String) -> Bool {
        let number = sensor.dropFirst(prefix.count)
        return sensor.hasPrefix(prefix) && !number.isEmpty && number.allSatisfy(\.isNumber)
    }

    private func thermal(_ reading: inout BackgroundReading, _ buffer: inout ReadBuffer) {
        let all = SysfsDirectory(root + "/sys/class/thermal")
        for entry in all.entries() {
            let at = all.appending(entry)
            let type = at.text("type", &buffer) ?? ""
            if entry.hasPrefix("thermal_zone"), let value = at.number("temp", &buffer) {
                let labels: Labels = ["zone": String(entry.dropFirst(12)), "type": type]
                reading.readings.append(
                    SelfReading(NodeMetrics.thermalZone, labels, value / 1000))
            } else if entry.hasPrefix("cooling_device") {
                let labels: Labels = ["name": String(entry.dropFirst(14)), "type": type]
                for (file, metric) in [
                    ("cur_state", NodeMetrics.coolingState), ("max_state", NodeMetrics.coolingMax),
                ] {
                    guard let value = at.number(file, &buffer) else { continue }
                    reading.readings.append(SelfReading(metric, labels, value))
                }
            }
        }
    }

    private func frequencies(_ reading: inout BackgroundReading, _ buffer: inout ReadBuffer) {
        let all = SysfsDirectory(root + "/sys/devices/system/cpu")
        for entry in all.entries() where entry.hasPrefix("cpu") && Int(entry.dropFirst(3)) != nil {
            let at = all.appending(entry + "/cpufreq")
            for (file, metric) in NodeMetrics.cpuFrequency {
                guard let kilohertz = at.number(file, &buffer) else { continue }
                reading.readings.append(
                    SelfReading(metric, ["cpu": String(entry.dropFirst(3))], kilohertz * 1000))
            }
        }
    }

    /// `/proc/mdstat`: `md0 : active raid1 sdb1[1] sda1[0](F)`, then `... [2/1] [U_]`.
    private func arrays(_ reading: inout BackgroundReading, _ buffer: inout ReadBuffer) {
        let text = KernelFile.readOnce(path: root + "/proc/mdstat", into: &buffer) {
            String(decoding: $0, as: UTF8.self)
        }
        var device: (name: String, failed: Int, spare: Int)?
        for line in (text ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count > 3, words[1] == ":", line.hasPrefix("md") {
                let members = words.dropFirst(3)
                device = (
                    String(words[0]), members.count { $0.hasSuffix("(F)") },
                    members.count { $0.hasSuffix("(S)") }
                )
                for state in ["active", "inactive"] {
                    reading.readings.append(
                        SelfReading(
                            NodeMetrics.mdState, ["device": String(words[0]), "state": state],
                            words[2] == state ? 1 : 0))
                }
            } else if let known = device, let counts = words.first(where: Self.isCounts) {
                let numbers = counts.dropFirst().dropLast().split(separator: "/").compactMap {
                    Double($0)
                }
                let labels: Labels = ["device": known.name]
                reading.readings.append(
                    SelfReading(NodeMetrics.mdDisksRequired, labels, numbers[0]))
                for (state, count) in [
                    ("active", numbers[1]), ("failed", Double(known.failed)),
                    ("spare", Double(known.spare)),
                ] {
                    reading.readings.append(
                        SelfReading(
                            NodeMetrics.mdDisks, labels.merging(["state": state]), count))
                }
                device = nil
            }
        }
    }

    private static func isCounts(_ word: Substring) -> Bool {
        guard word.hasPrefix("["), word.hasSuffix("]") else { return false }
        let parts = word.dropFirst().dropLast().split(separator: "/")
        return parts.count == 2 && parts.allSatisfy { Int($0) != nil }
    }
}

/// What the host is: names and versions, which change at most with a reboot or an upgrade.
struct IdentityReader: BackgroundReader {
    let root: String

    init(root: String) { self.root = root == "/" ? "" : root }

    func abandon() -> Bool { false }

    func read() -> BackgroundReading {
        var buffer = ReadBuffer()
        var reading = BackgroundReading()
        let uname = Labels(HostCalls.uname().map { Label(name: $0.name, value: $0.value) })
        reading.readings.append(SelfReading(NodeMetrics.uname, uname, 1))
        let zone = HostCalls.timeZone(at: Clock.realtimeMilliseconds() / 1000)
        reading.readings.append(
            SelfReading(NodeMetrics.timeZoneOffset, ["time_zone": zone.name], Double(zone.offset)))
        let enforce = SysfsDirectory(root + "/sys/fs/selinux").number("enforce", &buffer)
        reading.readings.append(
            SelfReading(NodeMetrics.selinuxEnabled, [:], enforce == nil ? 0 : 1))
        distribution(&reading, &buffer)
        clocks(&reading, &buffer)
        machine(&reading, &buffer)
        return reading
    }

    /// os-release(5): `NAME="value"`.
    private func distribution(_ reading: inout BackgroundReading, _ buffer: inout ReadBuffer) {
        let text =
            ["/etc/os-release", "/usr/lib/os-release"].lazy.compactMap { [root] path in
                var buffer = ReadBuffer()
                return KernelFile.readOnce(path: root + path, into: &buffer) {
                    String(decoding: $0, as: UTF8.self)
                }
            }.first ?? ""
        var values: [String: String] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            values[String(parts[0])] = String(parts[1].filter { $0 != "\"" && $0 != "'" })
        }
        guard !values.isEmpty else { return }
        var labels = Labels()
        for key in [
            "BUILD_ID", "ID", "ID_LIKE", "IMAGE_ID", "IMAGE_VERSION", "NAME", "PRETTY_NAME",
            "VARIANT", "VARIANT_ID", "VERSION", "VERSION_CODENAME", "VERSION_ID",
        ] { labels[key.lowercased()] = values[key] ?? "" }
        reading.readings.append(SelfReading(NodeMetrics.osInfo, labels, 1))
        let version = (values["VERSION_ID"] ?? "").split(separator: ".").prefix(2)
        if let number = Double(version.joined(separator: ".")) {
            let named: Labels = [
                "id": labels["id"], "id_like": labels["id_like"], "name": labels["name"],
            ]
            reading.readings.append(SelfReading(NodeMetrics.osVersion, named, number))
        }
    }

    private func clocks(_ reading: inout BackgroundReading, _ buffer: inout ReadBuffer) {
        let all = SysfsDirectory(root + "/sys/devices/system/clocksource")
        for entry in all.entries() where entry.hasPrefix("clocksource") {
            let at = all.appending(entry)
            let device = String(entry.dropFirst(11))
            let lists = [
                ("current_clocksource", NodeMetrics.clocksourceCurrent),
                ("available_clocksource", NodeMetrics.clocksourceAvailable),
            ]
            for (file, metric) in lists {
                for name in (at.text(file, &buffer) ?? "").split(separator: " ") {
                    reading.readings.append(
                        SelfReading(
                            metric, ["device": device, "clocksource": String(name)], 1))
                }
            }
        }
    }

    private func machine(_ reading: inout BackgroundReading, _ buffer: inout ReadBuffer) {
        let dmi = SysfsDirectory(root + "/sys/class/dmi/id")
        var labels = Labels()
        for name in [
            "bios_date", "bios_release", "bios_vendor", "bios_version", "board_name",
            "board_vendor", "board_version", "chassis_vendor", "chassis_version", "product_family",
            "product_name", "product_sku", "product_version",
        ] { labels[name] = dmi.text(name, &buffer) ?? "" }
        labels["system_vendor"] = dmi.text("sys_vendor", &buffer) ?? ""
        if !labels.isEmpty { reading.readings.append(SelfReading(NodeMetrics.dmiInfo, labels, 1)) }
        let nvme = SysfsDirectory(root + "/sys/class/nvme")
        for device in nvme.entries() {
            let at = nvme.appending(device)
            var labels: Labels = ["device": device]
            for (label, file) in [
                ("firmware_revision", "firmware_rev"), ("model", "model"), ("serial", "serial"),
                ("state", "state"),
            ] { labels[label] = at.text(file, &buffer) ?? "" }
            reading.readings.append(SelfReading(NodeMetrics.nvmeInfo, labels, 1))
        }
        let disks = SysfsDirectory(root + "/sys/block")
        for device in disks.entries() where DiskSubsystem.isExported(device) {
            let number = (disks.appending(device).text("dev", &buffer) ?? "").split(separator: ":")
            guard number.count == 2 else { continue }
            let labels: Labels = [
                "device": device, "major": String(number[0]), "minor": String(number[1]),
                "model": disks.appending(device).text("device/model", &buffer) ?? "",
            ]
            reading.readings.append(SelfReading(NodeMetrics.diskInfo, labels, 1))
        }
    }
}
