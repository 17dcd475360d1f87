public import NIOUPnP
public import NetworkTypes
import SUPnP
import TrustCore

/// What a device needs to be a member of a group, and how it goes about it.
public struct GroupMemberConfiguration: Sendable {
    /// What the device proves itself with.
    public enum Secret: Sendable {
        /// The setup code that `latchkey group enrol` has printed: ten characters, hyphens and case do not matter.
        case setupCode(String)
        /// The password of a device that only knows the paper's protocol. It has to be random with at least 80 bits,
        /// because whoever listens can guess at it off-line.
        case classicPassword(String)
    }

    /// The device's name, 1 to 64 bytes of UTF-8.
    public var id: String
    /// What it proves itself with.
    public var secret: Secret
    /// The interfaces on whose links it looks for controllers.
    public var interfaces: InterfaceSelection = .privateNetworks
    /// The versions of IP that it uses.
    public var families: AddressFamilies = .both
    /// The controller's address and port, where it is known; nothing is searched for then.
    public var controller: SocketEndpoint?
    /// How SSDP is spoken to find controllers. Its `families` are ``families``.
    public var ssdp = SSDPConfiguration()
    /// A file in which the member keeps its keys over a restart, so that it need not register again; nil for none.
    /// It holds secrets: keep it where nobody else reads.
    public var keepFile: String?
    /// Whether requests may also go to servers that know the paper's protocol only.
    public var asksClassicServers = false
    /// Whether a server also answers requests that came without encryption, from anybody who can reach it, for services
    /// that admit classic clients. The forwarder needs its own setting too (`group.allowUnencrypted`).
    /// ``GroupInboundRequest/isUnencrypted`` tells them apart.
    public var acceptsUnencrypted = false
    /// How long the first registration may take before ``GroupMember/run()`` gives up; nil to look for ever. A wrong
    /// code ends it earlier.
    public var patience: Duration? = .seconds(60)
    /// How often the keys with the controllers are made fresh, give or take a tenth.
    public var refreshInterval: Duration = .seconds(86_400)
    /// Answers of one request that wait for a reader that lags; further ones are dropped and counted.
    public var waitingAnswers = 1_024
    /// Requests to a server that wait for its handler; further ones are dropped.
    public var waitingRequests = 256
    /// Requests that wait until one of the 64 that may be open ends.
    public var queuedRequests = 1_024
    /// Whether a derivation that is fit for tests only is taken.
    package var takesTestDerivation = false

    /// A device with the setup code that it was enrolled with.
    public init(id: String, setupCode: String) {
        self.id = id
        secret = .setupCode(setupCode)
    }

    /// A device with its secret.
    public init(id: String, secret: Secret) {
        self.id = id
        self.secret = secret
    }

    /// The file in which the member keeps its keys, opened; nil when it keeps none.
    ///
    /// - Throws: ``GroupError`` of the kind `storage`, with what to do.
    func keptFile() throws(GroupError) -> FileMemberStore? {
        guard let keepFile, let device = DeviceID(id) else { return nil }
        do {
            return try FileMemberStore(path: keepFile, device: device)
        } catch {
            throw GroupError(.storage, error.message)
        }
    }

    /// What the machine is made of.
    ///
    /// - Throws: ``GroupError`` of the kind `invalid`, with what is expected.
    func machine() throws(GroupError) -> MemberConfiguration {
        guard let id = DeviceID(id) else { throw .invalid("a device's id has 1 to 64 bytes of UTF-8") }
        var device: DeviceEngine.Configuration
        switch secret {
        case .setupCode(let text):
            guard let code = SetupCode(text) else {
                throw .invalid("a setup code has ten letters and digits, such as 7K3QX-9M2TB, and never a U")
            }
            device = DeviceEngine.Configuration(id: id, code: code.bytes)
        case .classicPassword(let text):
            guard let password = ClassicPassword(text) else {
                throw .invalid("a classic password has 1 to 128 bytes")
            }
            device = DeviceEngine.Configuration(id: id, code: nil)
            device.password = password
            device.suites = [.classic]
        }
        device.roles = [.client, .server]
        device.takesTestDerivation = takesTestDerivation
        var configuration = MemberConfiguration(device: device)
        configuration.lowestSuite = asksClassicServers ? .classic : .hardened
        configuration.keepsKeys = keepFile != nil
        configuration.acceptsUnencrypted = acceptsUnencrypted
        // Which controller is next, and when, is decided here.
        configuration.persists = false
        return configuration
    }
}
