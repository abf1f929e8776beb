// SPDX-License-Identifier: Apache-2.0

import Codecs
import Foundation
import Glibc
import Linux
import Model
import TestSupport
import Testing

@testable import Discovery

private let id = String(repeating: "ab12", count: 16)
private let other = String(repeating: "cd34", count: 16)

@Suite("Finding containers")
struct DiscoveryTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("discovery") }

    private func process(_ pid: Int, cgroup: String) throws {
        try directory.write("0::\(cgroup)\n", to: "proc/\(pid)/cgroup")
        let rest = (4...24).map { $0 == 22 ? "777" : "0" }.joined(separator: " ")
        try directory.write("\(pid) (a) S \(rest)\n", to: "proc/\(pid)/stat")
    }

    private func docker(_ id: String, name: String = "/web", pid: Int = 42) throws {
        try directory.write(
            """
            {"ID":"\(id)","Created":"2024-05-06T07:08:09.123456789Z","Name":"\(name)","Path":"/s",
            "Args":["-x"],"Config":{"Image":"nginx:1","Labels":{"com.docker.compose.project":"shop",
            "com.docker.compose.service":"front"}},"State":{"Running":true,"Pid":\(pid),
            "StartedAt":"2024-05-06T09:08:10+02:00","Health":{"Status":"unhealthy"}},
            "RestartCount":3,"LogPath":"/etc/passwd","NetworkSettings":{"Networks":{"shop_net":{}},
            "Ports":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}]}},
            "MountPoints":{"/d":{"Type":"volume","Name":"data","Destination":"/d","RW":false}}}
            """, to: "docker/containers/\(id)/config.v2.json")
        try directory.write(
            "{\"Memory\":1000,\"NanoCpus\":500000000,\"PidsLimit\":null}",
            to: "docker/containers/\(id)/hostconfig.json")
    }

    private func dockerSource() -> DockerSource {
        DockerSource(root: directory.appending("docker"), proc: directory.appending("proc"))
    }

    @Test("Docker's state on disk tells all of a container")
    func docker() throws {
        try docker(id)
        try process(42, cgroup: "/system.slice/docker-\(id).scope/init")
        let found = try #require(dockerSource().list().first)
        #expect(found.name == "web" && found.image == "nginx:1" && found.state == .running)
        #expect(found.cgroupPath == "/system.slice/docker-\(id).scope")
        #expect(found.initStartTicks == 777)
        #expect(found.createdAt == 1_714_979_289_123 && found.startedAt == 1_714_979_290_000)
        #expect(found.composeProject == "shop" && found.composeService == "front")
        #expect(found.restartCount == 3 && found.health == .unhealthy)
        #expect(found.networks == ["shop_net"])
        #expect(found.ports.first?.hostPort == 8080 && found.ports.first?.containerPort == 80)
        #expect(found.mounts.first?.isReadOnly == true && found.mounts.first?.source == "data")
        #expect(found.limits == Container.Limits(memory: 1000, cpus: 0.5, pids: nil))
        // A log anywhere else than beside the state is not believed.
        #expect(found.logSource == .none)
    }

    @Test("A pid that was reused by somebody else is not taken for the container's")
    func reusedPID() throws {
        try docker(id)
        try process(42, cgroup: "/system.slice/cron.service")
        let found = try #require(dockerSource().list().first)
        #expect(found.state == .dead && found.cgroupPath == nil && found.initPID == nil)
    }

    @Test("Links, FIFOs, huge files and other people's identifiers are refused")
    func hostileFiles() throws {
        try docker(other, name: "/\\u001b[2J")
        try process(42, cgroup: "/docker/\(other)")
        let secret = try directory.write("{\"ID\":\"\(id)\",\"Name\":\"x\"}", to: "secret")
        let link = directory.appending("docker/containers/\(id)/config.v2.json")
        try FileManager.default.createDirectory(
            atPath: directory.appending("docker/containers/\(id)"),
            withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: secret)
        #expect(dockerSource().list().map(\.id) == [other])
        try FileManager.default.removeItem(atPath: link)
        #expect(mkfifo(link, 0o600) == 0)
        #expect(dockerSource().list().map(\.id) == [other])
        try FileManager.default.removeItem(atPath: link)
        try directory.write(
            "{\"ID\":\"\(other)\"}", to: "docker/containers/\(id)/config.v2.json")
        let source = dockerSource()
        #expect(source.list().map(\.id) == [other] && source.refused == 1)
        try directory.write(
            String(repeating: " ", count: 5 << 20), to: "docker/containers/\(id)/config.v2.json")
        #expect(dockerSource().list().map(\.id) == [other])
    }

    @Test("A thousand containers come and go, and each is known by its own name")
    func churn() throws {
        let source = dockerSource()
        for round in 0..<2 {
            for i in 0..<1000 where i % 2 == round {
                let text = String(i, radix: 16)
                let id = String(repeating: "0", count: 64 - text.count) + text
                try docker(id, name: "/c\(i)", pid: 1000 + i)
                try process(1000 + i, cgroup: "/docker/\(id)")
            }
            let list = source.list()
            #expect(list.count == 500)
            #expect(list.allSatisfy { $0.name == "c\(Int($0.id, radix: 16) ?? -1)" })
            #expect(list.allSatisfy { $0.initPID == Int32(1000 + (Int($0.id, radix: 16) ?? 0)) })
            try FileManager.default.removeItem(atPath: directory.appending("docker/containers"))
            #expect(source.list().isEmpty)
        }
    }

    @Test("Podman's storage names its containers, and the pid file says which run")
    func podman() throws {
        let metadata = "{\\\"image-name\\\":\\\"docker.io/alpine\\\",\\\"name\\\":\\\"db\\\"}"
        try directory.write(
            """
            [{"id":"\(id)","names":["db"],"image":"f00","metadata":"\(metadata)",
              "created":"2024-05-06T07:08:09Z"},{"id":"../../etc","names":["evil"]}]
            """, to: "storage/overlay-containers/containers.json")
        try directory.write("42", to: "run/overlay-containers/\(id)/userdata/pidfile")
        try process(42, cgroup: "/machine.slice/libpod-\(id).scope/container")
        let storage = PodmanDiscoverer.Storage(
            root: directory.appending("storage"), run: directory.appending("run"))
        let source = PodmanSource(storages: { [storage] }, proc: directory.appending("proc"))
        let list = source.list()
        #expect(list.map(\.name) == ["db"])
        #expect(list.first?.image == "docker.io/alpine" && list.first?.state == .running)
        // Limits and throttling are of the group below the scope.
        #expect(list.first?.cgroupPath == "/machine.slice/libpod-\(id).scope/container")
    }

    @Test("conmon's word is how a container of Podman's ended")
    func podmanExit() throws {
        try directory.write(
            "[{\"id\":\"\(id)\",\"names\":[\"job\"],\"created\":\"2024-05-06T07:08:09Z\"}]",
            to: "storage/overlay-containers/containers.json")
        try directory.write("{}", to: "storage/overlay-containers/\(id)/userdata/config.json")
        try directory.write("42", to: "run/overlay-containers/\(id)/userdata/pidfile")
        try directory.write("7", to: "exits/\(id)")
        let storage = PodmanDiscoverer.Storage(
            root: directory.appending("storage"), run: directory.appending("run"),
            exits: directory.appending("exits"))
        let source = PodmanSource(storages: { [storage] }, proc: directory.appending("proc"))
        let job = try #require(source.list().first)
        #expect(job.state == .exited && job.exitCode == 7)
        #expect(job.startedAt != nil && job.finishedAt ?? 0 >= job.startedAt ?? .max)
    }

    @Test("Between two lives a container of Docker's has ended, with its exit code")
    func dockerRestarting() throws {
        try directory.write(
            """
            {"ID":"\(id)","Created":"2024-05-06T07:08:09Z","Name":"/crash","State":{"Running":true,
            "Restarting":true,"Pid":0,"ExitCode":3,"StartedAt":"2024-05-06T07:08:10Z",
            "FinishedAt":"2024-05-06T07:08:11Z"},"RestartCount":1}
            """, to: "docker/containers/\(id)/config.v2.json")
        let found = try #require(dockerSource().list().first)
        #expect(found.state == .exited && found.exitCode == 3 && found.finishedAt != nil)
    }

    @Test("nspawn, LXC and containerd's own tasks go by the names they were given")
    func namedGroups() throws {
        let scope = "machine.slice/machine-build\\x2dbox.scope"
        try directory.write("50\n", to: "cg/\(scope)/payload/cgroup.procs")
        try process(50, cgroup: "/\(scope)/payload")
        try directory.write("", to: "cg/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/x")
        try directory.write(
            "", to: "cg/machine.slice/systemd-nspawn@web.service/payload/cgroup.procs")
        try directory.write("51\n", to: "cg/lxc.payload.mail/init.scope/cgroup.procs")
        try process(51, cgroup: "/lxc.payload.mail/init.scope")
        try directory.write("", to: "cg/lxc.monitor.mail/cgroup.procs")
        try directory.write("52\n", to: "cg/default/job-1/cgroup.procs")
        try process(52, cgroup: "/default/job-1")
        try directory.write("52", to: "tasks/default/job-1/init.pid")
        // A bundle that names a process elsewhere, and names that are none.
        try directory.write("52", to: "tasks/default/liar/init.pid")
        try directory.write("52", to: "tasks/default/-x/init.pid")
        let list = try cgroupSource().list()
        let names = Dictionary(grouping: list, by: \.engine).mapValues { Set($0.map(\.name)) }
        #expect(names[.nspawn] == ["build-box", "web"])
        #expect(names[.lxc] == ["mail"])
        #expect(names[.containerd] == ["job-1"])
        #expect(names[.systemd] == ["machine-qemu\\x2d1\\x2dvm.scope"])
        #expect(list.first { $0.name == "build-box" }?.initPID == 50)
        #expect(list.first { $0.name == "mail" }?.initPID == 51)
        #expect(names[.cgroup] == nil)
    }

    private func cgroupSource() throws -> CgroupSource {
        try directory.write("", to: "cg/cgroup.controllers")
        return CgroupSource(
            mounts: [directory.appending("cg")],
            bundles: BundleNames(tasks: directory.appending("tasks")),
            proc: directory.appending("proc"))
    }

    @Test("The cgroup tree shows units, pods' containers by their names, and bare groups")
    func cgroups() throws {
        try directory.write("42\n", to: "cg/system.slice/cron.service/cgroup.procs")
        try process(42, cgroup: "/system.slice/cron.service")
        let pod = "kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice"
        try directory.write("", to: "cg/\(pod)/cri-containerd-\(id).scope/cgroup.procs")
        try directory.write("", to: "cg/machine.slice/libpod-conmon-\(id).scope/cgroup.procs")
        try directory.write("", to: "cg/jobs/inner/cgroup.procs")
        try directory.write("", to: "cg/ullage/x/cgroup.procs")
        try directory.write(
            """
            {"annotations":{"io.kubernetes.cri.container-type":"container",
            "io.kubernetes.cri.sandbox-namespace":"prod","io.kubernetes.cri.sandbox-name":"web-1",
            "io.kubernetes.cri.container-name":"app","io.kubernetes.cri.image-name":"shop:2"}}
            """, to: "tasks/k8s.io/\(id)/config.json")
        let source = try cgroupSource()
        let list = source.list()
        #expect(list.count == 3)
        let unit = list.first { $0.engine == .systemd }
        #expect(unit?.unit == "cron.service" && unit?.initPID == 42)
        let app = list.first { $0.engine == .containerd }
        #expect(
            app?.kubernetes == KubernetesNames(namespace: "prod", pod: "web-1", container: "app"))
        #expect(app?.image == "shop:2" && app?.id == id)
        #expect(list.first { $0.engine == .cgroup }?.cgroupPath == "/jobs/inner")
        #expect(!source.directories.contains { $0.hasSuffix("cron.service") })
    }

    @Test("CRI-O's containers have the names and labels of their pods")
    func crio() throws {
        let slice = "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod7.slice"
        try directory.write("60\n", to: "cg/\(slice)/crio-\(id).scope/cgroup.procs")
        try process(60, cgroup: "/\(slice)/crio-\(id).scope")
        try directory.write(
            """
            {"process":{"args":["/app"]},"annotations":{
            "io.kubernetes.cri-o.ContainerType":"container","io.kubernetes.pod.namespace":"prod",
            "io.kubernetes.pod.name":"api-0","io.kubernetes.container.name":"api",
            "io.kubernetes.cri-o.ImageName":"registry.example/api:3",
            "io.kubernetes.cri-o.Labels":"{\\"app\\":\\"api\\"}"}}
            """, to: "crio/\(id)/userdata/config.json")
        try directory.write("", to: "cg/cgroup.controllers")
        let source = CgroupSource(
            mounts: [directory.appending("cg")],
            bundles: BundleNames(
                tasks: directory.appending("tasks"), crio: directory.appending("crio")),
            proc: directory.appending("proc"))
        let api = try #require(source.list().first)
        #expect(
            api.kubernetes == KubernetesNames(namespace: "prod", pod: "api-0", container: "api"))
        #expect(api.image == "registry.example/api:3" && api.labels == ["app": "api"])
        #expect(api.name == "prod/api-0/api" && api.command == ["/app"])
    }

    @Test("Start and exit are told by the tree itself")
    func watching() async throws {
        let tree = directory.appending("cg")
        try directory.write("", to: "cg/cgroup.controllers")
        let (lists, feed) = AsyncStream<[String]>.makeStream()
        let task = Task {
            try await WatchedList.run(
                "test", { CgroupSource(mounts: [tree], bundles: BundleNames(tasks: ""), proc: "") }
            ) { feed.yield($0.map(\.name)) }
        }
        var next = lists.makeAsyncIterator()
        #expect(await next.next() == [])
        let path = directory.appending("cg/job")
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false)
        #expect(await next.next() == ["job"])
        try FileManager.default.removeItem(atPath: path)
        #expect(await next.next() == [])
        task.cancel()
    }

    @Test("An engine that is installed later is found by what appears above its directories")
    func installedLater() async throws {
        let (root, proc) = (directory.appending("docker"), directory.appending("proc"))
        let (lists, feed) = AsyncStream<[String]>.makeStream()
        let task = Task {
            try await WatchedList.run("test", { DockerSource(root: root, proc: proc) }) {
                feed.yield($0.map(\.name))
            }
        }
        var next = lists.makeAsyncIterator()
        #expect(await next.next() == [])
        try docker(id)
        #expect(await next.next() == ["web"])
        try FileManager.default.removeItem(atPath: root)
        #expect(await next.next() == [])
        try docker(id, name: "/again")
        #expect(await next.next() == ["again"])
        task.cancel()
    }

    @Test("What an engine knows is not reported again from its cgroup")
    func merging() {
        func container(_ engine: Container.Engine, _ id: String, _ path: String?) -> Container {
            var result = Container(
                engine: engine, id: id, name: engine.rawValue, image: "", state: .running,
                createdAt: 0)
            result.cgroupPath = path
            return result
        }
        let merged = ContainerRegistry.merge([
            [container(.docker, id, "/docker/\(id)"), container(.docker, other, nil)],
            [
                container(.docker, id, "/docker/\(id)"), container(.docker, other, "/x"),
                container(.cgroup, "/docker/\(id)", "/docker/\(id)"),
                container(.systemd, "/a.service", "/a.service"),
            ],
        ])
        #expect(merged.map(\.id) == [id, other, "/a.service"])
    }

    @Test("JSON is read as RFC 8259 has it, and no bytes make it fall over")
    func json() {
        let text = #"{"a":[1,-2.5e1,true,null,"\u00e9\ud83d\ude00\ud800\n"],"a\/b":{}}"#
        let value = JSONValue(Array(text.utf8))
        #expect(value?["a"].array[1] == .number(-25))
        #expect(value?["a"].array[4].string == "é😀\u{fffd}\n")
        #expect(value?["a/b"] == .object([:]))
        for bad in ["", "{", "[1,]", "{\"a\":1,}", "\"\u{1}\"", "tru", "1 2", "\"\\ud8\"", "{1:2}"]
        {
            #expect(JSONValue(Array(bad.utf8)) == nil, "\(bad)")
        }
        #expect(JSONValue(Array(repeating: UInt8(ascii: "["), count: 1_000_000)) == nil)
        var seed = UInt64(7)
        var bytes = Array(text.utf8)
        for _ in 0..<20_000 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let at = Int(seed >> 33) % bytes.count
            let old = bytes[at]
            bytes[at] = UInt8(truncatingIfNeeded: seed >> 20)
            _ = JSONValue(bytes)
            if seed & 3 != 0 { bytes[at] = old }
            if seed % 97 == 0 { bytes = Array(text.utf8) }
        }
    }
}
