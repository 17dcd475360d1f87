import NetworkTypes

/// The device's side of one introduction: it sends M1, M3, M5, M7 and Done.
///
/// ```
///   start ─▶ M1 ── M2 ─▶ M3 ── M4 ─▶ M5 ── M6 ─▶ M7 ── M8 ─▶ Done
///             └─ M2D ─▶ ACK or NACK     └──── anything else ─▶ NACK, over
/// ```
///
/// One run is one attempt: when `isSpent`, a password has been tried, rightly or not, and its owner must show another
/// one before there is another run. Otherwise a stranger who may try again learns a PIN half by half.
package struct WPSEnrollee: Sendable {
    private enum Phase: Sendable {
        case ready
        case sentM1
        case sentM3(WPSKeys)
        case sentM5(WPSKeys)
        case sentM7(WPSKeys)
        case over
    }

    private let device: WPSParty
    private let controlPoint: DeviceProtectionID
    private let password: WPSPassword
    private let methods: WPSConfigMethods
    private let own: WPSEphemeral
    private var phase = Phase.ready
    private var registrarNonce = [UInt8](repeating: 0, count: 16)
    private var registrarKey: [UInt8] = []
    private var registrarHash2: [UInt8] = []
    /// The message that was sent last.
    private var last: [UInt8] = []
    /// Whether the password may not be used again.
    package private(set) var isSpent = false

    /// A run with one control point over one connection.
    /// - Parameters:
    ///   - controlPoint: The identity of the certificate that the connection was made with.
    ///   - methods: How this device can be told passwords.
    ///   - random: The system's source, except in tests.
    /// - Returns: Nil when libcrypto has no memory.
    package init?(
        device: WPSParty, controlPoint: DeviceProtectionID, password: WPSPassword,
        methods: WPSConfigMethods = [.display, .pushButton], using random: inout some RandomNumberGenerator
    ) {
        guard let own = WPSEphemeral(using: &random) else { return nil }
        self.device = device
        self.controlPoint = controlPoint
        self.password = password
        self.methods = methods
        self.own = own
    }

    /// Answers a message of the control point; the first one is empty.
    package mutating func receive(
        _ bytes: [UInt8], using random: inout some RandomNumberGenerator
    ) -> WPSStep {
        if bytes.isEmpty {
            guard case .ready = phase else { return fail("the introduction has begun already") }
            phase = .sentM1
            last = m1.encoded
            return .answer(last)
        }
        let message: WPSMessage
        do {
            message = try WPSMessage(parsing: bytes)
        } catch {
            return fail(error.reason)
        }
        do {
            switch (phase, message.type) {
            case (.sentM1, .m2D): return try refer(message)
            case (.sentM1, .m2): return try agree(message)
            case (.sentM3(let keys), .m4): return try proveFirst(message, bytes, keys, &random)
            case (.sentM5(let keys), .m6): return try proveSecond(message, bytes, keys, &random)
            case (.sentM7(let keys), .m8): return try finish(message, bytes, keys)
            case (_, .nack):
                return fail("the control point gave up with error \(message.number(.configurationError) ?? 0)")
            default: return fail("the message is not the one that comes next")
            }
        } catch {
            return fail(error.reason, error.code)
        }
    }

    private mutating func fail(_ reason: String, _ code: WPSConfigurationError = .none) -> WPSStep {
        phase = .over
        let nack = WPSMessage.short(.nack, enrolleeNonce: own.nonce, registrarNonce: registrarNonce, error: code)
        return .failed(nack.encoded, reason: reason)
    }

    // MARK: M1 to M3

    private var m1: WPSMessage {
        var message = WPSMessage(.m1)
        message.append(.uuidEnrollee, device.id.bytes)
        message.append(.macAddress, macAddress)
        message.append(.enrolleeNonce, own.nonce)
        message.append(.publicKey, own.publicKey)
        message.appendCapabilities(methods)
        message.append(.setupState, [1])
        device.describe(in: &message)
        message.append(.associationState, UInt16(0))
        message.append(.devicePasswordID, password.id.rawValue)
        message.append(.configurationError, WPSConfigurationError.none.rawValue)
        message.append(.osVersion, [0x80, 0, 0, 0])
        return message
    }

    /// Six bytes for the key derivation. A real address would tell more than a device has to; the bits are those of
    /// a local one.
    private var macAddress: [UInt8] {
        [device.id.bytes[10] & 0xFC | 0x02] + device.id.bytes[11...]
    }

    /// M2D: the control point has no password yet and says which kind it wants. The run goes on with M2.
    private mutating func refer(_ message: WPSMessage) throws(WPSRefusal) -> WPSStep {
        guard let registrarNonce = message[.registrarNonce, bytes: 16] else {
            throw WPSRefusal(reason: "M2D has no nonce")
        }
        let wanted = message.number(.configMethods).map(WPSConfigMethods.init(rawValue:)) ?? []
        let isOurs =
            switch password {
            case .pushButton: wanted.contains(.pushButton)
            case .pin(_, .registrarSpecified): wanted.isDisjoint(with: [.keypad, .pushButton])
            case .pin: wanted.contains(.keypad)
            }
        let answer = WPSMessage.short(
            isOurs ? .ack : .nack, enrolleeNonce: own.nonce, registrarNonce: registrarNonce,
            error: isOurs ? nil : .deviceBusy)
        return .answer(answer.encoded)
    }

    private mutating func agree(_ message: WPSMessage) throws(WPSRefusal) -> WPSStep {
        guard message[.enrolleeNonce] == own.nonce, let registrarNonce = message[.registrarNonce, bytes: 16],
            let key = message[.publicKey], let shared = DHGroup5.shared(own.secret, with: key)
        else { throw WPSRefusal(reason: "M2 is not an answer to M1, or its key is none") }
        guard message[.uuidRegistrar] == controlPoint.bytes else {
            throw WPSRefusal(reason: "M2 names another control point than the connection's certificate does")
        }
        guard message.number(.devicePasswordID) == password.id.rawValue else {
            throw WPSRefusal(reason: "M2 is about another kind of password", code: .deviceBusy)
        }
        self.registrarNonce = registrarNonce
        registrarKey = key
        let keys = WPSKeys(
            shared: shared, enrolleeNonce: own.nonce, macAddress: macAddress, registrarNonce: registrarNonce)
        guard keys.isAuthentic(message, after: last) else { throw WPSRefusal(reason: "M2 is not authentic") }
        var answer = WPSMessage(.m3)
        answer.append(.registrarNonce, registrarNonce)
        answer.append(.enrolleeHash1, proof(1, own.commitments.first, keys))
        answer.append(.enrolleeHash2, proof(2, own.commitments.second, keys))
        phase = .sentM3(keys)
        last = keys.sealed(answer, after: message.encoded)
        return .answer(last)
    }

    private func proof(_ number: Int, _ secret: [UInt8], _ keys: WPSKeys) -> [UInt8] {
        keys.proof(
            secret: secret, half: keys.half(number, of: password), enrolleeKey: own.publicKey,
            registrarKey: registrarKey)
    }

    // MARK: M4 to Done

    /// Checks what M4, M6 and M8 have in common, and opens their settings.
    private func open(_ message: WPSMessage, _ keys: WPSKeys) throws(WPSRefusal) -> WPSMessage {
        guard message[.enrolleeNonce] == own.nonce, keys.isAuthentic(message, after: last) else {
            throw WPSRefusal(reason: "the message is not authentic")
        }
        guard let settings = message[.encryptedSettings].flatMap(keys.decrypted) else {
            throw WPSRefusal(reason: "the settings cannot be decrypted", code: .decryptionFailed)
        }
        return settings
    }

    private mutating func proveFirst(
        _ message: WPSMessage, _ bytes: [UInt8], _ keys: WPSKeys, _ random: inout some RandomNumberGenerator
    ) throws(WPSRefusal) -> WPSStep {
        // From here on the control point has tried a password.
        isSpent = true
        let settings = try open(message, keys)
        guard let hash1 = message[.registrarHash1, bytes: 32], let hash2 = message[.registrarHash2, bytes: 32],
            let theirs = settings[.registrarSecret1, bytes: 16], WPSKeys.isEqual(hash1, proof(1, theirs, keys))
        else { throw WPSRefusal(reason: "the first half of the password is wrong", code: .passwordFailed) }
        registrarHash2 = hash2
        phase = .sentM5(keys)
        return try reveal(.m5, .enrolleeSecret1, own.commitments.first, after: bytes, keys, &random)
    }

    private mutating func proveSecond(
        _ message: WPSMessage, _ bytes: [UInt8], _ keys: WPSKeys, _ random: inout some RandomNumberGenerator
    ) throws(WPSRefusal) -> WPSStep {
        let settings = try open(message, keys)
        guard let theirs = settings[.registrarSecret2, bytes: 16],
            WPSKeys.isEqual(registrarHash2, proof(2, theirs, keys))
        else { throw WPSRefusal(reason: "the second half of the password is wrong", code: .passwordFailed) }
        phase = .sentM7(keys)
        return try reveal(.m7, .enrolleeSecret2, own.commitments.second, after: bytes, keys, &random)
    }

    private mutating func reveal(
        _ type: WPSMessageType, _ id: WPSAttribute, _ secret: [UInt8], after previous: [UInt8], _ keys: WPSKeys,
        _ random: inout some RandomNumberGenerator
    ) throws(WPSRefusal) -> WPSStep {
        var answer = WPSMessage(type)
        answer.append(.registrarNonce, registrarNonce)
        last = try keys.sealed(answer, settings: WPSMessage([(id, secret)]), after: previous, using: &random)
        return .answer(last)
    }

    private mutating func finish(
        _ message: WPSMessage, _ bytes: [UInt8], _ keys: WPSKeys
    ) throws(WPSRefusal) -> WPSStep {
        // A credential for a radio network may be in it, and is not wanted.
        _ = try open(message, keys)
        phase = .over
        let done = WPSMessage.short(.done, enrolleeNonce: own.nonce, registrarNonce: registrarNonce)
        return .introduced(done.encoded)
    }
}
