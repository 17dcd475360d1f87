import FoundationEssentials
package import TrustCore

/// What every `GatewayStore` promises. Each case takes a store that is fresh, with the default limits.
package enum GatewayStoreConformance {
    /// A store, or two views of the same one.
    package struct Views: Sendable {
        /// The store.
        package let store: any GatewayStore
        /// The same store, as another process sees it.
        package let other: any GatewayStore

        /// Makes a pair.
        package init(_ store: any GatewayStore, _ other: any GatewayStore) {
            self.store = store
            self.other = other
        }
    }

    /// All cases.
    package static let cases: [ConformanceCase<Views>] =
        identityCases + pairingCases + rightsCases + deviceCases + remoteAccessCases

    private static let now = TrustFixtures.now

    private static let identityCases: [ConformanceCase<Views>] = [
        .init("a fresh store is empty and at revision 0") { views in
            try expectHolds(try await views.store.identity() == nil)
            try expectEqual(try await views.store.ledger(), TrustLedger())
            try expectEqual(try await views.store.revision(), StoreRevision(0))
        },
        .init("the first identity stays, whoever comes second") { views in
            let first = try TrustFixtures(seed: 1).gateway
            let second = try TrustFixtures(seed: 2).gateway
            let stored = try await views.store.establish(first)
            try expectEqual(stored.identity.pins, first.pins)
            try expectEqual(try await views.other.establish(second).identity.pins, first.pins)
            let read = try await views.other.identity()
            try expectEqual(read?.identity.pins, first.pins)
            try expectEqual(read?.identity.name, first.name)
            try expectEqual(read?.identity.authority.certificate, first.authority.certificate)
            try expectEqual(read?.identity.authority.key, first.authority.key)
            try expectEqual(read?.revision, stored.revision)
        },
        .init("a rotation is stored, and one on an outdated identity is a conflict") { views in
            var identity = try TrustFixtures().gateway
            let stored = try await views.store.establish(identity)
            let nextPin = identity.nextServerKey.pin
            identity.rotateServerKey()
            let rotated = try await views.store.replace(identity, expecting: stored.revision)
            try expectEqual(rotated.identity.currentServerKey.pin, nextPin)
            try await expectStoreError(.conflict) {
                _ = try await views.other.replace(identity, expecting: stored.revision)
            }
            try expectEqual(try await views.other.identity()?.identity.pins, identity.pins)
        },
        .init("a rotation without an identity is a conflict") { views in
            let identity = try TrustFixtures().gateway
            try await expectStoreError(.conflict) {
                _ = try await views.store.replace(identity, expecting: StoreRevision(0))
            }
        },
        .init("a secret is made once, by name") { views in
            let first = [UInt8](repeating: 1, count: 64)
            try expectEqual(try await views.store.secret(named: "a", orStore: first), first)
            let second = [UInt8](repeating: 2, count: 64)
            try expectEqual(try await views.other.secret(named: "a", orStore: second), first)
            try expectEqual(try await views.other.secret(named: "b", orStore: second), second)
            try await expectStoreError(.invalid) {
                _ = try await views.store.secret(named: "c", orStore: [1, 2, 3])
            }
        },
    ]

    private static let deviceCases: [ConformanceCase<Views>] = [
        .init("a device's newer sighting replaces the older one, never the reverse") { views in
            let new = DeviceSighting(udn: "uuid:a", name: "Lamp", deviceType: "urn:x", lastSeen: now)
            let old = DeviceSighting(udn: "uuid:a", name: "Old", deviceType: "urn:x", lastSeen: now - 60)
            try await views.store.record([old])
            try await views.store.record([new])
            try await views.store.record([old])
            try expectEqual(try await views.other.devices(), [new])
        },
        .init("only the devices seen last are kept") { views in
            let limit = StoreLimits().devices
            let all = (0..<limit + 50).map { index in
                DeviceSighting(
                    udn: "uuid:\(index)", name: "n", deviceType: "t", lastSeen: now + TimeInterval(index)
                )
            }
            try await views.store.record(all)
            let kept = try await views.store.devices()
            try expectEqual(Set(kept.map(\.udn)), Set(all.suffix(limit).map(\.udn)))
        },
        .init("devices do not move the revision") { views in
            try await views.store.record([DeviceSighting(udn: "u", name: "", deviceType: "", lastSeen: now)])
            try expectEqual(try await views.store.revision(), StoreRevision(0))
        },
        .init("changes begin with the present and tell of another process's writes") { views in
            var changes = views.store.changes().makeAsyncIterator()
            try expectEqual(await changes.next(), StoreRevision(0))
            var fixtures = try TrustFixtures()
            _ = try await fixtures.pair("phone", in: views.other)
            let target = try await views.other.revision()
            var seen = StoreRevision(0)
            while seen < target, let next = await changes.next() { seen = next }
            try expectEqual(seen, target)
        },
    ]
}
