// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
public import Model

extension Runtime {
    /// Starts a shim for each container whose own was killed. The outputs are FIFOs that the
    /// container holds open by itself, so what it wrote in between is there; what the killed shim
    /// had read and not written is noted in the log as a gap. Of a container that has ended in the
    /// meantime the shim writes that down, and what it wrote last if `outputs` held it.
    ///
    /// Any number of processes may do this at once: a lock in each directory lets one shim in.
    @discardableResult
    public func takeOverOrphans(_ outputs: HeldOutputs? = nil) -> Takeover {
        takeOver(ContainerCache(self).list(), outputs)
    }

    /// The same among these containers.
    func takeOver(_ listed: [ContainerCache.Entry], _ outputs: HeldOutputs?) -> Takeover {
        var result = Takeover()
        for entry in listed {
            let (container, directory) = (entry.container, entry.directory)
            guard let state = entry.state, state.state == "running", isShimGone(state, directory)
            else { continue }
            do throws(RuntimeError) {
                try ShimProcess.attach(
                    shimPath, directory: directory, state: state,
                    areOutputsHeld: outputs?.holds(directory.id) ?? false)
                result.taken.append(container)
            } catch { result.failed.append((container, error)) }
        }
        return result
    }

    /// Whether a container's shim has ended. The lock is let go a moment before the process is seen
    /// to have ended, and it is the lock that makes an event, so that moment is waited for.
    private func isShimGone(
        _ state: ContainerDirectory.State, _ directory: ContainerDirectory
    ) -> Bool {
        guard Process.isAlive(state.shimPid, state.shimStartTicks) else { return true }
        let lock = ul_open(directory.path + "/shim.lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0)
        guard lock >= 0 else { return false }
        let isFree = flock(lock, LOCK_SH | LOCK_NB) == 0
        close(lock)
        return isFree && Process.waitForEnd(state.shimPid, state.shimStartTicks, seconds: 1)
    }
}

/// What was done about shims that were killed.
public struct Takeover: Sendable {
    /// Containers that have a new shim.
    public internal(set) var taken: [Container] = []
    /// Containers that have none, and why.
    public internal(set) var failed: [(Container, RuntimeError)] = []
}

/// Keeps the outputs of running containers open, so that a shim's death together with its container
/// does not lose what was in them: the kernel empties a pipe that nobody has open. Two descriptors
/// a container. Used by one thread.
public final class HeldOutputs {
    private let runtime: Runtime
    private var held: [String: [Int32]] = [:]

    /// Holds nothing yet.
    public init(runtime: Runtime) { self.runtime = runtime }

    deinit { for file in held.values.joined() { close(file) } }

    /// Opens the outputs of the containers that have started and lets go of those that have ended.
    public func update() { update(ContainerCache(runtime).list()) }

    /// The same for these containers, which are all there are.
    func update(_ listed: [ContainerCache.Entry]) {
        var live: Set<String> = []
        for entry in listed where entry.state?.state == "running" {
            let directory = entry.directory
            live.insert(directory.id)
            guard held[directory.id] == nil else { continue }
            let files = ["stdout.fifo", "stderr.fifo"].map {
                ul_open(
                    "\(directory.path)/\($0)", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW, 0)
            }
            held[directory.id] = files.filter { $0 >= 0 }
        }
        for (id, files) in held where !live.contains(id) {
            for file in files { close(file) }
            held[id] = nil
        }
    }

    func holds(_ id: String) -> Bool { held[id]?.count == 2 }
}
