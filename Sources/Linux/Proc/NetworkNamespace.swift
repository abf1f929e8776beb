// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What a process' network namespace has, from files that everybody may read (proc(5)).
public struct NetworkNamespace: Hashable, Sendable {
    /// Addresses of its interfaces, but for the loopback's and link-local ones.
    public var addresses: [String] = []
    /// Names of its interfaces but the loopback, with their numbers where a file tells them.
    public var interfaces: [String: Int] = [:]
    /// TCP ports something listens on.
    public var listening: Set<Int> = []

    /// Bytes of a table of sockets that are looked at.
    private static let maxLines = 20_000

    /// Looks at the namespace of process `pid`; with `sockets` also for who listens, which costs a
    /// walk over the kernel's table of sockets.
    public init(pid: Int32, proc: String = "/proc", sockets: Bool, buffer: inout ReadBuffer) {
        let path = "\(proc)/\(pid)/net"
        func read(_ name: String, _ body: (Substring) -> Void) {
            guard let file = KernelFile(path: "\(path)/\(name)") else { return }
            _ = try? file.readToEnd(into: &buffer) { bytes in
                for line in String(decoding: bytes, as: UTF8.self)
                    .split(separator: "\n").prefix(Self.maxLines)
                {
                    body(line)
                }
            }
        }
        var last: Substring = ""
        var found: Set<String> = []
        read("fib_trie") { line in
            let words = line.split(separator: " ")
            if words.count >= 2, words[0] == "|--" || words[0] == "+--" { last = words[1] }
            let isLocal = words.starts(with: ["/32", "host", "LOCAL"])
            if isLocal, !last.hasPrefix("127.") { found.insert(String(last)) }
        }
        read("if_inet6") { line in
            let words = line.split(separator: " ")
            guard words.count >= 6, words[3] == "00", let index = Int(words[1], radix: 16) else {
                return
            }
            found.insert(Self.address6(words[0]))
            interfaces[String(words[5])] = index
        }
        read("igmp") { line in
            let words = line.split { $0 == " " || $0 == "\t" || $0 == ":" }
            guard !line.hasPrefix("\t"), words.count >= 2, let index = Int(words[0]),
                words[1] != "lo"
            else { return }
            interfaces[String(words[1])] = index
        }
        addresses = found.sorted()
        guard sockets else { return }
        for name in ["tcp", "tcp6"] {
            read(name) { line in
                // `sl local_address rem_address st`: 0A is LISTEN.
                let words = line.split(separator: " ", maxSplits: 4)
                guard words.count >= 4, words[3] == "0A",
                    let port = words[1].split(separator: ":").last.flatMap({ Int($0, radix: 16) })
                else { return }
                listening.insert(port)
            }
        }
    }

    /// An IPv6 address of 32 hexadecimal digits, with colons and without leading zeros.
    static func address6(_ digits: Substring) -> String {
        let bytes = Array(digits.utf8)
        guard bytes.count == 32 else { return String(digits) }
        let groups = (0..<8).map { i in
            let text = String(decoding: bytes[(i * 4)..<(i * 4 + 4)], as: UTF8.self)
            return String(Int(text, radix: 16) ?? 0, radix: 16)
        }
        return groups.joined(separator: ":")
    }

    /// The host's virtual interfaces by the number of their other end; the same number may be that
    /// of several.
    public static func hostPeers(_ sys: String = "/sys") -> [Int: [String]] {
        var peers: [Int: [String]] = [:]
        var buffer = ReadBuffer(capacity: 64)
        guard let stream = opendir(sys + "/class/net") else { return [:] }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
                field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name.hasPrefix("v") || name.hasPrefix("cali") || name.hasPrefix("lxc") else {
                continue
            }
            let link = KernelFile.readOnce(
                path: "\(sys)/class/net/\(name)/iflink", into: &buffer, { FlatKeyed.single($0) })
            if let number = link.flatMap({ $0 }).flatMap({ Int(exactly: $0) }) {
                peers[number, default: []].append(name)
            }
        }
        return peers
    }
}
