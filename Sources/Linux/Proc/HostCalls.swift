// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// What the host says by system calls, not files.
public enum HostCalls {
    /// uname(2), as label names and values.
    public static func uname() -> [(name: String, value: String)] {
        var name = utsname()
        guard Glibc.uname(&name) == 0 else { return [] }
        return [
            ("sysname", text(name.sysname)), ("nodename", text(name.nodename)),
            ("release", text(name.release)), ("version", text(name.version)),
            ("machine", text(name.machine)), ("domainname", text(name.domainname)),
        ]
    }

    private static func text<T>(_ field: T) -> String {
        withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// The local zone's name and seconds east of UTC at `time` (seconds since the epoch).
    public static func timeZone(at time: Int64) -> (name: String, offset: Int) {
        var seconds = time_t(time)
        var local = tm()
        guard localtime_r(&seconds, &local) != nil, let zone = local.tm_zone else {
            return ("UTC", 0)
        }
        return (String(cString: zone), local.tm_gmtoff)
    }

    /// A file system's numbers from statfs(2).
    public struct FileSystemUse: Hashable, Sendable {
        /// Bytes in all.
        public var size: Double
        /// Bytes free, those kept for root included.
        public var free: Double
        /// Bytes free for others than root.
        public var available: Double
        /// Inodes.
        public var files: Double
        /// Free inodes.
        public var filesFree: Double
    }

    /// Asks a mounted file system; nil when it cannot be asked. May block for ever when its
    /// server is gone.
    public static func fileSystemUse(_ path: String) -> FileSystemUse? {
        var status = CLinux.statfs()
        guard statfs(path, &status) == 0 else { return nil }
        let block = Double(status.f_bsize)
        return FileSystemUse(
            size: Double(status.f_blocks) * block, free: Double(status.f_bfree) * block,
            available: Double(status.f_bavail) * block, files: Double(status.f_files),
            filesFree: Double(status.f_ffree))
    }

    /// adjtimex(2), read only, in the order of `NodeMetrics.timex`; nil when it fails.
    public static func timex() -> [Double]? {
        var t = CLinux.timex()
        t.modes = 0
        let state = adjtimex(&t)
        guard state >= 0 else { return nil }
        // STA_NANO: offset and jitter are in nanoseconds, not microseconds.
        let unit = t.status & 0x2000 != 0 ? 1e-9 : 1e-6
        let ppm = 65536.0 * 1e6
        return [
            state == 5 ? 0 : 1,  // TIME_ERROR
            Double(t.offset) * unit, 1 + Double(t.freq) / ppm, Double(t.maxerror) / 1e6,
            Double(t.esterror) / 1e6, Double(t.status), Double(t.constant), Double(t.tick) / 1e6,
            Double(t.ppsfreq) / 65536, Double(t.jitter) * unit, Double(t.shift),
            Double(t.stabil) / 65536, Double(t.jitcnt), Double(t.calcnt), Double(t.errcnt),
            Double(t.stbcnt), Double(t.tai),
        ]
    }
}
