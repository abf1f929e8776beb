// SPDX-License-Identifier: Apache-2.0

extension AgentMetrics {
    /// Bytes on disk, by `part`.
    public static let storeBytes = MetricDescriptor(
        "ullage_store_bytes", .gauge, unit: "bytes",
        help:
            "Bytes the series store has on disk: database, wal, shm, journal, and set_aside files.")
    /// The limit of the sum of `storeBytes`.
    public static let storeMaxBytes = MetricDescriptor(
        "ullage_store_max_bytes", .gauge, unit: "bytes",
        help: "Bytes the series store may have on disk in all, store.max_size.")
    /// Stored samples deleted, by `reason`: age, size or series.
    public static let storeExpired = MetricDescriptor(
        "ullage_store_expired_samples_total", .counter,
        help:
            "Stored samples deleted, because of store.retention (age), store.max_size (size) or ten times store.max_series (series)."
    )
    /// Room left on the store's file system.
    public static let storeAvailable = MetricDescriptor(
        "ullage_store_available_bytes", .gauge, unit: "bytes",
        help: "Bytes that the file system of the series store has left.")
    /// How much is left out for want of room.
    public static let storePressure = MetricDescriptor(
        "ullage_store_pressure", .gauge,
        help: "What is written: 0 all samples, 1 no detail, 2 the essential only (full disk).")
    /// Samples that were in memory alone, by `reason`.
    public static let storeUnjournaled = MetricDescriptor(
        "ullage_store_unjournaled_samples_total", .counter,
        help:
            "Samples kept in memory alone at first: not worth writing (withheld), or not writable (failed)."
    )
    /// Samples that were never stored, by `reason`.
    public static let storeLost = MetricDescriptor(
        "ullage_store_left_out_samples_total", .counter,
        help: "Samples taken and never stored, because the disk had no room until their turn.")
}
