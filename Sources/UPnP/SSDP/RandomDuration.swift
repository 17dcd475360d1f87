extension RandomNumberGenerator {
    /// A random time from zero up to, and not including, `limit`; nanosecond steps.
    mutating func duration(upTo limit: Duration) -> Duration {
        let nanoseconds = limit / .nanoseconds(1)
        guard nanoseconds >= 1 else { return .zero }
        return .nanoseconds(Int64.random(in: 0..<Int64(nanoseconds), using: &self))
    }
}
