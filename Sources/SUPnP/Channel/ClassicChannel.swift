package import GroupKeys

/// Which way a classic message goes: the first octet of its IV (specification 3.5).
package enum ClassicDirection: UInt8, CaseIterable, Hashable, Sendable {
    /// To a controller.
    case toController = 0
    /// From a controller to one member.
    case fromController = 1
    /// From a forwarder to the group.
    case group = 2
}

/// What both ends of a classic key know: it stands in the header and in the IV of each message.
package struct ClassicScope: Hashable, Sendable {
    /// The header's `keyid`: the member's, or the number of the TEK.
    package let keyID: UInt16
    /// Whether it is the group's key (TEK): flag G.
    package let isGroupKey: Bool
    /// Which way.
    package let direction: ClassicDirection

    /// A scope.
    package init(keyID: UInt16, isGroupKey: Bool, direction: ClassicDirection) {
        self.keyID = keyID
        self.isGroupKey = isGroupKey
        self.direction = direction
    }

    /// The flags that follow from the key and the way.
    var flags: HeaderFlags {
        var flags: HeaderFlags = [.encrypted]
        if isGroupKey { flags.insert(.group) }
        if direction == .group { flags.insert(.broadcast) }
        if direction != .toController { flags.insert(.forwarder) }
        return flags
    }
}

/// The sealed body of suite 0: `IV[12] ‖ ciphertext ‖ tag[16]`, IV = `u8 direction ‖ u8 0 ‖ u16 sender ‖ u64 counter`,
/// AAD = the 12 bytes of the base header, AES-256-GCM (specification 3.5).
enum ClassicEnvelope {
    /// Header and IV.
    static let prefixLength = WireSizes.header + WireSizes.aeadNonce
    /// What a classic message adds to its plaintext.
    static let overhead = prefixLength + WireSizes.aeadTag

    /// What an IV says.
    struct Vector {
        let direction: ClassicDirection
        let sender: UInt16
        let counter: UInt64

        init(direction: ClassicDirection, sender: UInt16, counter: UInt64) {
            self.direction = direction
            self.sender = sender
            self.counter = counter
        }

        /// Reads the IV behind the base header; nothing but the canonical encoding of one.
        init(_ datagram: [UInt8]) throws(ChannelRefusal) {
            var reader = ByteReader(datagram, from: WireSizes.header)
            guard datagram.count >= ClassicEnvelope.overhead, let octet: UInt8 = reader.read(),
                let reserved: UInt8 = reader.read(), let sender: UInt16 = reader.read(),
                let counter: UInt64 = reader.read()
            else { throw .envelope(.short) }
            guard let direction = ClassicDirection(rawValue: octet) else { throw .envelope(.keyKind(octet)) }
            guard reserved == 0 else { throw .envelope(.reserved) }
            guard sender != 0 else { throw .envelope(.sender) }
            self.init(direction: direction, sender: sender, counter: counter)
        }
    }

    /// `header ‖ IV ‖ ciphertext ‖ tag`; nil if the library fails.
    static func seal(
        _ text: [UInt8], header: Header, _ vector: Vector, cipher: DatagramCipher, fingerprint: KeyFingerprint
    ) -> [UInt8]? {
        var bytes = header.encoded
        bytes.reserveCapacity(overhead + text.count)
        bytes.append(vector.direction.rawValue)
        bytes.append(0)
        bytes.append(bigEndian: vector.sender)
        bytes.append(bigEndian: vector.counter)
        let nonce = Nonce(bytes[WireSizes.header...])
        #if DEBUG
            NonceAudit.witness?.sealing(key: fingerprint, nonce: nonce.withUnsafeBytes { Array($0) })
        #endif
        bytes.append(contentsOf: text)
        bytes.append(contentsOf: DatagramAlgorithm.emptyTag)
        let isSealed = bytes.withUnsafeMutableBytes { bytes in
            cipher.seal(bytes, aad: WireSizes.header, headerLength: prefixLength, nonce: nonce)
        }
        return isSealed ? bytes : nil
    }

    /// The text of `header ‖ IV ‖ ciphertext ‖ tag`; nil unless all of it is authentic.
    static func open(_ sealed: [UInt8], cipher: DatagramCipher) -> [UInt8]? {
        guard sealed.count >= overhead else { return nil }
        var bytes = sealed
        let nonce = Nonce(bytes[WireSizes.header..<prefixLength])
        let isAuthentic = bytes.withUnsafeMutableBytes { bytes in
            cipher.open(bytes, aad: WireSizes.header, headerLength: prefixLength, nonce: nonce)
        }
        return isAuthentic ? Array(bytes[prefixLength..<bytes.count - WireSizes.aeadTag]) : nil
    }
}

