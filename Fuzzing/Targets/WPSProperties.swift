import AccessPolicy
import NetworkTypes

/// What holds for every message of an introduction.
enum WPSProperties {
    /// Both sides before their first message, made once: their keys take longer than all that follows.
    private static let sides: (enrollee: WPSEnrollee, registrar: WPSRegistrar)? = {
        var random = SeededGenerator(seed: 1)
        let device = WPSParty(id: DeviceProtectionID(certificateDER: [1]), name: "device")
        let controlPoint = WPSParty(id: DeviceProtectionID(certificateDER: [2]), name: "control point")
        let pin = WPSPassword.pin(WPSPIN(using: &random))
        guard
            let enrollee = WPSEnrollee(device: device, controlPoint: controlPoint.id, password: pin, using: &random),
            let registrar = WPSRegistrar(controlPoint: controlPoint, device: device.id, password: pin, using: &random)
        else { return nil }
        return (enrollee, registrar)
    }()

    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        if let message = try? WPSMessage(parsing: input) {
            try expect(message.encoded == input, "a message has one encoding")
            try expect(message.attributes.count <= WPSMessage.Limits.attributes, "attributes are bounded")
        }
        guard var (enrollee, registrar) = sides else { return }
        var random = SeededGenerator(seed: 2)
        // The first message of each side, in place of the peer's; nobody is introduced by it, and nothing is tried.
        let first = enrollee.receive([], using: &random)
        guard case .answer = first else { throw BrokenProperty("M1 is made") }
        for step in [enrollee.receive(input, using: &random), registrar.receive(input, using: &random)] {
            if case .introduced = step { throw BrokenProperty("nobody is introduced by one message") }
        }
        try expect(!enrollee.isSpent && !registrar.isSpent, "no password is tried by one message")
    }
}
