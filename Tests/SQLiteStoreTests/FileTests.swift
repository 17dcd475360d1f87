import Foundation
import GRDB
import NetworkTypes
import SQLiteStore
import TestKit
import Testing
import TrustCore

private let now = TrustFixtures.now

@Suite("The state's files")
struct FileTests {
    private func filled() async throws -> (TemporaryFolder, TrustFixtures) {
        let folder = try TemporaryFolder()
        var fixtures = try TrustFixtures()
        let store = try SQLiteGatewayStore(folder: folder.path)
        _ = try await store.establish(fixtures.gateway)
        for index in 0..<5 { _ = try await fixtures.pair("client \(index)", in: store) }
        try store.close()
        // So that the database's own file holds everything and can be damaged.
        let queue = try DatabaseQueue(path: folder.file("gateway.sqlite"))
        _ = try await queue.writeWithoutTransaction { try $0.checkpoint(.truncate) }
        try queue.close()
        return (folder, fixtures)
    }

    private func openingFails(_ folder: TemporaryFolder) -> StoreError? {
        do {
            try SQLiteGatewayStore(folder: folder.path).close()
        } catch let error as StoreError {
            return error
        } catch {
            Issue.record("\(error) is no StoreError")
        }
        return nil
    }

    @Test func `folder and files are private, SQLite's own too`() async throws {
        let parent = try TemporaryFolder()
        let path = parent.file("state")
        let store = try SQLiteGatewayStore(folder: path)
        _ = try await store.secret(named: "x", orStore: [UInt8](repeating: 1, count: 32))
        #expect(try parent.mode("state") == 0o700)
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        #expect(Set(names) == ["gateway.sqlite", "gateway.sqlite-wal", "gateway.sqlite-shm", "seal.key", "store.lock"])
        for name in names { #expect(try parent.mode("state/" + name) == 0o600, "\(name)") }
        try store.close()
    }

    @Test func `a database that others may read is narrowed`() async throws {
        let (folder, _) = try await filled()
        let path = folder.file("gateway.sqlite")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        try SQLiteGatewayStore(folder: folder.path).close()
        #expect(try folder.mode("gateway.sqlite") == 0o600)
    }

    @Test func `a folder that others may write to, or that is none, is refused`() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder.path)
        let error = try #require(openingFails(folder))
        #expect(error.code == .unavailable)
        #expect(error.message.contains("chmod 700"))
        try folder.write(Data(), to: "file")
        #expect(throws: StoreError.self) { try SQLiteGatewayStore(folder: folder.file("file")) }
        #expect(throws: StoreError.self) { try SQLiteGatewayStore(folder: folder.file("no/such/parent")) }
        #expect(throws: StoreError.self) { try SQLiteGatewayStore(folder: "") }
    }

    @Test func `a database that is a link elsewhere is refused`() throws {
        let folder = try TemporaryFolder()
        let target = try TemporaryFolder()
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("gateway.sqlite"), withDestinationPath: target.file("victim")
        )
        #expect(openingFails(folder)?.code == .unavailable)
        #expect(!FileManager.default.fileExists(atPath: target.file("victim")))
    }

    @Test func `a file that is no database is refused and left as it is`() throws {
        let folder = try TemporaryFolder()
        let text = Data(String(repeating: "important notes\n", count: 100).utf8)
        try folder.write(text, to: "gateway.sqlite")
        #expect(openingFails(folder)?.code == .damaged)
        #expect(try folder.contents("gateway.sqlite") == text)
        #expect(!FileManager.default.fileExists(atPath: folder.file("seal.key")))
    }

    @Test func `another program's database is refused and left as it is`() async throws {
        let folder = try TemporaryFolder()
        let queue = try DatabaseQueue(path: folder.file("gateway.sqlite"))
        try await queue.write { try $0.execute(sql: "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)") }
        try queue.close()
        let before = try folder.contents("gateway.sqlite")
        let error = try #require(openingFails(folder))
        #expect(error.code == .damaged)
        #expect(error.message.contains("another program"))
        #expect(try folder.contents("gateway.sqlite") == before)
    }

    @Test func `a newer version's database is refused and left as it is`() async throws {
        let (folder, _) = try await filled()
        let queue = try DatabaseQueue(path: folder.file("gateway.sqlite"))
        try await queue.write { database in
            try database.execute(sql: "INSERT INTO grdb_migrations VALUES ('gateway-99')")
        }
        try queue.close()
        let before = try folder.contents("gateway.sqlite")
        let error = try #require(openingFails(folder))
        #expect(error.code == .newerVersion)
        #expect(error.message.contains("update this program"))
        #expect(try folder.contents("gateway.sqlite") == before)
    }

    @Test func `a truncated database is refused`() async throws {
        let (folder, _) = try await filled()
        let whole = try folder.contents("gateway.sqlite")
        for length in [1, 50, 100, 4096, whole.count / 2, whole.count - 4096] {
            let copy = try folder.copy()
            try copy.write(whole.prefix(length), to: "gateway.sqlite")
            #expect(openingFails(copy)?.code == .damaged, "cut to \(length)")
            #expect(try copy.contents("gateway.sqlite") == whole.prefix(length), "cut to \(length)")
        }
    }

    @Test func `a damaged database gives an error or correct rows, and never stops the program`() async throws {
        let (folder, _) = try await filled()
        let whole = try folder.contents("gateway.sqlite")
        var refused = 0
        for seed in 0..<60 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let copy = try folder.copy()
            var damaged = whole
            for _ in 0..<Int.random(in: 1...200, using: &random) {
                damaged[Int.random(in: 0..<whole.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            try copy.write(damaged, to: "gateway.sqlite")
            do {
                let store = try SQLiteGatewayStore(folder: copy.path)
                defer { try? store.close() }
                _ = try await store.ledger()
                _ = try await store.identity()
                _ = try await store.devices()
            } catch let error as StoreError {
                refused += 1
                #expect([.damaged, .newerVersion, .unavailable].contains(error.code), "seed \(seed): \(error)")
            }
        }
        #expect(refused > 30)
    }

    @Test func `without its key file the state is refused and no new key is made`() async throws {
        let (folder, _) = try await filled()
        try FileManager.default.removeItem(atPath: folder.file("seal.key"))
        let error = try #require(openingFails(folder))
        #expect(error.code == .damaged)
        #expect(error.message.contains("restore it from a backup"))
        #expect(!FileManager.default.fileExists(atPath: folder.file("seal.key")))
    }

    @Test func `with another state's key file the secrets are refused`() async throws {
        let (folder, _) = try await filled()
        let (other, _) = try await filled()
        try folder.write(try other.contents("seal.key"), to: "seal.key")
        let store = try SQLiteGatewayStore(folder: folder.path)
        await #expect(throws: StoreError.self) { try await store.identity() }
        try store.close()
        try folder.write(Data([1, 2, 3]), to: "seal.key")
        #expect(openingFails(folder)?.code == .damaged)
    }

    @Test func `no secret stands in the database's files`() async throws {
        let folder = try TemporaryFolder()
        var fixtures = try TrustFixtures()
        let store = try SQLiteGatewayStore(folder: folder.path)
        _ = try await store.establish(fixtures.gateway)
        let order = fixtures.draft("phone")
        _ = try await store.addPairing(
            order.draft, id: order.id, newSubject: fixtures.subjectID(), now: now, expiresAt: now + 600
        )
        let token: [UInt8] = fixtures.random.bytes(64)
        _ = try await store.secret(named: "token key", orStore: token)
        let files = try folder.contents("gateway.sqlite") + folder.contents("gateway.sqlite-wal")
        let secrets = [
            fixtures.gateway.authority.key.rawRepresentation, fixtures.gateway.currentServerKey.rawRepresentation,
            fixtures.gateway.nextServerKey.rawRepresentation, order.draft.key.bytes, token,
        ]
        for secret in secrets { #expect(files.range(of: Data(secret)) == nil) }
        // The search does find what is not sealed.
        #expect(files.range(of: Data(order.id.bytes)) != nil)
        try store.close()
    }

    @Test func `a client's key is not in the database's files`() async throws {
        let folder = try TemporaryFolder()
        var fixtures = try TrustFixtures()
        let store = try SQLiteAwayStore(folder: folder.path)
        let gateway = try fixtures.pairedGateway()
        try await store.save(gateway)
        let files = try folder.contents("away.sqlite") + folder.contents("away.sqlite-wal")
        #expect(files.range(of: Data(gateway.key.rawRepresentation)) == nil)
        try store.close()
    }

    @Test func `gateway and away client can share a folder and its key`() async throws {
        let (folder, _) = try await filled()
        var fixtures = try TrustFixtures(seed: 5)
        let away = try SQLiteAwayStore(folder: folder.path)
        try await away.save(fixtures.pairedGateway())
        try away.close()
        let store = try SQLiteGatewayStore(folder: folder.path)
        #expect(try await store.identity() != nil)
        try store.close()
        #expect(SQLiteGatewayStore.exists(in: folder.path))
        #expect(SQLiteAwayStore.exists(in: folder.path))
        #expect(!SQLiteAwayStore.exists(in: folder.file("nowhere")))
    }

    @Test func `a closed store ends its watchers`() async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteGatewayStore(folder: folder.path)
        var changes = store.changes().makeAsyncIterator()
        #expect(await changes.next() == StoreRevision(0))
        try store.close()
        #expect(await changes.next() == nil)
    }
}