/// A classic key that seals, with its counter (specification 3.5).
///
/// The counter starts at a random number whenever a key is installed, because the same key may be installed again by
/// a replayed registration (F5); it ends at 2^64. A class of one owner, not `Sendable`.
package final class ClassicSealingKey {
    /// What header and IV say.
    package let scope: ClassicScope
    /// The sender's number: the member's KEYID, or the low 16 bits of a controller's number.
    package let sender: UInt16
    private let cipher: DatagramCipher
    private let fingerprint: KeyFingerprint
    /// The counter of the next message; nil when none is left.
    private var next: UInt64?

    /// Installs a key. The counter starts in the lower half of its range, so that it never ends.
    package init(
        _ scope: ClassicScope, key: SecretBytes, sender: UInt16, using random: inout some RandomNumberGenerator
    ) throws(ChannelFault) {
        self.scope = scope
        self.sender = sender
        next = random.next() >> 1
        do {
            cipher = try DatagramCipher(.aes256GCM, key: key, for: .seal)
        } catch {
            throw .cipherUnavailable
        }
        fingerprint = KeyFingerprint(key)
    }

    /// Seals one message into one datagram; a long one is left to IP to fragment (P26).
    package func seal(_ body: [UInt8], _ kind: MessageKind) throws(ChannelFault) -> [UInt8] {
        guard !body.isEmpty else { throw .empty }
        guard body.count + ClassicEnvelope.overhead <= WireSizes.maximumDatagram else { throw .tooLong }
        guard let counter = next else { throw .exhausted }
        next = counter == .max ? nil : counter + 1
        let header = Header(
            flags: scope.flags.union(kind.flags), suite: .classic, keyID: scope.keyID,
            nonce: UInt16(truncatingIfNeeded: counter),
            bodyCount: body.count + ClassicEnvelope.overhead - WireSizes.header)
        guard
            let datagram = ClassicEnvelope.seal(
                body, header: header, .init(direction: scope.direction, sender: sender, counter: counter),
                cipher: cipher, fingerprint: fingerprint)
        else { throw .cipherUnavailable }
        return datagram
    }
}

/// A classic datagram whose header and IV are canonical, and of which nothing has been proven.
package struct UnverifiedClassicMessage: Sendable {
    /// The base header.
    package let header: Header
    /// Which way it claims to go.
    package let direction: ClassicDirection
    /// Who claims to have sent it.
    package let sender: UInt16
    /// Its counter.
    package let counter: UInt64
    let bytes: [UInt8]

    /// Checks everything about a datagram that needs no key.
    package init(_ datagram: [UInt8]) throws(ChannelRefusal) {
        try self.init(datagram, Header.refusing(datagram))
    }

    /// Checks what follows a base header that has been taken off `datagram`.
    init(_ datagram: [UInt8], _ header: Header) throws(ChannelRefusal) {
        guard header.flags.contains(.encrypted) else { throw .clear }
        guard header.suite == .classic else { throw .suite }
        guard !header.flags.contains(.extended) else { throw .envelope(.flags) }
        guard datagram.count > ClassicEnvelope.overhead else { throw .envelope(.short) }
        let vector = try ClassicEnvelope.Vector(datagram)
        guard header.nonce == UInt16(truncatingIfNeeded: vector.counter) else { throw .envelope(.nonce) }
        self.header = header
        direction = vector.direction
        sender = vector.sender
        counter = vector.counter
        bytes = datagram
    }
}

/// A classic key that opens, with a replay window for each sender under it.
///
/// Under the group's key everybody can claim to be any sender: suite 0 has no signatures (F8). A class of one owner,
/// not `Sendable`.
package final class ClassicOpeningKey {
    /// A classic message that somebody who holds the key has sealed.
    package struct Opened: Hashable, Sendable {
        /// Control or data, response or not, and as what the sender acts.
        package let kind: MessageKind
        /// Who has sent it; under the group's key who claims to have.
        package let sender: UInt16
        /// The counter of the message.
        package let counter: UInt64
        /// The text.
        package let body: [UInt8]
    }

    /// What header and IV have to say.
    package let scope: ClassicScope
    private let senders: Set<UInt16>?
    private let cipher: DatagramCipher
    private var windows: [UInt16: ReplayWindow] = [:]

    /// How many senders under one key are told apart.
    private static let senderLimit = 1_024

    /// A key that accepts messages of `senders`; of anybody if that is nil.
    package init(_ scope: ClassicScope, key: SecretBytes, senders: Set<UInt16>? = nil) throws(ChannelFault) {
        self.scope = scope
        self.senders = senders
        do {
            cipher = try DatagramCipher(.aes256GCM, key: key, for: .open)
        } catch {
            throw .cipherUnavailable
        }
    }

    /// Opens a message. The window is touched only after the message has been authenticated.
    package func open(_ message: consuming UnverifiedClassicMessage) throws(ChannelRefusal) -> Opened {
        let flags = message.header.flags.subtracting([.control, .response, .server])
        guard message.direction == scope.direction, flags == scope.flags, message.header.keyID == scope.keyID,
            senders?.contains(message.sender) ?? true
        else { throw .otherChannel }
        var window = windows[message.sender] ?? ReplayWindow()
        switch window.verdict(message.counter) {
        case .fresh: break
        case .replayed: throw .replayed
        case .tooOld: throw .tooOld
        }
        guard let body = ClassicEnvelope.open(message.bytes, cipher: cipher) else { throw .notAuthentic }
        guard windows[message.sender] != nil || windows.count < Self.senderLimit else { throw .unknownSender }
        _ = window.record(message.counter)
        windows[message.sender] = window
        return Opened(
            kind: MessageKind(message.header.flags), sender: message.sender, counter: message.counter,
            body: body)
    }
}
