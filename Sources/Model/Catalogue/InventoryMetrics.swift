// SPDX-License-Identifier: Apache-2.0

/// What is measured of the host besides its containers, its kernel and its devices.
public enum HostMetrics {
    /// Bytes of a volume, with `volume` and `kind`.
    public static let volumeBytes = MetricDescriptor(
        "ullage_volume_bytes", .gauge, unit: "bytes", help: "Bytes an engine's volume has on disk.",
        source: "walk")
    /// Containers that have a volume, with `volume` and `kind`.
    public static let volumeUsers = MetricDescriptor(
        "ullage_volume_users", .gauge,
        help: "Containers that have the volume or bind mount; 0 for one left over.",
        source: "engine")
    /// Bytes of an image, with `image`.
    public static let imageBytes = MetricDescriptor(
        "ullage_image_bytes", .gauge, unit: "bytes", help: "Bytes of all layers of the image.",
        source: "engine")
    /// Bytes only one image has, with `image`.
    public static let imageUniqueBytes = MetricDescriptor(
        "ullage_image_unique_bytes", .gauge, unit: "bytes",
        help: "Bytes of the layers that no other image has: what removing it would free.",
        source: "engine")
    /// Containers of an image, with `image`.
    public static let imageUsers = MetricDescriptor(
        "ullage_image_users", .gauge, help: "Containers that run the image; 0 for one left over.",
        source: "engine")
    /// Whether something listens behind a published port, with `name`, `port`, `container_port`.
    public static let portListening = MetricDescriptor(
        "ullage_published_port_listening", .gauge,
        help: "1 when something inside listens on the port that is published.",
        source: "/proc/PID/net/tcp")
}

extension AgentMetrics {
    /// Failed writes of the targets file.
    public static let targetsFileErrors = MetricDescriptor(
        "ullage_targets_file_errors_total", .counter,
        help: "Times the file of service discovery could not be written.")
    /// OpenSCAP's score, with `file` and `profile`.
    public static let scapScore = MetricDescriptor(
        "ullage_openscap_score", .gauge, help: "Score of the last OpenSCAP scan.",
        source: "XCCDF results")
    /// Rules by result, with `file`, `profile` and `result`.
    public static let scapRules = MetricDescriptor(
        "ullage_openscap_rules", .gauge, help: "Rules of the last OpenSCAP scan, by result.",
        source: "XCCDF results")
}
