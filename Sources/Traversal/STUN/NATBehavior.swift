package import NetworkTypes

/// How a NAT treats UDP, as far as it can be seen from inside (RFC 4787, RFC 5780). A hint that helps to explain: paths are
/// tried whatever it says.
package struct NATBehavior: Hashable, Sendable {
    /// Which outside port a socket gets for different peers.
    package enum Mapping: String, Hashable, Sendable, CaseIterable {
        /// The outside address is the own one.
        case none
        /// The same for all: hole punching works.
        case endpointIndependent = "endpoint-independent"
        /// Another for each peer's address.
        case addressDependent = "address-dependent"
        /// Another for each peer's address and port ("symmetric").
        case addressAndPortDependent = "address-and-port-dependent"
    }

    /// From whom something comes in.
    package enum Filtering: String, Hashable, Sendable, CaseIterable {
        /// From everybody, once the socket has sent something.
        case endpointIndependent = "endpoint-independent"
        /// From addresses that were sent to.
        case addressDependent = "address-dependent"
        /// From addresses and ports that were sent to.
        case addressAndPortDependent = "address-and-port-dependent"
    }

    /// Nil where the server could not be asked.
    package var mapping: Mapping?
    package var filtering: Filtering?
    /// What the server says that it saw.
    package var outside: SocketEndpoint?
    /// Who was asked: what is known here is its word alone, and nothing proves it.
    package var server: SocketEndpoint?

    /// Nothing is known but what is given.
    package init(
        mapping: Mapping? = nil, filtering: Filtering? = nil, outside: SocketEndpoint? = nil,
        server: SocketEndpoint? = nil
    ) {
        self.mapping = mapping
        self.filtering = filtering
        self.outside = outside
        self.server = server
    }
}

/// Finds out a NAT's behaviour with a server that has two addresses and two ports (RFC 5780 §4.3, §4.4); one that has not
/// says so by its first answer, and tells the outside address alone.
///
///     one test at a time:  I ─▶ filtering: both changed ─▶ filtering: port changed ─▶ mapping II ─▶ mapping III ─▶ done
///
/// Filtering comes first, because the tests of the mapping open the way that it is about.
///
/// The driver sends what ``next`` says from one and the same socket, and calls ``answered(_:)`` or ``silent()``.
package struct NATBehaviorProbe: Sendable {
    /// A binding request to be sent.
    package struct Test: Hashable, Sendable {
        /// Where to.
        package let server: SocketEndpoint
        /// CHANGE-REQUEST: from which address and port the answer is wanted.
        package var changesAddress = false
        package var changesPort = false

        /// Adds what the server has to know.
        package func apply(to request: inout STUNMessage) {
            guard changesAddress || changesPort else { return }
            request.append(.changeRequest, [0, 0, 0, (changesAddress ? 4 : 0) | (changesPort ? 2 : 0)])
        }
    }

    private enum Stage: Sendable { case first, filteringBoth, filteringPort, second, third, done }

    private let server: SocketEndpoint
    private let own: SocketEndpoint
    private var other: SocketEndpoint?
    private var second: SocketEndpoint?
    private var stage = Stage.first
    /// What is known so far.
    package private(set) var behavior: NATBehavior

    /// - Parameter own: The address and port of the socket as its host sees them.
    package init(server: SocketEndpoint, own: SocketEndpoint) {
        self.server = server
        self.own = own
        behavior = NATBehavior(server: server)
    }

    /// The test to make now; nil when there is nothing more to find out.
    package var next: Test? {
        guard stage != .first else { return Test(server: server) }
        guard let other else { return nil }
        return switch stage {
        case .first, .done: nil
        case .filteringBoth: Test(server: server, changesAddress: true, changesPort: true)
        case .filteringPort: Test(server: server, changesPort: true)
        case .second: Test(server: SocketEndpoint(other.address, port: server.port))
        case .third: Test(server: other)
        }
    }

    /// The server has answered the present test.
    package mutating func answered(_ response: STUNMessage) {
        let mapped = response.mappedAddress
        switch stage {
        case .first:
            behavior.outside = mapped
            other = response.address(.otherAddress).flatMap { mayAsk($0) ? $0 : nil }
            if mapped == own { behavior.mapping = NATBehavior.Mapping.none }
            stage = other == nil ? .done : .filteringBoth
        case .filteringBoth: filters(.endpointIndependent)
        case .filteringPort: filters(.addressDependent)
        case .second:
            second = mapped
            if mapped == behavior.outside { behavior.mapping = .endpointIndependent }
            stage = behavior.mapping == nil ? .third : .done
        case .third:
            behavior.mapping = mapped == second ? .addressDependent : .addressAndPortDependent
            stage = .done
        case .done: break
        }
    }

    /// Nothing came in the time of a transaction.
    package mutating func silent() {
        switch stage {
        case .filteringBoth: stage = .filteringPort
        case .filteringPort: filters(.addressAndPortDependent)
        // The server is out of reach, or its other address is: what is not known stays unknown.
        case .first, .second, .third, .done: stage = .done
        }
    }

    /// Whether the other address that the server names is asked: a server of the internet, which may lie, sends nobody into a
    /// network, and to no port of a system's own.
    private func mayAsk(_ other: SocketEndpoint) -> Bool {
        guard other.address != server.address else { return false }
        return switch ICEReach(ofCandidate: other) {
        case .open: true
        case .sameNetworkOnly: ICEReach(of: server.address) == .sameNetworkOnly
        case .never: false
        }
    }

    private mutating func filters(_ filtering: NATBehavior.Filtering) {
        behavior.filtering = filtering
        stage = behavior.mapping == nil ? .second : .done
    }
}
