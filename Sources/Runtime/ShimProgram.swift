// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Finds the shim's program: beside this one, or where packages put it.
public enum ShimProgram {
    /// A path even when there is nothing at it: the runtime says so when it is needed. The
    /// environment's `ULLAGE_SHIM` wins.
    public static func find() -> String {
        if let chosen = getenv("ULLAGE_SHIM") { return String(cString: chosen) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &buffer, buffer.count)
        if length > 0, let slash = buffer[..<length].lastIndex(of: UInt8(ascii: "/")) {
            let beside = String(decoding: buffer[...slash], as: UTF8.self) + "ullage-shim"
            if access(beside, X_OK) == 0 { return beside }
        }
        return "/usr/libexec/ullage/ullage-shim"
    }
}
