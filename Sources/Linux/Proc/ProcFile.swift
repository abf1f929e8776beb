// SPDX-License-Identifier: Apache-2.0

public import SystemPackage

/// A file of procfs or sysfs that may come and go with a module or a device.
///
/// Its descriptor is kept; a file that is absent is looked for again only every sixtieth time.
public final class ProcFile {
    /// Optionals of what owns a descriptor cannot be replaced in place, a box can.
    private final class Kept {
        let file: KernelFile
        init(_ file: consuming KernelFile) { self.file = file }
    }

    private let path: String
    private var kept: Kept?
    private var wait = 0

    /// The file `path`, absolute, below `root` (`/` but for tests).
    public init(_ path: String, root: String = "/") {
        self.path = root == "/" ? path : root + path
    }

    /// Reads the whole file and gives its bytes to `body`; nil when there is no such file or it
    /// may not be read. Throws when reading fails; the next call opens the file anew.
    public func read<R>(
        into buffer: inout ReadBuffer, _ body: (UnsafeRawBufferPointer) -> R
    ) throws(Errno) -> R? {
        if kept == nil {
            guard wait == 0 else {
                wait -= 1
                return nil
            }
            guard let file = KernelFile(path: path) else {
                wait = 59
                return nil
            }
            kept = Kept(file)
        }
        do { return try kept?.file.readToEnd(into: &buffer, body) } catch {
            kept = nil
            throw error
        }
    }

    /// The number the file holds; nil when there is none.
    public func number(_ buffer: inout ReadBuffer) throws(Errno) -> Int64? {
        try read(into: &buffer) { FlatKeyed.single($0) } ?? nil
    }
}
