// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A directory that goes away with its owner.
public final class TemporaryDirectory: Sendable {
    /// The directory's path, without a slash at the end.
    public let path: String

    /// Makes a new directory below the system's temporary directory.
    public init(_ name: String = "test") throws {
        path = NSTemporaryDirectory() + "ullage-\(name)-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of an entry.
    public func appending(_ name: String) -> String { path + "/" + name }

    /// Writes a file, making the directories above it.
    @discardableResult
    public func write(_ text: String, to name: String) throws -> String {
        let file = appending(name)
        let parent = (file as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(
            atPath: parent, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: file))
        return file
    }
}

/// Where the built programs are.
public enum Products {
    /// The directory of the test runner, which has the programs beside it.
    public static let directory: String = {
        let runner = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        return ((runner ?? "") as NSString).deletingLastPathComponent
    }()
    /// The shim.
    public static let shim = directory + "/ullage-shim"
    /// The command line.
    public static let ullage = directory + "/ullage"
}

/// A root file system with a static busybox and its usual commands.
public func makeBusyboxRoot(in directory: TemporaryDirectory) throws -> String {
    let root = directory.appending("rootfs")
    try FileManager.default.createDirectory(
        atPath: root + "/bin", withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: "/bin/busybox", toPath: root + "/bin/busybox")
    for name in [
        "sh", "cat", "echo", "sleep", "true", "false", "id", "ls", "dd", "hostname", "printf",
    ] {
        try FileManager.default.createSymbolicLink(
            atPath: root + "/bin/" + name, withDestinationPath: "busybox")
    }
    return root
}

/// Waits until `condition` holds, at most `seconds`; whether it came to hold.
public func eventually(
    within seconds: Double = 20, _ condition: () throws -> Bool
) rethrows -> Bool {
    let deadline = Date().addingTimeInterval(seconds)
    while Date() < deadline {
        if try condition() { return true }
        Thread.sleep(forTimeInterval: 0.01)  // the poll interval of a deadline loop
    }
    return try condition()
}

/// A file's text, or nil.
public func contents(_ path: String) -> String? {
    (try? Data(contentsOf: URL(filePath: path))).map { String(decoding: $0, as: UTF8.self) }
}
