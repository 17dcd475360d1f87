import SUPnP

/// Does the registrar's arithmetic beside the event loop, a few at a time.
final class RegistrarPool: Sendable {
    private let works: AsyncStream<RegistrarWork>
    private let work: AsyncStream<RegistrarWork>.Continuation
    private let width: Int

    init(width: Int) {
        self.width = width
        // The registrar has 64 under way unless it is configured otherwise; a device whose work is dropped asks again.
        (works, work) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1_024))
    }

    /// Something to do, from the key manager's loop.
    func add(_ work: RegistrarWork) { self.work.yield(work) }

    /// Works until cancelled.
    func run(_ done: @escaping @Sendable (RegistrationID, RegistrarWork.Result) -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            var running = 0
            for await work in works {
                if running >= width {
                    await group.next()
                    running -= 1
                }
                group.addTask { done(work.id, work.run()) }
                running += 1
            }
        }
    }
}
