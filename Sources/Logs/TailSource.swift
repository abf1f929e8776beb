// SPDX-License-Identifier: Apache-2.0

public import Model

/// A log to be tailed: whose it is, and where.
public struct TailSource: Hashable, Sendable {
    /// Under what it is stored.
    public var identity: LogIdentity
    /// The file that is written; those put aside stand beside it.
    public var path: String
    /// How its lines are made.
    public var format: LogFormat
    /// Whether its writer has ended, so that a line without an end gets none.
    public var hasEnded: Bool

    /// A source of these parts.
    public init(identity: LogIdentity, path: String, format: LogFormat, hasEnded: Bool = false) {
        self.identity = identity
        self.path = path
        self.format = format
        self.hasEnded = hasEnded
    }

    /// The log of a container; nil when it is in no file that can be read.
    public init?(_ container: Container) {
        switch container.logSource {
        case .none, .journal: return nil
        case .jsonFile(let path):
            self.path = path
            format = .jsonFile
        case .cri(let path):
            self.path = path
            format = .cri
        case .local(let path):
            self.path = path
            format = .local
        }
        identity = LogIdentity(container)
        hasEnded = container.state == .exited || container.state == .dead
    }
}

/// Memory that tailers of one thread read into, one after the other.
public final class TailBuffer {
    private(set) var bytes: UnsafeMutableRawBufferPointer

    /// No memory yet.
    public init() { bytes = .allocate(byteCount: 0, alignment: 16) }

    deinit { bytes.deallocate() }

    /// Gives the memory back.
    public func release() { grow(to: 0) }

    /// Takes other memory; what was in it is lost.
    func grow(to size: Int) {
        bytes.deallocate()
        bytes = .allocate(byteCount: size, alignment: 16)
    }
}
