/// Who takes part, and what it says of itself. An introduction is bound to the certificates of the TLS connection that
/// it runs in by the identities that stand in its messages (DeviceProtection:1, the section on the introduction).
package struct WPSParty: Hashable, Sendable {
    /// The identity of its certificate.
    package var id: DeviceProtectionID
    /// The name for people, at most 32 bytes of it.
    package var name: String
    /// Who made it, at most 64 bytes of it.
    package var manufacturer: String
    /// Its model's name, at most 32 bytes of it.
    package var modelName: String

    /// Makes a party.
    package init(
        id: DeviceProtectionID, name: String, manufacturer: String = "Latchkey", modelName: String = "Latchkey"
    ) {
        self.id = id
        self.name = name
        self.manufacturer = manufacturer
        self.modelName = modelName
    }

    /// The attributes of M1 and M2 that describe a party.
    func describe(in message: inout WPSMessage) {
        func text(_ value: String, _ limit: Int) -> [UInt8] {
            var value = value
            while value.utf8.count > limit { value.removeLast() }
            // A peer may not take an empty one.
            return value.isEmpty ? [0x20] : Array(value.utf8)
        }
        message.append(.manufacturer, text(manufacturer, 64))
        message.append(.modelName, text(modelName, 32))
        message.append(.modelNumber, text("1", 32))
        message.append(.serialNumber, text("1", 32))
        // Category 7 is displays and 8 multimedia; 6 is network infrastructure, subcategory 4 a gateway.
        message.append(.primaryDeviceType, [0, 6, 0x00, 0x50, 0xF2, 0x04, 0, 4])
        message.append(.deviceName, text(name, 32))
        message.append(.rfBands, [1])
    }
}

/// How a run stands after a message.
package enum WPSStep: Hashable, Sendable {
    /// Send this and wait.
    case answer([UInt8])
    /// Send this: both sides have proved to know the password, and each other's certificate is the other's.
    case introduced([UInt8])
    /// Send this (it may be empty): the run is over, and the reason is a sentence.
    case failed([UInt8], reason: String)
}

extension WPSMessage {
    /// What both sides of a run have in their first messages; there is no radio, so its attributes say the least.
    mutating func appendCapabilities(_ methods: WPSConfigMethods) {
        append(.authenticationTypes, 0x0022)
        append(.encryptionTypes, 0x000C)
        append(.connectionTypes, [1])
        append(.configMethods, methods.rawValue)
    }

    /// An answer that ends or refuses something.
    static func short(
        _ type: WPSMessageType, enrolleeNonce: [UInt8], registrarNonce: [UInt8], error: WPSConfigurationError? = nil
    ) -> WPSMessage {
        var message = WPSMessage(type)
        message.append(.enrolleeNonce, enrolleeNonce)
        message.append(.registrarNonce, registrarNonce)
        if let error { message.append(.configurationError, error.rawValue) }
        return message
    }
}
