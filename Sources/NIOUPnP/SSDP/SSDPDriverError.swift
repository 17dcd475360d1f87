/// Why discovery cannot work on an interface.
public enum SSDPDriverError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No interface has that name.
    case noSuchInterface(String, known: [String])
    /// The interface has no MULTICAST flag, as loopback and most point-to-point links.
    case noMulticast(interface: String)
    /// `run()` was called twice.
    case alreadyRunning

    /// What happened and what to do.
    public var description: String {
        switch self {
        case .noSuchInterface(let name, let known):
            "no network interface is called '\(name)'; there are: \(known.joined(separator: ", "))"
        case .noMulticast(let interface):
            """
            interface '\(interface)' carries no multicast, so no device can be discovered or announced there; \
            name an Ethernet, Wi-Fi or bridge interface
            """
        case .alreadyRunning:
            "run() is already under way; make another object for another run"
        }
    }
}
