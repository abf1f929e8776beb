// SPDX-License-Identifier: Apache-2.0

import Linux
public import Model
import Synchronization

/// Brings one sink everything that a source has, on a thread of its own: a slow sink delays nobody
/// but itself.
///
/// A batch is sent, as one parcel or as several at once, until the sink has taken each or refused it
/// for good; only then does the cursor move, and the next is sent when the cursor is on the disk. So each
/// record arrives at least once and in order, and after a crash at most one batch comes twice.
public final class Delivery: Sendable {
    /// What is asked of the thread from outside.
    struct Requests {
        var isStopping = false
        var seek: Milliseconds?
        /// Whether waits are cut short until the sink has everything.
        var isFlushing = false
        /// Whether the thread must not sleep.
        var isUrgent: Bool { isStopping || isFlushing || seek != nil }
    }

    /// The sink's name, which is a directory's name.
    public let name: String
    let options: DeliveryOptions
    let directory: String
    let carrier: any Carrier
    let status: Mutex<SinkStatus>
    let requests = Mutex(Requests())
    let wakeup: Wakeup
    private let finished: Wakeup
    /// Says that the source may have more; nil when it must be asked.
    let news: ChangeNotice?
    /// Whether the thread waits for news.
    let isWaiting = Atomic<Bool>(false)
    private let makeSource: @Sendable (String?) throws -> any ParcelSource
    private let log: @Sendable (String) -> Void

    /// A sink that keeps its files in `directory`; `source` makes a reader that goes on at a
    /// cursor, or begins when there is none. With `news` it is asked again when there are any.
    public init(
        name: String, kind: String, target: String, directory: String,
        options: DeliveryOptions = DeliveryOptions(), carrier: any Carrier,
        source: @escaping @Sendable (String?) throws -> any ParcelSource,
        news: ChangeNotice? = nil, log: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(ShipError) {
        self.name = name
        self.options = options
        self.directory = directory
        self.carrier = carrier
        self.news = news
        self.log = log
        makeSource = source
        var status = SinkStatus()
        status.name = name
        status.kind = kind
        status.target = target
        self.status = Mutex(status)
        try FileBytes.makeDirectories(directory)
        do {
            wakeup = try Wakeup()
            finished = try Wakeup()
        } catch { throw ShipError("cannot start the sink \(name): no wake-up event (\(error))") }
    }

    /// Starts the thread.
    public func start() {
        BlockingThread.start("ship-" + name) { [self] in
            let observer = news?.observe { [weak self] in
                guard let self, isWaiting.load(ordering: .sequentiallyConsistent) else { return }
                wakeup.wake()
            }
            DeliveryRun(self).run(makeSource)
            if let observer { news?.remove(observer) }
            status.withLock { $0.activity = .stopped }
            finished.wake()
        }
    }

    /// Ends the thread and waits until it has.
    public func stop() {
        requests.withLock { $0.isStopping = true }
        wakeup.wake()
        // A request may begin between the two.
        repeat { carrier.interrupt() } while !finished.wait(milliseconds: 100)
    }

    /// How the sink is doing.
    public func snapshot() -> SinkStatus { status.withLock { $0 } }

    /// Sends at once what there is, without waiting for a batch or a pause to be over.
    public func flush() {
        requests.withLock { $0.isFlushing = true }
        wakeup.wake()
    }

    /// Sends everything since `time` again.
    public func replay(since time: Milliseconds) {
        requests.withLock { $0.seek = time }
        wakeup.wake()
    }

    var isStopping: Bool { requests.withLock { $0.isStopping } }

    /// Notes a failure for people.
    func report(_ message: String) {
        let isNew = status.withLock { status in
            defer {
                status.lastError = message
                status.lastErrorAt = Clock.realtimeMilliseconds()
            }
            return status.lastError != message
        }
        // Every attempt is counted; only what is new is worth a line.
        if isNew { log("\(name): \(message)") }
    }
}
