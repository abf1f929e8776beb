// SPDX-License-Identifier: Apache-2.0

import CLinux
import CZlib

/// Compresses one rotated file at a time in a child process of low priority, so that the container
/// is never kept waiting and the memory is given back afterwards. The child only fills the file it
/// was given; the shim names it.
struct Compressor {
    /// The child; 0 when none is at work.
    private(set) var child: pid_t = 0
    /// The number of the file it works on, kept true while files move; 0 when that file is gone.
    var place = 0

    private static let chunk = 1 << 16

    mutating func start(from source: Int32, to target: Int32, place: Int) {
        let pid = ul_fork()
        if pid == 0 {
            ul_die_with_parent()
            _ = nice(10)
            // The lock and the container's outputs are the shim's alone.
            for descriptor: Int32 in 3..<256 where descriptor != source && descriptor != target {
                close(descriptor)
            }
            _exit(Self.compress(source, target) ? 0 : 1)
        }
        child = max(0, pid)
        self.place = pid > 0 ? place : 0
    }

    /// Whether it succeeded; nil while it is at work.
    mutating func hasEnded(wait: Bool) -> Bool? {
        var status: Int32 = 0
        var ended = waitpid(child, &status, wait ? 0 : Int32(WNOHANG))
        while ended < 0 && ul_errno() == EINTR { ended = waitpid(child, &status, 0) }
        if ended == 0 { return nil }
        child = 0
        return ended > 0 && status == 0
    }

    private static func compress(_ source: Int32, _ target: Int32) -> Bool {
        let extra = lastTime(source)
        var stream = z_stream()
        var header = gz_header()
        guard ul_gzip_begin(&stream, &header, extra.pointer, UInt32(extra.count)) == Z_OK
        else { return false }
        let input = UnsafeMutablePointer<UInt8>.allocate(capacity: chunk)
        let output = UnsafeMutablePointer<UInt8>.allocate(capacity: chunk)
        while true {
            let count = read(source, input, chunk)
            guard count >= 0 else { return false }
            stream.next_in = input
            stream.avail_in = UInt32(count)
            repeat {
                stream.next_out = output
                stream.avail_out = UInt32(chunk)
                guard deflate(&stream, count == 0 ? Z_FINISH : Z_NO_FLUSH) != Z_STREAM_ERROR
                else { return false }
                let made = chunk - Int(stream.avail_out)
                guard write(target, output, made) == made else { return false }
            } while stream.avail_out == 0
            if count == 0 { break }
        }
        return fdatasync(target) == 0
    }

    /// `{"lastTime":"..."}` for the header's extra field, by which Docker's reader passes over
    /// files that are too old: the time at the end of the last record.
    private static func lastTime(_ source: Int32) -> Message {
        var text = Message()
        let size = lseek(source, 0, SEEK_END)
        lseek(source, 0, SEEK_SET)
        let tail = UnsafeMutablePointer<CChar>.allocate(capacity: 65)
        let count = pread(source, tail, 64, max(0, size - 64))
        guard count > 0 else { return text }
        tail[count] = 0
        guard let at = strstr(tail, "\"time\":\"") else { return text }
        text.add("{\"lastTime\":\"")
        text.add(
            UnsafeRawPointer(at + 8).assumingMemoryBound(to: UInt8.self), strcspn(at + 8, "\""))
        text.add("\"}")
        return text
    }
}
