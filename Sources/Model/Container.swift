// SPDX-License-Identifier: Apache-2.0

/// A container as Ullage knows it, whoever runs it. Everything in it that the container or its
/// author chose (name, image, labels, command) is untrusted text.
public struct Container: Hashable, Sendable, Identifiable {
    /// Who runs the container.
    public enum Engine: String, Hashable, Sendable {
        /// Ullage's own runtime.
        case embedded
        /// The Docker engine.
        case docker
        /// Podman, as root or rootless.
        case podman
        /// containerd or CRI-O.
        case containerd
        /// systemd-nspawn, by machined's scope or its own service.
        case nspawn
        /// LXC, LXD and Incus.
        case lxc
        /// A systemd service or scope.
        case systemd
        /// A cgroup of which nothing else is known.
        case cgroup
    }

    /// Where a container is in its life.
    public enum State: String, Hashable, Sendable {
        /// Made, never started.
        case created
        /// Its first process runs.
        case running
        /// Its first process has ended.
        case exited
        /// It could not be started.
        case dead
    }

    /// Where the container's log records are.
    public enum LogSource: Hashable, Sendable {
        /// Nowhere.
        case none
        /// A file in Docker's json-file format.
        case jsonFile(path: String)
        /// A file in the format of the container runtime interface, Podman's k8s-file too.
        case cri(path: String)
        /// A file in the format of Docker's `local` driver.
        case local(path: String)
        /// systemd's journal, under the container's id.
        case journal
    }

    /// The limits the container was given; nil is "none".
    public struct Limits: Hashable, Sendable {
        /// Bytes of memory.
        public var memory: Int64?
        /// Cores: 0.5 is half the time of one.
        public var cpus: Double?
        /// Processes and threads.
        public var pids: Int64?

        /// These limits.
        public init(memory: Int64? = nil, cpus: Double? = nil, pids: Int64? = nil) {
            self.memory = memory
            self.cpus = cpus
            self.pids = pids
        }
    }

    /// Who runs it.
    public var engine: Engine
    /// The engine's identifier: 64 hexadecimal digits for engines that follow Docker.
    public var id: String
    /// The name people use.
    public var name: String
    /// The image, or the root file system's path where there is none.
    public var image: String
    /// The labels its author gave it.
    public var labels: [String: String] = [:]
    /// The command line of its first process.
    public var command: [String] = []
    /// How many containers of this name came before it.
    public var generation = 0
    /// The cgroup's path below each hierarchy's mount point, such as `/ullage/<id>`; nil when
    /// there is no cgroup (any more).
    public var cgroupPath: String?
    /// The first process, in the host's numbering; nil when none runs.
    public var initPID: Int32?
    /// The first process' start in clock ticks since boot, so that a reused pid is noticed.
    public var initStartTicks: UInt64?
    /// Where it is in its life.
    public var state: State
    /// What its first process returned (128 + n after signal n); nil while it runs.
    public var exitCode: Int32?
    /// Whether the kernel's out-of-memory killer ended a process of it.
    public var oomKilled = false
    /// When it was made.
    public var createdAt: Milliseconds
    /// When its first process last started.
    public var startedAt: Milliseconds?
    /// When its first process last ended.
    public var finishedAt: Milliseconds?
    /// What it may use.
    public var limits = Limits()
    /// Where its output goes.
    public var logSource: LogSource = .none
    /// A file of counters that the shim keeps of the container's output; see `LogCounters`.
    public var logCountersPath: String?
    /// Its names in Kubernetes; nil outside of a pod.
    public var kubernetes: KubernetesNames?
    /// The systemd unit it is or runs in.
    public var unit: String?
    /// How often its engine has started it again.
    public var restartCount: Int?
    /// What its health check last said; nil without one.
    public var health: ContainerHealth?
    /// Ports of the host that lead to it.
    public var ports: [PortMapping] = []
    /// What is mounted in it.
    public var mounts: [ContainerMount] = []
    /// The engine's networks it is attached to.
    public var networks: [String] = []
    /// What it used in the life that ended last, where the engine says.
    public var totals: ContainerTotals?

    /// A container with the parts that each has; the rest is set afterwards.
    public init(
        engine: Engine, id: String, name: String, image: String, state: State,
        createdAt: Milliseconds
    ) {
        self.engine = engine
        self.id = id
        self.name = name
        self.image = image
        self.state = state
        self.createdAt = createdAt
    }
}

/// What a container's shim counts of its output since the container started.
public struct LogCounters: Hashable, Sendable {
    /// Lines written to stdout.
    public var stdoutLines: UInt64 = 0
    /// Lines written to stderr.
    public var stderrLines: UInt64 = 0
    /// Bytes the container wrote to stdout.
    public var stdoutBytes: UInt64 = 0
    /// Bytes the container wrote to stderr.
    public var stderrBytes: UInt64 = 0
    /// Records that could not be written, because the disk was full for example.
    public var droppedRecords: UInt64 = 0

    /// All zero.
    public init() {}
}
