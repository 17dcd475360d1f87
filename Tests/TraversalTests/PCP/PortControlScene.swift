import NetworkTypes
import TestKit

@testable import Traversal

/// A client of a router in virtual time: what it sent when, and what it said.
struct PortControlScene<Client: PortControlClient> {
    var client: Client
    var clock = VirtualClock()
    var random = SeededGenerator(seed: 5_351)
    /// Datagrams, with the milliseconds at which they were sent.
    var sent: [(at: Int, bytes: [UInt8])] = []
    var said: [PortControlOutput] = []

    init(_ client: Client) { self.client = client }

    static var router: SocketEndpoint { SocketEndpoint(.v4(IPv4Address(192, 168, 1, 1)), port: 5351) }

    private mutating func take(_ outputs: [PortControlOutput]) {
        for output in outputs {
            if case .send(let bytes) = output {
                sent.append((Int(clock.elapsed / .milliseconds(1)), bytes))
            } else {
                said.append(output)
            }
        }
    }

    mutating func add(_ target: MappingTarget, suggested: UInt16? = nil) {
        take(client.add(target, suggested: suggested ?? target.port, at: clock.now, using: &random))
    }

    mutating func receive(_ bytes: [UInt8], from source: SocketEndpoint = Self.router) {
        take(client.received(bytes, from: source, at: clock.now, using: &random))
    }

    mutating func probe() { take(client.probe(at: clock.now)) }

    mutating func releaseAll() { take(client.releaseAll(at: clock.now, using: &random)) }

    /// Lets time pass, with everything that is due on the way.
    mutating func pass(_ duration: Duration) {
        let end = clock.now + duration
        var turns = 0
        // A machine that is due again and again at one moment would never let the time pass.
        while let next = client.next, next <= end, turns < 100_000 {
            turns += 1
            clock.advance(to: next)
            take(client.timeOut(at: clock.now, using: &random))
        }
        clock.advance(to: end)
    }

    /// What was said and sent so far, forgotten.
    mutating func forget() {
        sent = []
        said = []
    }

    var seconds: [Int] { sent.map { $0.at / 1_000 } }
    var grants: [MappingGrant] {
        said.compactMap { if case .granted(let grant) = $0 { grant } else { nil } }
    }
}
