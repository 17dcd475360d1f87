package import Crypto
package import GroupKeys

/// The key manager's signed heartbeat (BEACON, group keys specification 3.9.6).
///
///     header(C, S, B; suite of the group; keyid = low 16 bits of the epoch; nonce = low 16 bits of the counter)
///     u16 0x0013 ‖ HEIGHT ‖ EPOCH ‖ CONTROLLERS ‖ BOOTS ‖ DIRECTORY_VERSION ‖ MEMBER_COUNT ‖ CONFIRMATION ‖
///     BEACON_COUNTER ‖ REVOKED ‖ GROUP_TIME ‖ SIGNATURE, with GROUP_ID and the signer's CERTS before EPOCH
///
/// The signature is over `"supnp1 beacon" ‖ GROUP_ID ‖` the datagram up to the tag SIGNATURE.
package struct Beacon: Hashable, Sendable {
    /// The group's epoch.
    package var epoch: UInt32
    /// The tree's height.
    package var height: UInt8
    /// How many servers there are.
    package var memberCount: UInt32
    /// ``confirmation(epochSecret:counter:)`` of the epoch's secret.
    package var confirmation: [UInt8]
    /// Rises with each beacon, across key managers too.
    package var counter: UInt64
    /// The version of the service directory.
    package var directoryVersion: UInt32
    /// Seconds since the group's creation.
    package var time: UInt64
    /// The revoked serials, at most 16.
    package var revoked: [UInt32]
    /// The controllers.
    package var controllers: [ControllerEntry]
    /// The signer's certificate.
    package var certificate: [UInt8]

    /// Says all of it.
    package init(
        epoch: UInt32, height: UInt8, memberCount: UInt32, confirmation: [UInt8], counter: UInt64,
        directoryVersion: UInt32, time: UInt64, revoked: [UInt32], controllers: [ControllerEntry], certificate: [UInt8]
    ) {
        self.epoch = epoch
        self.height = height
        self.memberCount = memberCount
        self.confirmation = confirmation
        self.counter = counter
        self.directoryVersion = directoryVersion
        self.time = time
        self.revoked = revoked
        self.controllers = controllers
        self.certificate = certificate
    }

    /// `HMAC(gconf(e), "beacon" ‖ u64 counter)[0..16]`: a member sees that it has the epoch's secret, and not only its
    /// number.
    package static func confirmation(epochSecret: SecretBytes, counter: UInt64) -> [UInt8] {
        let key = ChannelKeys.groupConfirmation(epochSecret: epochSecret)
        return key.withUnsafeBytes { key in
            let text = Array("beacon".utf8) + octets(counter)
            return Array(HMAC<SHA256>.authenticationCode(for: text, using: SymmetricKey(data: key)).prefix(16))
        }
    }

    private static func prefix(_ group: GroupID) -> [UInt8] { Array("supnp1 beacon".utf8) + group.bytes }
    private static let signatureElement = 4 + 64

    /// The signed datagram; nil if the key fails, or if there is more to say than fits one. Of the controllers' addresses
    /// it has as many as fit.
    package func datagram(suite: Suite, group: GroupID, key: Curve25519.Signing.PrivateKey) -> [UInt8]? {
        var message = ControlMessage(
            .beacon,
            [
                .groupID: group.bytes, .height: [height], .epoch: Self.octets(epoch),
                .directoryVersion: Self.octets(directoryVersion), .memberCount: Self.octets(memberCount),
                .confirmation: confirmation, .beaconCounter: Self.octets(counter), .groupTime: Self.octets(time),
                .certificates: certificate, .signature: [UInt8](repeating: 0, count: 64),
            ])
        if !revoked.isEmpty { message[.revokedSerials] = revoked.prefix(16).flatMap { Self.octets($0) } }
        if !controllers.isEmpty {
            // Further addresses are left out where there is no room; members keep those of their family that they know.
            message[.controllers] = []
            message[.boots] = controllers.flatMap(\.encodedBoot)
            let room = WireSizes.defaultDatagram - WireSizes.header - message.encoded.count
            message[.controllers] = ControllerList.fitted(controllers, near: nil, room: room).flatMap(\.encoded)
        }
        let datagram = message.datagram(
            flags: [.control, .broadcast, .server], suite: suite, nonce: UInt16(truncatingIfNeeded: counter),
            keyID: UInt16(truncatingIfNeeded: epoch))
        guard datagram.count <= WireSizes.defaultDatagram else { return nil }
        let unsigned = datagram.dropLast(Self.signatureElement)
        guard let signature = try? key.signature(for: Self.prefix(group) + unsigned) else { return nil }
        return datagram.dropLast(64) + Array(signature)
    }

    /// Reads a datagram, and verifies its signature. `counter` is that of the last beacon: only a later one is read.
    /// `certificate` verifies a certificate that it carries, or knows it already. Nil for anything else.
    package init?(
        verifying datagram: [UInt8], group: GroupID, after counter: UInt64,
        certificate: (_ bytes: [UInt8], _ time: UInt64) -> ControllerCertificate?
    ) {
        guard case .clear(_, .beacon) = DatagramClass(datagram),
            let message = try? ControlMessage.decode(datagram, from: WireSizes.header),
            let parsed = Beacon(message, group: group), parsed.counter > counter,
            let signer = certificate(parsed.certificate, parsed.time),
            signer.isValid(for: .keyManager, time: parsed.time, revoked: Set(parsed.revoked)),
            let signature = message[.signature], signature.count == 64,
            signer.key.isValidSignature(
                signature, for: Self.prefix(group) + datagram.dropLast(Self.signatureElement))
        else { return nil }
        self = parsed
    }

    private init?(_ message: ControlMessage, group: GroupID) {
        guard message[.groupID] == group.bytes, message.elements.last?.tag == .signature,
            let epoch = message.integer(.epoch, as: UInt32.self), let height = message.integer(.height, as: UInt8.self),
            let count = message.integer(.memberCount, as: UInt32.self),
            let counter = message.integer(.beaconCounter, as: UInt64.self),
            let version = message.integer(.directoryVersion, as: UInt32.self),
            let time = message.integer(.groupTime, as: UInt64.self),
            let confirmation = message[.confirmation], confirmation.count == 16,
            let certificate = message[.certificates], certificate.count == UnverifiedCertificate.length,
            let revoked = Self.words(message[.revokedSerials] ?? []), revoked.count <= 16,
            let controllers = ControllerEntry.decode(message[.controllers] ?? [], boots: message[.boots] ?? [])
        else { return nil }
        self.epoch = epoch
        self.height = height
        memberCount = count
        self.counter = counter
        directoryVersion = version
        self.time = time
        self.confirmation = confirmation
        self.certificate = certificate
        self.revoked = revoked
        self.controllers = controllers
    }

    static func octets(_ value: some FixedWidthInteger) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: value)
        return bytes
    }

    private static func words(_ bytes: [UInt8]) -> [UInt32]? {
        guard bytes.count.isMultiple(of: 4) else { return nil }
        var reader = ByteReader(bytes)
        return (0..<bytes.count / 4).compactMap { _ in reader.read() }
    }
}
