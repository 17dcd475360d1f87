import NetworkTypes

/// The control point's side of one introduction: it sends M2, M4, M6 and M8.
///
/// A password that was used in a run which got as far as `isSpent` must not be used again, not even for the same
/// device: whoever received two such runs could work it out.
package struct WPSRegistrar: Sendable {
    private enum Phase: Sendable {
        case ready
        case sentM2(WPSKeys)
        case sentM4(WPSKeys)
        case sentM6(WPSKeys)
        case sentM8
        case over
    }

    private let controlPoint: WPSParty
    private let device: DeviceProtectionID
    private let password: WPSPassword
    private let own: WPSEphemeral
    private var phase = Phase.ready
    private var enrolleeNonce = [UInt8](repeating: 0, count: 16)
    private var enrolleeKey: [UInt8] = []
    private var enrolleeHashes: (first: [UInt8], second: [UInt8]) = ([], [])
    private var last: [UInt8] = []
    /// Whether the password was used so far that it must not be used again: M4 was made.
    package private(set) var isSpent = false

    /// A run with one device over one connection; its first message is empty, and answered with M1.
    /// - Parameters:
    ///   - device: The identity of the certificate that the connection was made with.
    ///   - random: The system's source, except in tests.
    /// - Returns: Nil when libcrypto has no memory.
    package init?(
        controlPoint: WPSParty, device: DeviceProtectionID, password: WPSPassword,
        using random: inout some RandomNumberGenerator
    ) {
        guard let own = WPSEphemeral(using: &random) else { return nil }
        self.controlPoint = controlPoint
        self.device = device
        self.password = password
        self.own = own
    }

    /// Takes a message of the device: M1, M3, M5, M7, Done, in this order. `introduced` has nothing more to send.
    package mutating func receive(_ bytes: [UInt8], using random: inout some RandomNumberGenerator) -> WPSStep {
        let message: WPSMessage
        do {
            message = try WPSMessage(parsing: bytes)
        } catch {
            return fail(error.reason)
        }
        do {
            switch (phase, message.type) {
            case (.ready, .m1): return try agree(message, bytes)
            case (.sentM2(let keys), .m3): return try commit(message, bytes, keys, &random)
            case (.sentM4(let keys), .m5): return try checkFirst(message, bytes, keys, &random)
            case (.sentM6(let keys), .m7): return try checkSecond(message, bytes, keys, &random)
            case (.sentM8, .done): return try finish(message)
            case (_, .nack):
                let code = WPSConfigurationError(rawValue: message.number(.configurationError) ?? 0)
                return fail(
                    code == .passwordFailed
                        ? "the device says that the password is wrong"
                        : "the device gave up with error \(code.rawValue)")
            default: return fail("the message is not the one that comes next")
            }
        } catch {
            return fail(error.reason, error.code)
        }
    }

    /// A message that names the kind of password that is wanted, in place of M2, which follows once there is one.
    package func refer(to message: WPSMessage) -> [UInt8]? {
        guard case .ready = phase, message.type == .m1, let nonce = message[.enrolleeNonce, bytes: 16] else {
            return nil
        }
        let methods: WPSConfigMethods =
            switch password {
            case .pushButton: .pushButton
            case .pin(_, .registrarSpecified): .display
            case .pin: [.keypad, .display]
            }
        return opening(.m2D, to: nonce, key: nil, methods).encoded
    }

    private mutating func fail(_ reason: String, _ code: WPSConfigurationError = .none) -> WPSStep {
        phase = .over
        let nack = WPSMessage.short(.nack, enrolleeNonce: enrolleeNonce, registrarNonce: own.nonce, error: code)
        return .failed(nack.encoded, reason: reason)
    }

    private func opening(
        _ type: WPSMessageType, to enrolleeNonce: [UInt8], key: [UInt8]?, _ methods: WPSConfigMethods
    ) -> WPSMessage {
        var message = WPSMessage(type)
        message.append(.enrolleeNonce, enrolleeNonce)
        message.append(.registrarNonce, own.nonce)
        message.append(.uuidRegistrar, controlPoint.id.bytes)
        if let key { message.append(.publicKey, key) }
        message.appendCapabilities(methods)
        controlPoint.describe(in: &message)
        message.append(.associationState, UInt16(0))
        message.append(.configurationError, WPSConfigurationError.none.rawValue)
        message.append(.devicePasswordID, password.id.rawValue)
        message.append(.osVersion, [0x80, 0, 0, 0])
        return message
    }

    private mutating func agree(_ message: WPSMessage, _ bytes: [UInt8]) throws(WPSRefusal) -> WPSStep {
        guard message[.uuidEnrollee] == device.bytes else {
            throw WPSRefusal(reason: "M1 names another device than the connection's certificate does")
        }
        guard let theirNonce = message[.enrolleeNonce, bytes: 16], let address = message[.macAddress, bytes: 6],
            let key = message[.publicKey], key != own.publicKey, let shared = DHGroup5.shared(own.secret, with: key)
        else { throw WPSRefusal(reason: "M1 is not complete, or its key is none") }
        enrolleeNonce = theirNonce
        enrolleeKey = key
        let keys = WPSKeys(shared: shared, enrolleeNonce: theirNonce, macAddress: address, registrarNonce: own.nonce)
        let methods: WPSConfigMethods = password == .pushButton ? .pushButton : [.keypad, .display]
        phase = .sentM2(keys)
        last = keys.sealed(opening(.m2, to: theirNonce, key: own.publicKey, methods), after: bytes)
        return .answer(last)
    }

    private func proof(_ number: Int, _ secret: [UInt8], _ keys: WPSKeys) -> [UInt8] {
        keys.proof(
            secret: secret, half: keys.half(number, of: password), enrolleeKey: enrolleeKey, registrarKey: own.publicKey
        )
    }

    private func check(_ message: WPSMessage, _ keys: WPSKeys) throws(WPSRefusal) {
        guard message[.registrarNonce] == own.nonce, keys.isAuthentic(message, after: last) else {
            throw WPSRefusal(reason: "the message is not authentic")
        }
    }

    private mutating func commit(
        _ message: WPSMessage, _ bytes: [UInt8], _ keys: WPSKeys, _ random: inout some RandomNumberGenerator
    ) throws(WPSRefusal) -> WPSStep {
        try check(message, keys)
        guard let first = message[.enrolleeHash1, bytes: 32], let second = message[.enrolleeHash2, bytes: 32] else {
            throw WPSRefusal(reason: "M3 is not complete")
        }
        enrolleeHashes = (first, second)
        var answer = WPSMessage(.m4)
        answer.append(.enrolleeNonce, enrolleeNonce)
        answer.append(.registrarHash1, proof(1, own.commitments.first, keys))
        answer.append(.registrarHash2, proof(2, own.commitments.second, keys))
        // The device may be a stranger, who now learns whether what it guesses is the first half.
        isSpent = true
        phase = .sentM4(keys)
        return try send(answer, WPSMessage([(.registrarSecret1, own.commitments.first)]), after: bytes, keys, &random)
    }

    private mutating func checkFirst(
        _ message: WPSMessage, _ bytes: [UInt8], _ keys: WPSKeys, _ random: inout some RandomNumberGenerator
    ) throws(WPSRefusal) -> WPSStep {
        try check(message, keys)
        let theirs = try open(message, .enrolleeSecret1, keys)
        guard WPSKeys.isEqual(enrolleeHashes.first, proof(1, theirs, keys)) else {
            throw WPSRefusal(reason: "the device does not know the password", code: .passwordFailed)
        }
        phase = .sentM6(keys)
        return try send(
            toEnrollee(.m6), WPSMessage([(.registrarSecret2, own.commitments.second)]), after: bytes, keys, &random)
    }

    private mutating func checkSecond(
        _ message: WPSMessage, _ bytes: [UInt8], _ keys: WPSKeys, _ random: inout some RandomNumberGenerator
    ) throws(WPSRefusal) -> WPSStep {
        try check(message, keys)
        let theirs = try open(message, .enrolleeSecret2, keys)
        guard WPSKeys.isEqual(enrolleeHashes.second, proof(2, theirs, keys)) else {
            throw WPSRefusal(reason: "the device does not know the password", code: .passwordFailed)
        }
        phase = .sentM8
        return try send(toEnrollee(.m8), WPSMessage(), after: bytes, keys, &random)
    }

    private func toEnrollee(_ type: WPSMessageType) -> WPSMessage {
        var message = WPSMessage(type)
        message.append(.enrolleeNonce, enrolleeNonce)
        return message
    }

    private func open(_ message: WPSMessage, _ id: WPSAttribute, _ keys: WPSKeys) throws(WPSRefusal) -> [UInt8] {
        guard let settings = message[.encryptedSettings].flatMap(keys.decrypted), let secret = settings[id, bytes: 16]
        else { throw WPSRefusal(reason: "the settings cannot be decrypted", code: .decryptionFailed) }
        return secret
    }

    private mutating func send(
        _ message: WPSMessage, _ settings: WPSMessage, after previous: [UInt8], _ keys: WPSKeys,
        _ random: inout some RandomNumberGenerator
    ) throws(WPSRefusal) -> WPSStep {
        last = try keys.sealed(message, settings: settings, after: previous, using: &random)
        return .answer(last)
    }

    private mutating func finish(_ message: WPSMessage) throws(WPSRefusal) -> WPSStep {
        guard message[.enrolleeNonce] == enrolleeNonce, message[.registrarNonce] == own.nonce else {
            throw WPSRefusal(reason: "Done belongs to another run")
        }
        phase = .over
        return .introduced([])
    }
}
