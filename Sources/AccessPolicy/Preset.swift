/// What people are given who never want to read a policy.
package enum Preset: String, Hashable, Sendable, CaseIterable {
    /// Browse and play what the media servers have; change nothing.
    case watch
    /// `watch`, and play on the renderers at home.
    case listen
    /// `listen`, and lights, heating and cooling, and the view of cameras. No locks.
    case control
    /// The view of cameras and nothing else.
    case cameraViewer = "camera-viewer"
    /// `listen`, and lights.
    case guest
    /// The older name of `watch`.
    case media
    /// Every device but those of `ForbiddenTypes`.
    case full
    /// Nothing: what its client may do is in the policy's rules alone.
    case rulesOnly = "rules-only"

    /// What the preset gives of each device type; nil for `full`, which has no list.
    var rules: [DeviceRule]? {
        switch self {
        case .watch, .media: Self.mediaRules
        case .listen: Self.listenRules
        case .control: Self.controlRules
        case .cameraViewer: Self.cameraRules
        case .guest: Self.guestRules
        case .full: nil
        case .rulesOnly: []
        }
    }

    /// One line for `--help`.
    package var summary: String {
        switch self {
        case .watch: "browse and play media servers, change nothing"
        case .listen: "watch, and play on the renderers at home"
        case .control: "listen, and lights, thermostats and the view of cameras; no locks"
        case .cameraViewer: "the view of cameras and nothing else"
        case .guest: "listen, and lights"
        case .media: "the older name of watch"
        case .full: "every device except internet gateways and remote access servers"
        case .rulesOnly: "nothing but what the policy's rules permit"
        }
    }

    private static let listenRules = mediaRules + rendererRules
    private static let guestRules = listenRules + lightRules
    private static let controlRules = guestRules + climateRules + cameraRules

    // Actions are listed by name, so that what a later version or a vendor adds is not given by accident:
    // CreateObject, DestroyObject, UpdateObject, MoveObject, ImportResource, ExportResource,
    // DeleteResource, StopTransferResource and the like change the server's content or make it fetch a URL.
    private static let mediaRules = [
        DeviceRule(
            device: "MediaServer",
            services: [
                ServiceRule(
                    "ContentDirectory",
                    actions: [
                        "Browse", "Search", "FreeFormQuery", "GetFreeFormQueryCapabilities",
                        "GetSearchCapabilities", "GetSortCapabilities", "GetSortExtensionCapabilities",
                        "GetFeatureList", "GetSystemUpdateID", "GetServiceResetToken", "X_GetFeatureList",
                    ]
                ),
                ServiceRule("ConnectionManager", actions: connectionManagerActions),
                ServiceRule(
                    "X_MS_MediaReceiverRegistrar", domain: "microsoft.com",
                    actions: ["IsAuthorized", "IsValidated", "RegisterDevice"]
                ),
            ],
            allServices: false, presentation: false
        )
    ]

    private static let rendererRules = [
        DeviceRule(
            device: "MediaRenderer",
            services: [
                ServiceRule("AVTransport", actions: nil),
                ServiceRule("RenderingControl", actions: nil),
                ServiceRule("ConnectionManager", actions: connectionManagerActions),
            ],
            allServices: false, presentation: false
        )
    ]

    private static let lightRules = [
        DeviceRule(device: "BinaryLight", services: [], allServices: true, presentation: false),
        DeviceRule(device: "DimmableLight", services: [], allServices: true, presentation: false),
    ]

    private static let climateRules = [
        DeviceRule(device: "HVAC_System", services: [], allServices: true, presentation: false),
        DeviceRule(device: "HVAC_ZoneThermostat", services: [], allServices: true, presentation: false),
    ]

    private static let cameraRules = [
        DeviceRule(
            device: "DigitalSecurityCamera",
            services: [
                ServiceRule("DigitalSecurityCameraStillImage", actions: nil, onlyReading: true),
                ServiceRule("DigitalSecurityCameraMotionImage", actions: nil, onlyReading: true),
                ServiceRule("DigitalSecurityCameraSettings", actions: nil, onlyReading: true),
            ],
            allServices: false, presentation: false
        )
    ]

    private static let connectionManagerActions: Set<String> = [
        "GetProtocolInfo", "GetCurrentConnectionIDs", "GetCurrentConnectionInfo", "GetRendererItemInfo",
        "GetFeatureList", "PrepareForConnection", "ConnectionComplete",
    ]
}

/// What a preset gives of one device type of the UPnP Forum, in any version.
struct DeviceRule: Sendable {
    /// In lower case.
    let device: String
    let services: [ServiceRule]
    let allServices: Bool
    let presentation: Bool

    init(device: String, services: [ServiceRule], allServices: Bool, presentation: Bool) {
        self.device = device.lowercased()
        self.services = services
        self.allServices = allServices
        self.presentation = presentation
    }

    func rule(for service: TypeName) -> ServiceRule? {
        services.first { $0.matches(service) } ?? (allServices ? .everything : nil)
    }
}

/// What a preset gives of one service.
struct ServiceRule: Sendable {
    let name: String
    let domain: String
    /// Nil for all of them.
    let actions: Set<String>?
    /// Only actions whose name begins with `Get`.
    let onlyReading: Bool

    init(_ name: String, domain: String = "schemas-upnp-org", actions: Set<String>?, onlyReading: Bool = false) {
        self.name = name.lowercased()
        self.domain = domain
        self.actions = actions
        self.onlyReading = onlyReading
    }

    /// All actions, of whatever service.
    static let everything = ServiceRule("", domain: "", actions: nil)

    func matches(_ type: TypeName) -> Bool {
        type.kind == .service && type.domain == domain && type.name == name
    }

    func permits(_ action: String) -> Bool {
        // UDA 1.0 §3.3: every service has it; it reads one state variable.
        if action == "QueryStateVariable" { return true }
        if onlyReading { return action.hasPrefix("Get") }
        return actions?.contains(action) ?? true
    }
}
