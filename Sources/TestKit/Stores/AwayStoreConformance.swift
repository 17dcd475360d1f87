import FoundationEssentials
package import TrustCore

/// What every `AwayStore` promises. Each case takes a store that is fresh, with the default limits.
package enum AwayStoreConformance {
    /// All cases.
    package static let cases: [ConformanceCase<any AwayStore>] = [
        .init("a gateway is kept as it was saved, with its key") { store in
            var fixtures = try TrustFixtures()
            let gateway = try fixtures.pairedGateway()
            try await store.save(gateway)
            try expectEqual(try await store.gateways(), [gateway])
            try expectEqual(try await store.gateways().first?.key.rawRepresentation, gateway.key.rawRepresentation)
        },
        .init("saving again replaces, in the same place") { store in
            var first = try TrustFixtures(seed: 1)
            var second = try TrustFixtures(seed: 2)
            try await store.save(first.pairedGateway(name: "one"))
            try await store.save(second.pairedGateway(name: "two"))
            try await store.save(first.pairedGateway(name: "uno"))
            try expectEqual(try await store.gateways().map(\.name), ["uno", "two"])
        },
        .init("announced pins, name and addresses are taken over") { store in
            var fixtures = try TrustFixtures()
            let gateway = try fixtures.pairedGateway()
            try await store.save(gateway)
            let pins = [gateway.pins[1], IdentityKey().pin]
            try await store.update(gateway.id, name: nil, addresses: nil, pins: pins)
            try expectEqual(try await store.gateways().first?.pins, pins)
            try await store.update(gateway.id, name: "new", addresses: [], pins: nil)
            try expectEqual(try await store.gateways().first?.name, "new")
            try expectEqual(try await store.gateways().first?.addresses, [])
            try expectEqual(try await store.gateways().first?.pins, pins)
        },
        .init("an update without a pin, or of an unknown gateway, is refused") { store in
            var fixtures = try TrustFixtures()
            let gateway = try fixtures.pairedGateway()
            try await expectStoreError(.notFound) {
                try await store.update(gateway.id, name: "x", addresses: nil, pins: nil)
            }
            try await store.save(gateway)
            try await expectStoreError(.invalid) {
                try await store.update(gateway.id, name: nil, addresses: nil, pins: [])
            }
            try expectEqual(try await store.gateways(), [gateway])
        },
        .init("a removed gateway is gone, and may be removed twice") { store in
            var fixtures = try TrustFixtures()
            let gateway = try fixtures.pairedGateway()
            try await store.save(gateway)
            try await store.remove(gateway.id)
            try await store.remove(gateway.id)
            try expectEqual(try await store.gateways(), [])
            try expectEqual(try await store.revision(), StoreRevision(2))
        },
        .init("a secret is made once, by name") { store in
            let first = [UInt8](repeating: 1, count: 32)
            try expectEqual(try await store.secret(named: "a", orStore: first), first)
            let second = [UInt8](repeating: 2, count: 32)
            try expectEqual(try await store.secret(named: "a", orStore: second), first)
        },
        .init("changes begin with the present and tell of writes") { store in
            var changes = store.changes().makeAsyncIterator()
            try expectEqual(await changes.next(), StoreRevision(0))
            var fixtures = try TrustFixtures()
            try await store.save(fixtures.pairedGateway())
            try expectEqual(await changes.next(), StoreRevision(1))
        },
    ]
}
