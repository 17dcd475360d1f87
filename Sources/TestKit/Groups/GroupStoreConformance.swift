import GroupKeys
package import SUPnP

/// What every `GroupStore` promises. Each case takes a store that is fresh.
package enum GroupStoreConformance {
    /// A store, in several views.
    package struct Views: Sendable {
        /// The store.
        package let store: any GroupStore
        /// The same store, as another process sees it.
        package let other: any GroupStore
        /// The same store, as a process sees it that starts now.
        package let fresh: @Sendable () async throws -> any GroupStore

        /// Makes them.
        package init(
            _ store: any GroupStore, _ other: any GroupStore,
            fresh: @escaping @Sendable () async throws -> any GroupStore
        ) {
            self.store = store
            self.other = other
            self.fresh = fresh
        }

        func expect(_ state: GroupState, _ revision: UInt64, _ what: String) async throws {
            for view in [store, other, try await fresh()] {
                let found = try await view.load()
                try expectHolds(found.state == state, "\(what): the state is another one")
                try expectHolds(
                    found.revision == revision, "\(what): the revision is \(found.revision), not \(revision)")
                try expectHolds(try await view.revision() == revision, "\(what): the revision alone is another one")
            }
        }
    }

    /// The seeds of the random histories.
    package static let seeds: Range<UInt64> = 0..<12

    /// All cases.
    package static let cases: [ConformanceCase<Views>] =
        [
            .init("a fresh store has the state of a group that has just been made") { views in
                try await views.expect(GroupState(), try await views.store.load().revision, "fresh")
            },
            .init("a commit on another revision than the state's is refused, and changes nothing") { views in
                let history = try GroupHistory(seed: 100)
                var revision = try await views.store.load().revision
                for round in 0..<20 {
                    let stale = revision
                    let changes = try history.next()
                    guard let next = try await views.store.commit(changes, expectedRevision: stale) else {
                        throw BrokenPromise(description: "commit \(round) was refused")
                    }
                    try expectHolds(next > stale, "revision \(next) does not follow on \(stale)")
                    revision = next
                    let other = GroupState.changes(with: history)
                    for view in [views.store, views.other] {
                        for wrong in [stale, next + 1, UInt64(Int64.max)] {
                            try expectHolds(
                                try await view.commit(other, expectedRevision: wrong) == nil,
                                "a commit on \(wrong) at revision \(next) was taken")
                        }
                    }
                }
                try await views.expect(history.state, revision, "after refusals")
            },
            .init("a member's number is not given again, also when the last one has left and the process starts anew") {
                views in
                let device = DeviceID([0x61])
                guard let device else { return }
                let record = MemberRecord(
                    id: 0x1_0007, device: device, roles: .client, suite: .hardenedAESGCM, keyID: 3,
                    relay: SecretBytes([1]), refresh: SecretBytes([2]))
                let start = try await views.store.load().revision
                let first = try await views.store.commit([.admitted([record])], expectedRevision: start) ?? 0
                _ = try await views.other.commit([.removed([record.id])], expectedRevision: first)
                let state = try await views.fresh().load().state
                try expectHolds(state.members.isEmpty && state.nextMember == 0x1_0008, "next is \(state.nextMember)")
            },
            .init("more withdrawn offers than are remembered leave the directory exactly as it is") { views in
                try await manyWithdrawals(views)
            },
            .init("of commits at once on one revision, one is made") { views in try await race(views) },
        ]
        + seeds.map { seed in
            .init("history \(seed) is there after each commit, to everybody") { try await history(seed, $0) }
        }

    /// Commits through both views in turn, and a process that starts now and then.
    private static func history(_ seed: UInt64, _ views: Views) async throws {
        let history = try GroupHistory(seed: seed)
        var revision = try await views.store.load().revision
        for round in 0..<60 {
            let what = "seed \(seed), commit \(round)"
            let changes = try history.next() + (round.isMultiple(of: 7) ? history.next() : [])
            let view = Bool.random(using: &history.random) ? views.store : views.other
            guard let next = try await view.commit(changes, expectedRevision: revision) else {
                throw BrokenPromise(description: "\(what): refused at revision \(revision)")
            }
            revision = next
            if round.isMultiple(of: 5) { try await views.expect(history.state, revision, what) }
        }
        try await views.expect(history.state, revision, "seed \(seed), at the end")
    }

    private static func manyWithdrawals(_ views: Views) async throws {
        var state = GroupState()
        var revision = try await views.store.load().revision
        func commit(_ changes: [StateChange]) async throws {
            guard let next = try await views.store.commit(changes, expectedRevision: revision) else {
                throw BrokenPromise(description: "refused at revision \(revision)")
            }
            state.apply(changes)
            revision = next
        }
        var records: [MemberRecord] = []
        for number in 0..<40 as Range<UInt32> {
            guard let device = DeviceID("d\(number)") else { continue }
            records.append(
                MemberRecord(
                    id: 0x1_0000 + number, device: device, roles: .server, suite: .hardenedAESGCM, keyID: 1,
                    relay: SecretBytes([1]), refresh: SecretBytes([2])))
        }
        try await commit([.admitted(records)])
        let names = (0..<32).compactMap { ServiceName("urn:s:\($0)") }
        for round in 0..<5 {
            for record in records {
                let offers = names.enumerated().filter { ($0.offset + round) % 3 > 0 }.map { ServiceOffer($0.element) }
                try await commit([.offered(record.id, offers)])
            }
        }
        try expectHolds(state.directory.floor > 0, "no withdrawal was forgotten")
        try await commit([.removed(records.prefix(39).map(\.id))])
        try await views.expect(state, revision, "after the withdrawals")
    }

    private static func race(_ views: Views) async throws {
        var revision = try await views.store.load().revision
        for term in 1...20 as ClosedRange<UInt32> {
            let expected = revision
            let boots = try (0..<4).map { index in
                guard let boot = BootID([UInt8](repeating: UInt8(index), count: 16)) else {
                    throw BrokenPromise(description: "16 bytes are a boot id")
                }
                return boot
            }
            let winners = try await withThrowingTaskGroup(
                of: (UInt64, BootID)?.self, returning: [(UInt64, BootID)].self
            ) { group in
                for (index, boot) in boots.enumerated() {
                    let view = index.isMultiple(of: 2) ? views.store : views.other
                    group.addTask {
                        try await view.commit(
                            [.led(Leadership(term: term, boot: boot))], expectedRevision: expected
                        ).map { ($0, boot) }
                    }
                }
                var winners: [(UInt64, BootID)] = []
                for try await case let winner? in group { winners.append(winner) }
                return winners
            }
            try expectEqual(winners.count, 1)
            revision = winners[0].0
            let found = try await views.other.load()
            try expectEqual(found.state.leadership, Leadership(term: term, boot: winners[0].1))
            try expectEqual(found.revision, revision)
        }
    }
}

extension GroupState {
    /// A change that would be seen if it were made.
    fileprivate static func changes(with history: GroupHistory) -> [StateChange] {
        [.led(Leadership(term: 0xDEAD, boot: BootID(using: &history.random)))]
    }
}
