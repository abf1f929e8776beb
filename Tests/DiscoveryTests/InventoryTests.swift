// SPDX-License-Identifier: Apache-2.0

import Discovery
import Foundation
import Linux
import Model
import TestSupport
import Testing

@Suite("Networks, volumes and images")
struct InventoryTests {
    let directory = try? TemporaryDirectory("inventory")

    private func id(_ digit: Character) -> String { String(repeating: digit, count: 64) }

    @Test("What images share and what each has alone is read from Docker's state on disk")
    func images() throws {
        let directory = try #require(directory)
        let path = "docker/image/overlay2"
        func layer(_ digit: Character, diff: String, parent: Character?, size: Int) throws {
            let layer = "\(path)/layerdb/sha256/\(id(digit))"
            try directory.write(diff, to: layer + "/diff")
            try directory.write("\(size)", to: layer + "/size")
            if let parent { try directory.write("sha256:\(id(parent))", to: layer + "/parent") }
        }
        try layer("1", diff: "sha256:base", parent: nil, size: 100)
        try layer("2", diff: "sha256:app", parent: "1", size: 30)
        try layer("3", diff: "sha256:other", parent: "1", size: 7)
        for (image, top) in [("a", "app"), ("b", "other")] as [(Character, String)] {
            try directory.write(
                "{\"rootfs\":{\"diff_ids\":[\"sha256:base\",\"sha256:\(top)\"]}}",
                to: "\(path)/imagedb/content/sha256/\(id(image))")
        }
        try directory.write("garbage", to: "\(path)/imagedb/content/sha256/\(id("c"))")
        try directory.write(
            "{\"Repositories\":{\"app\":{\"app:1\":\"sha256:\(id("a"))\"}}}",
            to: path + "/repositories.json")
        var container = Container(
            engine: .docker, id: id("f"), name: "web", image: "app:1", state: .exited, createdAt: 0)
        container.mounts = [
            ContainerMount(
                kind: "volume", source: "data", destination: "/data", isReadOnly: false),
            ContainerMount(kind: "bind", source: "/etc", destination: "/e", isReadOnly: true),
        ]
        try directory.write(
            String(repeating: "x", count: 20_000), to: "docker/volumes/data/_data/file")
        try directory.write("", to: "docker/volumes/left/_data/empty")
        let reader = InventoryReader(dockerRoot: directory.appending("docker"))
        let inventory = reader.read([container])
        let app = try #require(inventory.images.first { $0.names == ["app:1"] })
        #expect(app.bytes == 130 && app.sharedBytes == 100 && app.layers == 2)
        #expect(app.users == ["web"] && app.registry == "docker.io")
        #expect(inventory.images.count == 2)

        let data = try #require(inventory.volumes.first { $0.source == "data" })
        #expect(data.users == ["web"])
        #expect((data.bytes ?? 0) >= 20_000)
        #expect(inventory.volumes.first { $0.source == "left" }?.users.isEmpty == true)
        #expect(inventory.volumes.first { $0.source == "/etc" }?.bytes == nil)
    }

    @Test("A tree's size counts a file of two names once, no link, and stops at its budget")
    func size() throws {
        let directory = try #require(directory)
        try directory.write(String(repeating: "x", count: 50_000), to: "tree/a/file")
        try FileManager.default.linkItem(
            atPath: directory.appending("tree/a/file"),
            toPath: directory.appending("tree/second"))
        try FileManager.default.createSymbolicLink(
            atPath: directory.appending("tree/out"), withDestinationPath: "/usr")
        let whole = try #require(TreeSize(path: directory.appending("tree"), budget: 100))
        #expect(whole.inodes == 4 && whole.isComplete)
        #expect(whole.bytes >= 50_000 && whole.bytes < 100_000)
        let part = try #require(TreeSize(path: directory.appending("tree"), budget: 2))
        #expect(!part.isComplete)
        #expect(TreeSize(path: directory.appending("none"), budget: 2) == nil)
    }

    @Test("Addresses, interfaces and listening ports are read from a process' network files")
    func network() throws {
        let directory = try #require(directory)
        try directory.write(
            """
            Main:
              +-- 0.0.0.0/0 3 0 5
                 |-- 127.0.0.1
                    /32 host LOCAL
                 |-- 172.17.0.2
                    /32 host LOCAL
                 |-- 172.17.0.0
                    /16 link UNICAST

            """, to: "proc/7/net/fib_trie")
        try directory.write(
            "20010db8000000000000000000000001 0c 40 00 80     eth0\n"
                + "fe800000000000000042acfffe110002 0c 40 20 80     eth0\n",
            to: "proc/7/net/if_inet6")
        try directory.write(
            "Idx\tDevice    : Count Querier\tGroup\n1\tlo        :     1      V3\n"
                + "12\teth0      :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n",
            to: "proc/7/net/igmp")
        try directory.write(
            "  sl  local_address rem_address   st\n"
                + "   0: 00000000:0050 00000000:0000 0A 0:0\n"
                + "   1: 0100007F:1F90 00000000:0000 01 0:0\n", to: "proc/7/net/tcp")
        var buffer = ReadBuffer()
        let found = NetworkNamespace(
            pid: 7, proc: directory.appending("proc"), sockets: true, buffer: &buffer)
        #expect(found.addresses == ["172.17.0.2", "2001:db8:0:0:0:0:0:1"])
        #expect(found.interfaces == ["eth0": 12])
        #expect(found.listening == [80])
    }
}
