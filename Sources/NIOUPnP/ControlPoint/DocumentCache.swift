/// Keeps a number of documents; the one that was added first goes first.
struct DocumentCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let limit: Int
    private var values: [Key: Value] = [:]
    private var order: [Key] = []

    init(limit: Int) { self.limit = max(0, limit) }

    subscript(key: Key) -> Value? {
        get { values[key] }
        set {
            guard let newValue else {
                if values.removeValue(forKey: key) != nil { order.removeAll { $0 == key } }
                return
            }
            guard limit > 0 else { return }
            if values.updateValue(newValue, forKey: key) == nil {
                order.append(key)
                if order.count > limit { values[order.removeFirst()] = nil }
            }
        }
    }
}
