/// The attributes of Wi-Fi Protected Setup's messages that an introduction uses, by their numbers
/// (Wi-Fi Protected Setup 1.0h §11).
package struct WPSAttribute: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let associationState = WPSAttribute(rawValue: 0x1002)
    package static let authenticationTypes = WPSAttribute(rawValue: 0x1004)
    package static let authenticator = WPSAttribute(rawValue: 0x1005)
    package static let configMethods = WPSAttribute(rawValue: 0x1008)
    package static let configurationError = WPSAttribute(rawValue: 0x1009)
    package static let connectionTypes = WPSAttribute(rawValue: 0x100D)
    package static let credential = WPSAttribute(rawValue: 0x100E)
    package static let encryptionTypes = WPSAttribute(rawValue: 0x1010)
    package static let deviceName = WPSAttribute(rawValue: 0x1011)
    package static let devicePasswordID = WPSAttribute(rawValue: 0x1012)
    package static let enrolleeHash1 = WPSAttribute(rawValue: 0x1014)
    package static let enrolleeHash2 = WPSAttribute(rawValue: 0x1015)
    package static let enrolleeSecret1 = WPSAttribute(rawValue: 0x1016)
    package static let enrolleeSecret2 = WPSAttribute(rawValue: 0x1017)
    package static let encryptedSettings = WPSAttribute(rawValue: 0x1018)
    package static let enrolleeNonce = WPSAttribute(rawValue: 0x101A)
    package static let keyWrapAuthenticator = WPSAttribute(rawValue: 0x101E)
    package static let macAddress = WPSAttribute(rawValue: 0x1020)
    package static let manufacturer = WPSAttribute(rawValue: 0x1021)
    package static let messageType = WPSAttribute(rawValue: 0x1022)
    package static let modelName = WPSAttribute(rawValue: 0x1023)
    package static let modelNumber = WPSAttribute(rawValue: 0x1024)
    package static let osVersion = WPSAttribute(rawValue: 0x102D)
    package static let publicKey = WPSAttribute(rawValue: 0x1032)
    package static let registrarNonce = WPSAttribute(rawValue: 0x1039)
    package static let rfBands = WPSAttribute(rawValue: 0x103C)
    package static let registrarHash1 = WPSAttribute(rawValue: 0x103D)
    package static let registrarHash2 = WPSAttribute(rawValue: 0x103E)
    package static let registrarSecret1 = WPSAttribute(rawValue: 0x103F)
    package static let registrarSecret2 = WPSAttribute(rawValue: 0x1040)
    package static let serialNumber = WPSAttribute(rawValue: 0x1042)
    package static let setupState = WPSAttribute(rawValue: 0x1044)
    package static let uuidEnrollee = WPSAttribute(rawValue: 0x1047)
    package static let uuidRegistrar = WPSAttribute(rawValue: 0x1048)
    package static let vendorExtension = WPSAttribute(rawValue: 0x1049)
    package static let version = WPSAttribute(rawValue: 0x104A)
    package static let primaryDeviceType = WPSAttribute(rawValue: 0x1054)

    /// Whether a message may have it more than once.
    var mayRepeat: Bool { self == .vendorExtension || self == .credential }
}

/// Which message it is.
package enum WPSMessageType: UInt8, Hashable, Sendable {
    case m1 = 4
    case m2 = 5
    case m2D = 6
    case m3 = 7
    case m4 = 8
    case m5 = 9
    case m6 = 10
    case m7 = 11
    case m8 = 12
    case ack = 13
    case nack = 14
    case done = 15
}

/// Why a run ended, as a NACK says it. The standard has further numbers, which concern radio; they are kept.
package struct WPSConfigurationError: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let none = WPSConfigurationError(rawValue: 0)
    package static let decryptionFailed = WPSConfigurationError(rawValue: 2)
    package static let deviceBusy = WPSConfigurationError(rawValue: 14)
    package static let setupLocked = WPSConfigurationError(rawValue: 15)
    package static let sessionTimeout = WPSConfigurationError(rawValue: 17)
    package static let passwordFailed = WPSConfigurationError(rawValue: 18)
}

/// Whose password it is.
package enum WPSPasswordID: UInt16, Hashable, Sendable {
    /// The PIN that the device shows.
    case pin = 0
    /// "00000000", after a button was pressed on both.
    case pushButton = 4
    /// The PIN that the control point shows, typed on the device.
    case registrarSpecified = 5
}

/// How a password can be told, as bits.
package struct WPSConfigMethods: OptionSet, Hashable, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let label = WPSConfigMethods(rawValue: 0x0004)
    package static let display = WPSConfigMethods(rawValue: 0x0008)
    package static let pushButton = WPSConfigMethods(rawValue: 0x0080)
    package static let keypad = WPSConfigMethods(rawValue: 0x0100)
}
