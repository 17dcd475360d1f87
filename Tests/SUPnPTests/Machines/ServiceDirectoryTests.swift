import NetworkTypes
import Testing

@testable import SUPnP

@Suite("The service directory")
struct ServiceDirectoryTests {
    private func name(_ text: String) throws -> ServiceName { try #require(ServiceName(text)) }

    @Test("a name is 1 to 128 bytes of visible ASCII")
    func names() {
        #expect(ServiceName("urn:schemas-upnp-org:service:SwitchPower:1")?.description.hasSuffix(":1") == true)
        #expect(ServiceName("") == nil)
        #expect(ServiceName("a b") == nil)
        #expect(ServiceName("ä") == nil)
        #expect(ServiceName(String(repeating: "x", count: 128)) != nil)
        #expect(ServiceName(String(repeating: "x", count: 129)) == nil)
    }

    @Test("an access list allows what a pattern matches, and nothing when it is empty")
    func accessList() throws {
        let light = try name("urn:a:service:Light:1")
        let lock = try name("urn:a:service:Lock:1")
        #expect(!AccessList().allows(light))
        let whole = AccessList([try #require(ServicePattern("urn:a:service:Light:1"))])
        #expect(whole.allows(light) && !whole.allows(lock))
        let other = try name("urn:a:service:M:1")
        let prefix = AccessList([try #require(ServicePattern("urn:a:service:L*"))])
        #expect(prefix.allows(light) && prefix.allows(lock) && !prefix.allows(other))
        #expect(ServicePattern("a*b*") == nil)
        #expect(ServicePattern("a b") == nil)
        #expect(ServicePattern("*")?.matches(lock) == true)
    }

    @Test("a list of offers has one encoding, and every other is refused")
    func offerCodec() throws {
        let offers = [ServiceOffer(try name("b"), lowestSuite: 0), ServiceOffer(try name("a"))]
        let bytes = try #require(ServiceOfferCodec.encode(offers))
        #expect(bytes == [1, 0, 1, 0x61, 0, 0, 1, 0x62])
        #expect(try ServiceOfferCodec.decode(bytes) == offers.reversed())
        #expect(throws: ServiceOfferCodec.Failure.order) {
            try ServiceOfferCodec.decode([0, 0, 1, 0x62, 1, 0, 1, 0x61])
        }
        #expect(throws: ServiceOfferCodec.Failure.order) {
            try ServiceOfferCodec.decode([1, 0, 1, 0x61, 1, 0, 1, 0x61])
        }
        #expect(throws: ServiceOfferCodec.Failure.value) { try ServiceOfferCodec.decode([2, 0, 1, 0x61]) }
        #expect(throws: ServiceOfferCodec.Failure.value) { try ServiceOfferCodec.decode([1, 2, 1, 0x61]) }
        #expect(throws: ServiceOfferCodec.Failure.value) { try ServiceOfferCodec.decode([1, 0, 0]) }
        for count in [1, 2, 3, 5, 6, 7] {
            #expect(throws: ServiceOfferCodec.Failure.truncated) {
                try ServiceOfferCodec.decode(Array(bytes.prefix(count)))
            }
        }
        #expect(ServiceOfferCodec.encode([offers[0], offers[0]]) == nil)
        let many = try (0..<33).map { ServiceOffer(try name("s\($0)")) }
        #expect(ServiceOfferCodec.encode(many) == nil)
    }

    @Test("a server's list replaces the one before; what stays keeps its entry")
    func replace() throws {
        var directory = ServiceDirectory()
        let (light, lock) = (ServiceOffer(try name("light")), ServiceOffer(try name("lock")))
        directory.replace([light, lock], of: 5, isClassic: false)
        let before = directory.offers(named: light.name)
        directory.replace([light], of: 5, isClassic: false)
        #expect(directory.offers(named: light.name) == before)
        #expect(directory.offers(named: lock.name).isEmpty)
        #expect(directory.offers(of: 5) == [light])
        let version = directory.version
        directory.replace([light], of: 5, isClassic: false)
        #expect(directory.version == version)
        directory.replace([], of: 5, isClassic: false)
        #expect(directory.count == 0)
    }

    @Test("the changes after a version bring any view up to date, in pages", arguments: [1, 2, 7])
    func pages(limit: Int) throws {
        var random = SeededGenerator(seed: UInt64(limit))
        var directory = ServiceDirectory()
        var view = DirectoryView()
        for _ in 0..<300 {
            let offers = try (0..<UInt8.random(in: 0...4, using: &random)).map { _ in
                ServiceOffer(try name("s\(Int.random(in: 0..<9, using: &random))"))
            }
            let unique = Array(Set(offers))
            directory.replace(unique, of: UInt32.random(in: 1...4, using: &random), isClassic: false)
            guard Bool.random(using: &random) else { continue }
            while view.version < directory.version {
                let page = try #require(directory.changes(after: view.version, limit: limit))
                let reached = page.count < limit ? directory.version : page[limit - 1].version
                _ = view.apply(page, upTo: reached)
            }
            let offered = (1...4).flatMap { directory.offers(of: $0).map(\.name) }
            #expect(view.services == Set(offered).sorted(), "seed \(limit)")
        }
    }

    @Test("members are told of one offer for all that are alike, and know the services all the same", arguments: 1...4)
    func told(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        var directory = ServiceDirectory()
        var view = DirectoryView()
        for round in 0..<2_500 {
            let offers = try (0..<UInt8.random(in: 0...3, using: &random)).map { _ in
                ServiceOffer(
                    try name("s\(Int.random(in: 0..<5, using: &random))"),
                    lowestSuite: UInt8.random(in: 0...1, using: &random))
            }
            let unique = Dictionary(offers.map { ($0.name, $0) }) { first, _ in first }
            let before = directory.toldVersion
            directory.replace(
                Array(unique.values), of: UInt32.random(in: 1...9, using: &random), isClassic: round % 7 == 0)
            #expect(directory.toldVersion >= before && directory.toldVersion <= directory.version)
            if Int.random(in: 0..<50, using: &random) == 0 {
                // A key manager that starts again tells the same.
                let reloaded = ServiceDirectory(
                    version: directory.version, floor: directory.floor, entries: directory.entries(since: 0))
                #expect(reloaded == directory, "seed \(seed), round \(round)")
            }
            guard Bool.random(using: &random) else { continue }
            while view.version < directory.toldVersion {
                guard let page = directory.told(after: view.version, limit: 2) else {
                    _ = view.reset()
                    continue
                }
                _ = view.apply(page, upTo: page.count < 2 ? directory.version : page[1].version)
            }
            let offered = (1...9).flatMap { directory.offers(of: $0).map(\.name) }
            #expect(view.services == Set(offered).sorted(), "seed \(seed), round \(round)")
            #expect(
                view.services.flatMap { view.offers(named: $0) }.count <= 20, "two suites, two channels, five names")
        }
    }

    @Test("a service that many servers offer is no news until the last of them goes")
    func alike() throws {
        var directory = ServiceDirectory()
        let light = ServiceOffer(try name("light"))
        directory.replace([light], of: 1, isClassic: false)
        let first = directory.toldVersion
        for server in UInt32(2)...9 { directory.replace([light], of: server, isClassic: false) }
        for server in UInt32(5)...9 { directory.replace([], of: server, isClassic: false) }
        #expect(directory.toldVersion == first && directory.version > first)
        #expect(directory.told(after: 0, limit: 99)?.count == 1)
        #expect(directory.told(after: first, limit: 99)?.isEmpty == true)
        directory.replace([], of: 1, isClassic: false)
        let news = try #require(directory.told(after: first, limit: 99))
        #expect(news.map(\.isOffered) == [true, false], "the next one stands for the others before the first one goes")
    }

    @Test("a view says which services appear with their first server and vanish with their last")
    func view() throws {
        var directory = ServiceDirectory()
        var view = DirectoryView()
        let light = ServiceOffer(try name("light"))
        func update() -> [DirectoryView.Change] {
            view.apply(directory.changes(after: view.version, limit: 99) ?? [], upTo: directory.version)
        }
        directory.replace([light], of: 1, isClassic: false)
        #expect(update() == [.appeared(light.name)])
        directory.replace([light], of: 2, isClassic: false)
        #expect(update().isEmpty)
        directory.replace([], of: 1, isClassic: false)
        #expect(update().isEmpty)
        directory.replace([], of: 2, isClassic: false)
        #expect(update() == [.vanished(light.name)])
        directory.replace([light], of: 2, isClassic: false)
        #expect(update() == [.appeared(light.name)])
        #expect(view.reset() == [.vanished(light.name)])
    }

    @Test("whoever begins at 0 comes to the end, however many withdrawals were forgotten since the oldest offers")
    func beginning() throws {
        var directory = ServiceDirectory()
        for server in UInt32(1)...60 {
            directory.replace([ServiceOffer(try name("s\(server)"))], of: server, isClassic: false)
        }
        var old = DirectoryView()
        _ = old.apply(directory.changes(after: 0, limit: 99) ?? [], upTo: directory.version)
        for _ in 0..<3_000 {
            directory.replace([ServiceOffer(try name("flapping"))], of: 99, isClassic: false)
            directory.replace([], of: 99, isClassic: false)
        }
        #expect(directory.changes(after: old.version, limit: 99) == nil)
        var view = DirectoryView()
        var pages = 0
        while view.version < directory.version {
            let page = try #require(directory.changes(after: view.version, limit: 7), "page \(pages)")
            _ = view.apply(page, upTo: page.count < 7 ? directory.version : page[6].version)
            pages += 1
        }
        #expect(view.services.count == 60)
        #expect(directory.count == 60)
    }

    @Test("takes no offers when the versions end, and withdraws all that there are")
    func lastVersion() throws {
        var directory = ServiceDirectory(version: ServiceDirectory.lastVersion - 1)
        let offer = ServiceOffer(try name("s"))
        #expect(directory.hasRoom(for: [offer], of: 1))
        directory.replace([offer], of: 1, isClassic: false)
        #expect(!directory.hasRoom(for: [offer], of: 2))
        #expect(directory.hasRoom(for: [], of: 1))
        directory.replace([], of: 1, isClassic: false)
        #expect(directory.count == 0)
    }

    @Test("keeps a bounded number of tombstones; a view older than those has to begin anew")
    func tombstones() throws {
        var directory = ServiceDirectory()
        let offer = ServiceOffer(try name("s"))
        for _ in 0...ServiceDirectory.maximumTombstones + 10 {
            directory.replace([offer], of: 1, isClassic: false)
            directory.replace([], of: 1, isClassic: false)
        }
        #expect(directory.changes(after: 1, limit: 10) == nil)
        #expect(directory.changes(after: directory.version + 1, limit: 10) == nil)
        #expect(directory.changes(after: 0, limit: 10)?.isEmpty == true)
        #expect(directory.changes(after: directory.floor, limit: 9_999)?.count == ServiceDirectory.maximumTombstones)
        #expect(directory.count == 0)
    }

    @Test("entries have one encoding without the server, cut where the datagram is full")
    func entryCodec() throws {
        var directory = ServiceDirectory()
        let long = try (0..<20).map { ServiceOffer(try name(String(repeating: "x", count: 100) + "\($0)")) }
        directory.replace(long, of: 77, isClassic: true)
        let all = try #require(directory.changes(after: 0, limit: 99))
        let (bytes, count) = DirectoryEntryCodec.encode(all)
        #expect(bytes.count <= DirectoryEntryCodec.maximumBytes && count < 20 && count >= 9)
        let decoded = try DirectoryEntryCodec.decode(bytes)
        #expect(decoded.map(\.offer) == all.prefix(count).map(\.offer))
        #expect(decoded.allSatisfy { $0.server == 0 && $0.isClassic && $0.isOffered })
        for cut in 1..<40 where cut != 0 {
            #expect(throws: DirectoryEntryCodec.Failure.self) {
                try DirectoryEntryCodec.decode(Array(bytes.prefix(cut)))
            }
        }
        #expect(throws: DirectoryEntryCodec.Failure.order) {
            try DirectoryEntryCodec.decode(Array(bytes.prefix(112)) + Array(bytes.prefix(112)))
        }
    }

    @Test("a request goes only where its client and the service's record both let it")
    func bridge() throws {
        func entry(classic: Bool, lowest: UInt8 = 1, admits: Bool = false) throws -> ServiceDirectory.Entry {
            ServiceDirectory.Entry(
                number: 1, version: 1, server: 1, isClassic: classic,
                offer: ServiceOffer(try name("s"), lowestSuite: lowest, admitsHardenedOverClassic: admits),
                isOffered: true)
        }
        let bridge = SuiteBridge(.directory)
        let both = [try entry(classic: true, admits: true), try entry(classic: false)]
        let closed = [try entry(classic: true), try entry(classic: false)]
        #expect(bridge.channels(lowestSuite: 1, clientIsClassic: false, offers: both) == [.hardened])
        #expect(bridge.channels(lowestSuite: 0, clientIsClassic: false, offers: both) == [.classic, .hardened])
        #expect(bridge.channels(lowestSuite: 0, clientIsClassic: false, offers: closed) == [.hardened])
        #expect(bridge.channels(lowestSuite: 0, clientIsClassic: true, offers: closed) == [.classic])
        let open = [try entry(classic: false, lowest: 0)]
        #expect(bridge.channels(lowestSuite: 0, clientIsClassic: true, offers: open) == [.hardened])
        #expect(bridge.channels(lowestSuite: 0, clientIsClassic: false, offers: []).isEmpty)
        let everything = SuiteBridge(.everything)
        #expect(everything.channels(lowestSuite: 1, clientIsClassic: false, offers: []) == [.classic, .hardened])
    }
}
