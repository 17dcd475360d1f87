import TrustCore

extension GatewayStoreConformance {
    static let remoteAccessCases: [ConformanceCase<Views>] = [
        .init("a Remote Access document is empty at revision 0, and what replaces it is seen by others") { views in
            for name in RemoteAccessDocumentName.allCases {
                try expectEqual(try await views.store.remoteAccessDocument(name), .none)
            }
            let stored = try await views.store.replaceRemoteAccessDocument(.filters, with: [1, 2], expecting: 0)
            try expectEqual(stored, StoredDocument(revision: 1, bytes: [1, 2]))
            try expectEqual(try await views.other.remoteAccessDocument(.filters), stored)
            try expectEqual(try await views.other.remoteAccessDocument(.dynamicDNS), .none)
        },
        .init("a replacement on an outdated revision is a conflict, a large one is refused, and neither is stored") {
            views in
            let first = try await views.store.replaceRemoteAccessDocument(.dynamicDNS, with: [1], expecting: 0)
            try await expectStoreError(.conflict) {
                _ = try await views.other.replaceRemoteAccessDocument(.dynamicDNS, with: [2], expecting: 0)
            }
            let large = [UInt8](repeating: 0, count: RemoteAccessDocumentName.maximumBytes + 1)
            try await expectStoreError(.full) {
                _ = try await views.other.replaceRemoteAccessDocument(.dynamicDNS, with: large, expecting: 1)
            }
            try expectEqual(try await views.store.remoteAccessDocument(.dynamicDNS), first)
        },
    ]
}
