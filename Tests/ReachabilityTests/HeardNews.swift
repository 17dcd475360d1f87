import Reachability
import Traversal

extension MappingWorker {
    /// Runs until it has told of `target`, or that it does not work; what it made stays.
    func news(until target: MappingTarget) async -> [MappingNews] {
        let (news, tell) = AsyncStream.makeStream(of: MappingNews.self)
        // Unstructured, because the news are read meanwhile; it ends here.
        let running = Task { await run { tell.yield($0) } }
        var heard: [MappingNews] = []
        for await one in news {
            heard.append(one)
            switch one {
            case .granted(let grant) where grant.target == target: tell.finish()
            case .refused, .failed, .denied, .lost: tell.finish()
            default: break
            }
        }
        running.cancel()
        await running.value
        return heard
    }
}
