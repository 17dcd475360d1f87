import GroupKeys
import NetworkTypes
import TestKit
import Testing

@testable import SUPnP

/// The attack of the mixed group: a classic server's registration is sniffed, its password guessed off-line (F2), and
/// with its keys the classic channel is read, in the hope of a hardened client's requests.
@Suite("Downgrade by mixing")
struct DowngradeByMixingTests {
    static let light = GroupWalkTests.light
    static let secret = Array("the code of the door is 4711".utf8)

    /// A hardened client asks for a service that a hardened server offers, and a classic server beside it.
    private func history(
        rule: SuiteBridge.Rule, lowest: DataPayload.LowestSuite? = nil, bridged: Bool = false,
        classicClaims claims: Bool = false
    ) throws -> (GroupWorld, phone: MemberNode, lamp: MemberNode, old: MemberNode) {
        let world = GroupWorld(seed: 11)
        world.adjustForwarder = { $0.bridge = SuiteBridge(rule) }
        world.adjustKeyManager = { $0.registrar.minimumSuite = .classic }
        world.records = true
        world.startForwarder()
        let manager = try world.startKeyManager()
        world.tell(manager, .wake)
        world.run(for: .milliseconds(50))
        world.enroll("phone", roles: .client, services: ["*"])
        world.enroll("lamp", roles: .server)
        world.enrollClassic("old", password: "swordfish", roles: .server)
        if bridged, let pattern = ServicePattern("urn:a:service:Light:*") {
            world.tell(manager, .bridge(try #require(DeviceID("old")), [pattern]))
        }
        world.run(for: .milliseconds(50))
        let lamp = world.addMember("lamp", roles: .server, offers: [ServiceOffer(Self.light)])
        lamp.answer = { _ in [1] }
        let offer = ServiceOffer(Self.light, lowestSuite: 0, admitsHardenedOverClassic: claims)
        let old = world.addMember("old", roles: .server, offers: [offer])
        old.answer = { _ in [2] }
        let phone = world.addMember("phone", roles: .client)
        world.run(for: .seconds(6))
        try #require(lamp.isMember && old.isMember && phone.isMember)
        try #require(old.events.contains(.servicesRegistered))
        world.request(phone, Self.light, Self.secret, lowestSuite: lowest)
        world.run(for: .seconds(1))
        return (world, phone, lamp, old)
    }

    /// What somebody with the record and a list of words reads on the classic channel.
    private func crack(_ datagrams: [[UInt8]]) throws -> [[UInt8]] {
        var replies: [[UInt8]: ControlMessage] = [:]
        var key: SecretBytes?
        var password: ClassicPassword?
        var keys: ClassicMemberKeys?
        var trafficKeys: [UInt16: SecretBytes] = [:]
        var read: [[UInt8]] = []
        for datagram in datagrams {
            guard let header = try? Header.decode(datagram) else { continue }
            if header.suite == .classic, header.flags.contains([.encrypted, .group]) {
                guard let traffic = trafficKeys[header.keyID] else { continue }
                let scope = ClassicScope(keyID: header.keyID, isGroupKey: true, direction: .group)
                let opened = try? ClassicOpeningKey(scope, key: traffic).open(UnverifiedClassicMessage(datagram))
                guard let body = opened?.body, case .broadcast(let broadcast)? = try? DataPayload(decoding: body) else {
                    continue
                }
                read.append(broadcast.payload)
            } else if header.suite == .classic, let rekey = ClassicRekey(Array(datagram.dropFirst(12))) {
                _ = keys?.apply(rekey)
                if let path = keys?.path { trafficKeys[path.trafficKeyID] = path.trafficKey }
            } else if let message = try? ControlMessage.decode(datagram, from: WireSizes.header),
                let device = message[.deviceID], header.suite == .classic
            {
                switch message.type {
                case .registrationReply: replies[device] = message
                case .registrationResponse:
                    guard let salt = replies[device]?[.salt], let random = replies[device]?[.random1] else { continue }
                    password = ["letmein", "hunter2", "swordfish"].lazy.compactMap { ClassicPassword($0) }.first {
                        ClassicSecrets.response(random1: random, salted: $0.salted(salt)) == message[.response]
                    }
                case .registrationDone:
                    guard let random2 = message[.random2], let sealed = message[.sealed],
                        let salt = replies[device]?[.salt], let password
                    else { continue }
                    key = ClassicSecrets.sessionKey(random2: random2, salted: password.salted(salt))
                    guard let key, let text = ClassicDoneSeal(key: key, header: header).open(sealed)?.plaintext,
                        let contents = DoneContents(decoding: text),
                        let path = ClassicPathElements.path({ contents[$0] })
                    else { continue }
                    keys = ClassicMemberKeys(path: path)
                    trafficKeys[path.trafficKeyID] = path.trafficKey
                default: continue
                }
            }
        }
        try #require(!trafficKeys.isEmpty, "the password is cracked either way: that is F2")
        return read
    }

    @Test("works where every request goes over every channel, as in the paper")
    func worksWithoutTheFix() throws {
        let (world, _, _, old) = try history(rule: .everything)
        #expect(old.requests.map(\.payload) == [Self.secret])
        #expect(try crack(world.recorded).contains(Self.secret))
    }

    @Test("fails where the client's lowest suite and the service's record decide", arguments: [false, true])
    func failsWithTheFix(claims: Bool) throws {
        let (world, phone, lamp, old) = try history(rule: .directory, classicClaims: claims)
        #expect(lamp.requests.map(\.payload) == [Self.secret])
        #expect(phone.answers == [[1]])
        #expect(old.requests.isEmpty)
        #expect(try crack(world.recorded).isEmpty)
    }

    @Test(
        "a classic server that claims hardened clients' requests gets none, unless its record admits it",
        arguments: [false, true])
    func clamped(bridged: Bool) throws {
        let (world, phone, _, old) = try history(
            rule: .directory, lowest: .classic, bridged: bridged, classicClaims: true)
        #expect(old.requests.count == (bridged ? 1 : 0))
        #expect(try crack(world.recorded) == Array(repeating: Self.secret, count: bridged ? 1 : 0))
        #expect(Set(phone.answers) == (bridged ? [[1], [2]] : [[1]]))
    }

    @Test("a bridge that is taken back lets nothing over any more, though the server says nothing new")
    func bridgeTakenBack() throws {
        let (world, phone, lamp, old) = try history(
            rule: .directory, lowest: .classic, bridged: true, classicClaims: true)
        #expect(old.requests.count == 1)
        world.tell(try #require(world.keyManager), .bridge(try #require(DeviceID("old")), []))
        world.run(for: .milliseconds(100))
        world.request(phone, Self.light, Self.secret, lowestSuite: .classic)
        world.run(for: .seconds(1))
        #expect(lamp.requests.count == 2 && old.requests.count == 1)
        #expect(try crack(world.recorded).count == 1)
    }

    @Test("a device that was struck off and is enrolled again has no bridge of before")
    func bridgeOfBefore() throws {
        var state = GroupState()
        let device = try #require(DeviceID("old"))
        state.apply([.bridged(device, [try #require(ServicePattern("*"))])])
        #expect(state.bridged[device] != nil)
        state.apply([.struckOff(device)])
        #expect(state.bridged[device] == nil)
    }

    @Test("a bridged service still gets nothing of a client that accepts hardened channels only")
    func clientDecides() throws {
        let (world, _, _, old) = try history(rule: .directory, lowest: .hardened, bridged: true, classicClaims: true)
        #expect(old.requests.isEmpty)
        #expect(try crack(world.recorded).isEmpty)
    }
}
