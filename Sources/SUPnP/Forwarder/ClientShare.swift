/// What a client has in a ``RequestBook``, and how much it may have.
///
/// Of each kind, what is open and what is known, a client may have a sixteenth of what is free at the time. While the
/// book is nearly empty that is more than its rate lets it have. The fuller it is, the less may each have: `n` clients
/// that take all they get come to rest at `1 / (16 + n)` of the whole each, with as much free for the next. It needs no
/// count of clients, gives nothing up, and a client that has nothing gets a place as long as there is one.
struct ClientShare: Sendable {
    /// Requests that are not over.
    var open = 0
    /// Those, and those that are remembered.
    var known = 0

    /// Whether a client that has so many may have another when so many are free.
    static func allows(_ count: Int, free: Int) -> Bool { count < (free + 15) / 16 }
}
