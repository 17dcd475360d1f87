package import NetworkTypes
package import SUPnP

extension KeyManager: DatagramMachine {
    /// What a key manager wants of others than the network.
    package enum Effect: Sendable {
        /// Changes to make durable (``KeyManager/Output/commit(_:expectedRevision:)``).
        case commit([StateChange], expectedRevision: UInt64)
        /// The state is to be read again.
        case reread
        /// Arithmetic to do elsewhere.
        case work(RegistrarWork)
        /// What the forwarders are told.
        case forwarder(NumberedForwarderEvent)
        /// Something for the log.
        case event(KeyManagerEvent)
    }

    /// A datagram as an input.
    package static func datagram(_ bytes: [UInt8], from source: SocketEndpoint) -> Input {
        .datagram(bytes, from: source)
    }

    /// The deadline's input.
    package static var wake: Input { .wake }

    /// The next output, sorted by who does it.
    package mutating func nextAction() -> MachineAction<Effect>? {
        switch nextOutput() {
        case .transmit(let bytes, let address): .transmit(bytes, to: address)
        case .multicast(let bytes): .multicast(bytes)
        case .commit(let changes, let revision): .effect(.commit(changes, expectedRevision: revision))
        case .reread: .effect(.reread)
        case .work(let work): .effect(.work(work))
        case .forwarder(let event): .effect(.forwarder(event))
        case .wake(let instant): .wake(at: instant)
        case .event(let event): .effect(.event(event))
        case nil: nil
        }
    }
}

extension Forwarder: DatagramMachine {
    /// What a forwarder wants of others than the network.
    package enum Effect: Sendable {
        /// A registration's datagram for the key manager, with where it came from.
        case relay([UInt8], from: SocketEndpoint)
        /// The key manager is to send a snapshot.
        case needsSnapshot
    }

    /// A datagram as an input.
    package static func datagram(_ bytes: [UInt8], from source: SocketEndpoint) -> Input {
        .datagram(bytes, from: source)
    }

    /// The deadline's input.
    package static var wake: Input { .wake }

    /// The next output, sorted by who does it.
    package mutating func nextAction() -> MachineAction<Effect>? {
        switch nextOutput() {
        case .transmit(let bytes, let address): .transmit(bytes, to: address)
        case .multicast(let bytes): .multicast(bytes)
        case .relay(let bytes, let source): .effect(.relay(bytes, from: source))
        case .needsSnapshot: .effect(.needsSnapshot)
        case .wake(let instant): .wake(at: instant)
        case nil: nil
        }
    }

    /// A datagram, without the way through an input.
    package mutating func receive(_ bytes: [UInt8], from source: SocketEndpoint, now: ContinuousClock.Instant) {
        handle(.datagram(bytes, from: source), now: now)
    }

    /// The next output of the network.
    package mutating func nextNetworkAction(effect: (Effect) -> Void) -> NetworkAction? {
        while let output = nextOutput() {
            switch output {
            case .transmit(let bytes, let address): return .transmit(bytes, to: address)
            case .multicast(let bytes): return .multicast(bytes)
            case .relay(let bytes, let source): effect(.relay(bytes, from: source))
            case .needsSnapshot: effect(.needsSnapshot)
            case .wake(let instant): return .wake(at: instant)
            }
        }
        return nil
    }
}

extension Member: DatagramMachine {
    /// What a member wants of others than the network.
    package enum Effect: Sendable {
        /// Stretching of the code to do elsewhere.
        case derive(PasswordDerivationWork)
        /// What is to be stored in the place of what is; nil: erased.
        case keep(KeptMember?, number: UInt64)
        /// Something for the application.
        case event(MemberEvent)
    }

    /// A datagram as an input.
    package static func datagram(_ bytes: [UInt8], from source: SocketEndpoint) -> Input {
        .datagram(bytes, from: source)
    }

    /// The deadline's input.
    package static var wake: Input { .wake }

    /// The next output, sorted by who does it.
    package mutating func nextAction() -> MachineAction<Effect>? {
        switch nextOutput() {
        case .transmit(let bytes, let address): .transmit(bytes, to: address)
        case .derive(let work): .effect(.derive(work))
        case .joinMulticast(let group): .joinMulticast(group)
        case .leaveMulticast(let group): .leaveMulticast(group)
        case .keep(let state, let number): .effect(.keep(state, number: number))
        case .wake(let instant): .wake(at: instant)
        case .event(let event): .effect(.event(event))
        case nil: nil
        }
    }
}
