package import NetworkTypes

/// A machine that lives on datagrams and deadlines: what ``MachineHost`` runs on sockets.
///
/// It is a value that one event loop owns. After each ``handle(_:now:)`` its actions are taken until there are none.
package protocol DatagramMachine: ~Copyable, SendableMetatype {
    /// What comes in.
    associatedtype Input: Sendable
    /// What goes out and is no matter of the network.
    associatedtype Effect: Sendable

    /// A datagram, with where it came from, as an input.
    static func datagram(_ bytes: [UInt8], from source: SocketEndpoint) -> Input
    /// The input for a deadline that has come.
    static var wake: Input { get }

    /// Takes an input.
    mutating func handle(_ input: Input, now: ContinuousClock.Instant)
    /// The inputs that were there are handed in: all datagrams of one read, or one that was told.
    ///
    /// A machine may hold back until then what is cheaper to do for several inputs at once. Its driver calls this after
    /// every such batch, also a batch of one, and takes the actions after it too; nothing is held back for longer.
    mutating func batchEnded(now: ContinuousClock.Instant)
    /// The next thing to do; nil when all is done.
    mutating func nextAction() -> MachineAction<Effect>?
    /// Takes a datagram, as ``handle(_:now:)`` takes it as an input.
    mutating func receive(_ bytes: [UInt8], from source: SocketEndpoint, now: ContinuousClock.Instant)
    /// The next thing to do on the network, or when to wake; nil when all is done. What is to be done before it and is
    /// no matter of the network goes to `effect`.
    ///
    /// A machine through which much goes does this and ``receive(_:from:now:)`` itself: code that is generic over
    /// machines would look up their types with each datagram.
    mutating func nextNetworkAction(effect: (Effect) -> Void) -> NetworkAction?
}

extension DatagramMachine where Self: ~Copyable {
    /// Most machines hold nothing back.
    package mutating func batchEnded(now: ContinuousClock.Instant) {}

    /// As an input.
    package mutating func receive(_ bytes: [UInt8], from source: SocketEndpoint, now: ContinuousClock.Instant) {
        handle(Self.datagram(bytes, from: source), now: now)
    }

    /// Sorts what ``nextAction()`` says.
    package mutating func nextNetworkAction(effect: (Effect) -> Void) -> NetworkAction? {
        while let action = nextAction() {
            switch action {
            case .transmit(let bytes, let address): return .transmit(bytes, to: address)
            case .multicast(let bytes): return .multicast(bytes)
            case .joinMulticast(let group): return .joinMulticast(group)
            case .leaveMulticast(let group): return .leaveMulticast(group)
            case .wake(let instant): return .wake(at: instant)
            case .effect(let value): effect(value)
            }
        }
        return nil
    }
}

/// What a machine wants done.
package enum MachineAction<Effect: Sendable>: Sendable {
    /// A datagram to one host.
    case transmit([UInt8], to: SocketEndpoint)
    /// A datagram to the group's multicast address, on every link.
    case multicast([UInt8])
    /// Receive what is sent to this multicast address.
    case joinMulticast(SocketEndpoint)
    /// Receive it no longer.
    case leaveMulticast(SocketEndpoint)
    /// ``DatagramMachine/wake`` is wanted then; the earliest of several counts.
    case wake(at: ContinuousClock.Instant)
    /// Something for the machine's owner.
    case effect(Effect)
}

/// What a machine wants done by its driver alone, whatever machine it is: ``MachineAction`` without its effects.
package enum NetworkAction: Sendable {
    /// A datagram to one host.
    case transmit([UInt8], to: SocketEndpoint)
    /// A datagram to the group's multicast address, on every link.
    case multicast([UInt8])
    /// Receive what is sent to this multicast address.
    case joinMulticast(SocketEndpoint)
    /// Receive it no longer.
    case leaveMulticast(SocketEndpoint)
    /// ``DatagramMachine/wake`` is wanted then.
    case wake(at: ContinuousClock.Instant)
}
