import CLibCrypto
import Crypto
import GroupKeys
import NetworkTypes

/// Makes and checks the cookies that keep the key manager without state until a sender has shown that it is where
/// it says (3.7.5): `u32 ts ‖ u8 generation ‖ u8 suite ‖ mac(16)`.
struct RegistrationCookies: Sendable {
    static let lifetime = 10
    static let rotation = Duration.seconds(60)

    private struct Key: Sendable {
        let generation: UInt8
        let secret: SecretBytes
    }

    private let started: ContinuousClock.Instant
    private var rotated: ContinuousClock.Instant
    private var current: Key
    private var previous: Key?

    init(now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator) {
        started = now
        rotated = now
        current = Key(generation: 0, secret: SecretBytes(count: 32, using: &random))
    }

    /// Replaces the key when it is due. The one before stays for the cookies that it made.
    mutating func rotate(now: ContinuousClock.Instant, using random: inout some RandomNumberGenerator) {
        guard now >= rotated + Self.rotation else { return }
        previous = current
        current = Key(generation: current.generation &+ 1, secret: SecretBytes(count: 32, using: &random))
        rotated = now
    }

    /// A cookie for one run: its device, sequence number and sender. So a source gets no more runs than cookies.
    func make(for run: RegistrarRunKey, requestHash: [UInt8], suite: Suite, now: ContinuousClock.Instant) -> [UInt8] {
        var front: [UInt8] = []
        front.append(bigEndian: seconds(now))
        front += [current.generation, suite.rawValue]
        return front + mac(current, run: run, requestHash: requestHash, front: front)
    }

    /// The suite of a cookie that was made for this run and request within the last ten seconds.
    func check(
        _ cookie: [UInt8], for run: RegistrarRunKey, requestHash: [UInt8], now: ContinuousClock.Instant
    ) -> Suite? {
        var reader = ByteReader(cookie)
        guard cookie.count == 22, let time: UInt32 = reader.read(), let generation: UInt8 = reader.read(),
            let suite = reader.read(UInt8.self).flatMap(Suite.init(rawValue:)), let key = key(generation)
        else { return nil }
        let expected = mac(key, run: run, requestHash: requestHash, front: Array(cookie.prefix(6)))
        let age = Int64(seconds(now)) - Int64(time)
        guard CRYPTO_memcmp(expected, Array(cookie.suffix(16)), 16) == 0, (0...Int64(Self.lifetime)).contains(age)
        else { return nil }
        return suite
    }

    /// CTL_RANDOM, which follows from the cookie so that body 2 can be made again.
    func controllerRandom(_ cookie: [UInt8]) -> [UInt8] {
        let key = cookie.count > 4 ? key(cookie[4]) ?? current : current
        return code(key, Array("rnd".utf8) + cookie)
    }

    private func key(_ generation: UInt8) -> Key? {
        if generation == current.generation { return current }
        return generation == previous?.generation ? previous : nil
    }

    private func seconds(_ now: ContinuousClock.Instant) -> UInt32 {
        UInt32(clamping: (now - started).components.seconds)
    }

    private func mac(_ key: Key, run: RegistrarRunKey, requestHash: [UInt8], front: [UInt8]) -> [UInt8] {
        var message = run.source.octets + requestHash
        message.append(bigEndian: run.sequence)
        return code(key, message + front + run.device.bytes)
    }

    private func code(_ key: Key, _ message: [UInt8]) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: message, using: key.secret.symmetricKey).prefix(16))
    }
}

extension SocketEndpoint {
    /// `u8 family ‖ address ‖ u16 port`, as ORIGIN and MCAST have it (3.3).
    package var octets: [UInt8] {
        var bytes: [UInt8] = []
        switch address {
        case .v4(let v4):
            bytes.append(4)
            bytes.append(bigEndian: v4.rawValue)
        case .v6(let v6):
            bytes.append(6)
            bytes.append(bigEndian: v6.high)
            bytes.append(bigEndian: v6.low)
        }
        bytes.append(bigEndian: port)
        return bytes
    }
}
