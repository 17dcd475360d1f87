import Crypto
import GroupKeys
import NetworkTypes
import Testing

@testable import SUPnP

/// `rekey-usr.json`: a whole path, sealed for one member.
struct ResyncVectors: Encodable {
    let member: UInt32
    let memberPrivate: Hexadecimal
    let managerPrivate: Hexadecimal
    let pairKey: Hexadecimal
    let body: Hexadecimal
    let plaintext: Hexadecimal

    static func made() throws -> ResyncVectors {
        let own = try Curve25519.KeyAgreement.PrivateKey(rawRepresentation: Array<UInt8>(1...32))
        let manager = try Curve25519.KeyAgreement.PrivateKey(rawRepresentation: Array<UInt8>(33...64))
        let pairKey = SecretBytes(Array<UInt8>(0x70..<0x90))
        let path = try #require(
            MemberPath(
                checking: 9, height: 3, leaf: 5, secrets: SecretBytes(Array<UInt8>(0..<128)),
                epochSecret: VectorKeys.epochSecret))
        let (share, managerShare) = (Array(own.publicKey.rawRepresentation), Array(manager.publicKey.rawRepresentation))
        let member = try #require(MemberID(0x1_0002))
        let seal = try #require(
            ResyncSeal(
                own: manager, peer: share, memberShare: share, managerShare: managerShare, pairKey: pairKey,
                member: member))
        var random = SeededGenerator(seed: 31)
        let sealed = try #require(seal.seal(PathElements.encoded(path), using: &random))
        let message = ControlMessage(.rekeyUser, [.x25519: managerShare, .sealed: sealed])
        return ResyncVectors(
            member: member.rawValue, memberPrivate: Hexadecimal(own.rawRepresentation),
            managerPrivate: Hexadecimal(manager.rawRepresentation), pairKey: Hexadecimal(pairKey.exposed),
            body: Hexadecimal(message.encoded), plaintext: Hexadecimal(PathElements.encoded(path)))
    }
}

/// `beacon.json`: a key manager's beacon.
struct BeaconVectors: Encodable {
    let groupID: Hexadecimal
    let rootKey: Hexadecimal
    let epochSecret: Hexadecimal
    let epoch: UInt32
    let members: UInt32
    let counter: Hexadecimal
    let time: UInt64
    let revoked: [UInt32]
    let controllers: Hexadecimal
    let datagram: Hexadecimal

    static func made() throws -> BeaconVectors {
        let root = try Curve25519.Signing.PrivateKey(rawRepresentation: Array<UInt8>(0x10..<0x30))
        let group = try VectorKeys.group
        let certificate = try ControllerCertificate.issue(
            try VectorKeys.controller, roles: .keyManager, notAfter: 604_800, serial: 1,
            key: try VectorKeys.signer.publicKey, group: group, root: root)
        let controllers = [
            ControllerEntry(
                id: try VectorKeys.controller, boot: try VectorKeys.boot,
                address: SocketEndpoint(.v4(IPv4Address(rawValue: 0xC000_0207)), port: 58_081))
        ]
        let counter: UInt64 = 0x0000_0002_0000_0007
        let beacon = Beacon(
            epoch: 0x1_0005, height: 3, memberCount: 7,
            confirmation: Beacon.confirmation(epochSecret: VectorKeys.epochSecret, counter: counter),
            counter: counter, directoryVersion: 12, time: 3_600, revoked: [5, 6], controllers: controllers,
            certificate: certificate.bytes)
        let datagram = try #require(
            beacon.datagram(suite: .hardenedAESGCM, group: group, key: try VectorKeys.signer))
        return BeaconVectors(
            groupID: Hexadecimal(VectorKeys.groupBytes), rootKey: Hexadecimal(root.publicKey.rawRepresentation),
            epochSecret: Hexadecimal(VectorKeys.epochSecret.exposed), epoch: beacon.epoch,
            members: beacon.memberCount, counter: Hexadecimal(counter.octets), time: beacon.time,
            revoked: beacon.revoked, controllers: Hexadecimal(controllers.flatMap(\.encoded)),
            datagram: Hexadecimal(datagram))
    }
}

/// `classic.json`: sealed bodies of suite 0.
struct ClassicChannelVectors: Encodable {
    struct Sealed: Encodable {
        let name: String
        let key: Hexadecimal
        let direction: UInt8
        let sender: UInt16
        let keyid: UInt16
        let plaintext: Hexadecimal
        let datagram: Hexadecimal
    }

    let sealed: [Sealed]

    static func made() throws -> ClassicChannelVectors {
        let cases: [(String, ClassicScope, UInt16, MessageKind)] = [
            ("to a controller", ClassicScope(keyID: 5, isGroupKey: false, direction: .toController), 5, .control),
            ("from a controller", ClassicScope(keyID: 5, isGroupKey: false, direction: .fromController), 7, .data),
            ("to the group", ClassicScope(keyID: 2, isGroupKey: true, direction: .group), 7, .data),
        ]
        var random = SeededGenerator(seed: 41)
        return ClassicChannelVectors(
            sealed: try cases.map { name, scope, sender, kind in
                let key = SecretBytes(count: 32, using: &random)
                let text = Array(name.utf8)
                let datagram = try ClassicSealingKey(scope, key: key, sender: sender, using: &random).seal(text, kind)
                return Sealed(
                    name: name, key: Hexadecimal(key.exposed), direction: scope.direction.rawValue, sender: sender,
                    keyid: scope.keyID, plaintext: Hexadecimal(text), datagram: Hexadecimal(datagram))
            })
    }
}

@Suite("Vectors of the group's messages")
struct GroupMessageVectorTests {
    @Test
    func `A resync's vectors are what this code makes`() throws {
        try VectorFile.check("rekey-usr", try ResyncVectors.made())
    }

    @Test
    func `A beacon's vectors are what this code makes`() throws {
        try VectorFile.check("beacon", try BeaconVectors.made())
    }

    @Test
    func `The classic channel's vectors are what this code makes`() throws {
        try VectorFile.check("classic", try ClassicChannelVectors.made())
    }
}
