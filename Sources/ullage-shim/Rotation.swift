// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Rotation as Docker names it: `LOG` is written, `LOG.1` is the newest before it, `LOG.2.gz` the
/// next when old files are compressed.
///
/// Each step is one rename, and the steps are in such an order that a shim killed between any two
/// leaves every record in exactly one file that the next rotation understands:
///
/// - a file moves up only into a free place, from the top down, and only as far as the first place
///   that is free, so a hole that a killed shim left is filled before anything is thrown away;
/// - the next file exists (as `LOG.new`) before the present one is moved, so that a full disk puts
///   the rotation off instead of leaving the container without a log;
/// - a compressed file gets its name when it is complete and on disk. When both `LOG.n` and
///   `LOG.n.gz` exist, the latter is whole and the former is removed.
///
/// Compressing is done by a process of its own (`Compressor`); nothing here waits for it, and only
/// the shim gives or changes names.
extension JSONLog {
    /// Puts the present file aside. When that fails, the file grows on and a later record tries
    /// again.
    mutating func rotate() {
        rotateAt = size + max(maxSize / 16, 1 << 16)
        let next = name(".new") {
            ul_open($0, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o640)
        }
        guard next >= 0 else { return }
        _ = fchmod(next, 0o640)
        if maxFile > 1 {
            makeRoom()
            guard numbered(1, "", { rename(path, $0) }) == 0 else {
                close(next)
                _ = name(".new") { unlink($0) }
                return
            }
        }
        // With one file to keep, this replaces the present one in one step.
        guard name(".new", { rename($0, path) }) == 0 else {
            close(next)
            return
        }
        close(descriptor)
        descriptor = next
        size = 0
        rotateAt = maxSize
        if compresses { compressNext() }
    }

    /// Makes `LOG.1` free.
    private mutating func makeRoom() {
        var free = 1
        while free < maxFile, isTaken(free) { free += 1 }
        if free == maxFile {
            free = maxFile - 1
            _ = numbered(free, "") { unlink($0) }
            _ = numbered(free, ".gz") { unlink($0) }
            if compressor.place == free { compressor.place = 0 }
        }
        while free > 1 {
            move(free - 1, to: free, "")
            move(free - 1, to: free, ".gz")
            if compressor.place == free - 1 { compressor.place = free }
            free -= 1
        }
    }

    private func isTaken(_ place: Int) -> Bool {
        let isCompressed = numbered(place, ".gz") { access($0, F_OK) } == 0
        let isPlain = numbered(place, "") { access($0, F_OK) } == 0
        if isCompressed, isPlain { _ = numbered(place, "") { unlink($0) } }
        return isCompressed || isPlain
    }

    private func move(_ place: Int, to other: Int, _ suffix: StaticString) {
        _ = numbered(place, suffix) { from in numbered(other, suffix) { rename(from, $0) } }
    }

    /// Starts compressing the newest file that is not compressed yet, unless one is at work.
    mutating func compressNext() {
        guard compressor.child == 0 else { return }
        for place in 1..<max(maxFile, 1) where isTaken(place) {
            guard numbered(place, "", { access($0, F_OK) }) == 0 else { continue }
            let source = numbered(place, "") {
                ul_open($0, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0)
            }
            let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW
            _ = name(".gz.tmp") { unlink($0) }
            let target = name(".gz.tmp") { ul_open($0, flags, 0o640) }
            if source >= 0, target >= 0 {
                compressor.start(from: source, to: target, place: place)
            }
            close(source)
            close(target)
            return
        }
    }

    /// Gives a file that was compressed its name. Called when a child of the shim has ended, or
    /// at the end of all, to wait for it.
    mutating func collectCompressed(wait: Bool) {
        guard compressor.child > 0, let succeeded = compressor.hasEnded(wait: wait) else { return }
        let place = compressor.place
        compressor.place = 0
        guard succeeded, place > 0 else {
            _ = name(".gz.tmp") { unlink($0) }
            return
        }
        let named = name(".gz.tmp") { from in numbered(place, ".gz") { rename(from, $0) } }
        guard named == 0 else { return }
        _ = numbered(place, "") { unlink($0) }
        compressNext()
    }

    private func name(_ suffix: StaticString, _ body: (UnsafePointer<CChar>) -> Int32) -> Int32 {
        var text = Message()
        defer { text.free() }
        text.add(path)
        text.add(suffix)
        return body(text.cString())
    }

    private func numbered(
        _ place: Int, _ suffix: StaticString, _ body: (UnsafePointer<CChar>) -> Int32
    ) -> Int32 {
        var text = Message()
        defer { text.free() }
        text.add(path)
        text.add(".")
        text.add(Int64(place))
        text.add(suffix)
        return body(text.cString())
    }
}
