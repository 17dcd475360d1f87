/// Values under consecutive numbers, of which mostly the oldest goes first: a number leads to its value without hashing.
///
/// A place that is given up amid others stays until those before it are given up, so ``span`` is what its owner bounds.
struct NumberedRing<Value: Sendable>: Sendable {
    /// As many places as a power of two.
    private var places: [Value?] = []
    private var head = 0
    /// The place number of the oldest value, counted from the first that was ever added.
    private(set) var first: UInt64 = 0
    /// How many places there are from the oldest value to the newest.
    private(set) var span = 0

    /// The value of a number; nil for what is not there.
    subscript(number: UInt64) -> Value? { place(number).flatMap { places[$0] } }

    /// Changes a value where it lies: a copy of it would copy all that it holds. Nil for what is not there.
    @discardableResult
    mutating func update<Result>(_ number: UInt64, _ body: (inout Value?) -> Result?) -> Result? {
        guard let place = place(number) else { return nil }
        return body(&places[place])
    }

    /// Adds a value under the number after the newest's, `first + span`.
    mutating func append(_ value: Value) {
        if span == places.count { grow() }
        places[(head + span) & (places.count - 1)] = value
        span += 1
    }

    /// Gives a value up.
    mutating func remove(_ number: UInt64) -> Value? {
        guard let place = place(number), let value = places[place] else { return nil }
        places[place] = nil
        while span > 0, places[head] == nil {
            head = (head + 1) & (places.count - 1)
            first += 1
            span -= 1
        }
        return value
    }

    /// Calls `body` for each value, in the order of the numbers.
    func forEach(_ body: (UInt64, Value) -> Void) {
        for offset in 0..<span {
            if let value = places[(head + offset) & (places.count - 1)] { body(first + UInt64(offset), value) }
        }
    }

    private func place(_ number: UInt64) -> Int? {
        guard number >= first, number - first < UInt64(span) else { return nil }
        return (head + Int(number - first)) & (places.count - 1)
    }

    private mutating func grow() {
        var wider: [Value?] = []
        wider.reserveCapacity(max(64, places.count * 2))
        for offset in 0..<span { wider.append(places[(head + offset) & (places.count - 1)]) }
        while wider.count < max(64, places.count * 2) { wider.append(nil) }
        places = wider
        head = 0
    }
}
