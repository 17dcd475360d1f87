/// What an engine has to do, in order.
struct OutputQueue<Output> {
    private var items: [Output] = []
    private var taken = 0

    init() {}

    /// Adds something to do.
    mutating func append(_ output: Output) { items.append(output) }

    /// The next thing to do.
    mutating func next() -> Output? {
        guard taken < items.count else {
            items.removeAll(keepingCapacity: true)
            taken = 0
            return nil
        }
        defer { taken += 1 }
        return items[taken]
    }

    /// Everything that is left is not done.
    mutating func discard() {
        items.removeAll()
        taken = 0
    }
}
