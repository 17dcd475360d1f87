package import NIOUPnP
import UPnP

/// Does what `MirrorState` says: announces, withdraws, asks the network.
package actor MirrorDriver {
    private var state: MirrorState
    private let advertiser: SSDPAdvertiser
    private let authority: String
    private let secureLocation: @Sendable (MirroredDevice) -> String?
    private let onChange: @Sendable (MirrorState.Action) -> Void
    private var timer: Task<Void, Never>?
    private let bootID: UInt32

    /// - Parameters:
    ///   - authority: The `host:port` of the away client's HTTP server.
    ///   - secureLocation: Where a device itself is reached over HTTPS, end to end.
    ///   - bootID: Higher at each start (UDA 2.0 §1.2.2): seconds since 1970 serve.
    package init(
        advertiser: SSDPAdvertiser, authority: String, bootID: UInt32,
        configuration: MirrorState.Configuration = .init(),
        secureLocation: @escaping @Sendable (MirroredDevice) -> String? = { _ in nil },
        onChange: @escaping @Sendable (MirrorState.Action) -> Void
    ) {
        self.state = MirrorState(configuration: configuration, now: .now)
        self.advertiser = advertiser
        self.authority = authority
        self.secureLocation = secureLocation
        self.bootID = bootID
        self.onChange = onChange
    }

    /// The devices that the home shows, and why one of them is silent.
    package var overview: [(device: MirroredDevice, silence: String?)] { state.overview }

    /// Watches the network until the task is cancelled.
    package func run() async throws {
        defer { timer?.cancel() }
        for await observation in advertiser.observations {
            switch observation.message {
            case .alive(let announcement), .response(let announcement):
                var random = SystemRandomNumberGenerator()
                perform(state.seenElsewhere(udn: announcement.usn.udn, now: .now, using: &random))
            case .byebye(let byebye):
                perform(state.goneElsewhere(udn: byebye.usn.udn, now: .now))
            case .update, .search: break
            }
        }
    }

    /// Comes back at the machine's next moment.
    private func schedule() {
        timer?.cancel()
        guard let next = state.nextWake else { return timer = nil }
        // Unstructured: one at a time, replaced at each change, cancelled when `run` ends.
        timer = Task {
            do { try await Task.sleep(until: next, clock: .continuous) } catch { return }
            self.tick()
        }
    }

    private func tick() {
        timer = nil
        var random = SystemRandomNumberGenerator()
        perform(state.tick(now: .now, using: &random))
    }

    /// A session stands.
    package func opened(gatewayUDN: String) { perform(state.sessionOpened(gatewayUDN: gatewayUDN, now: .now)) }

    /// The tunnel ended, or the gateway is about to end it.
    package func lost() { perform(state.tunnelLost(now: .now)) }

    /// The home as it stands.
    package func snapshot(_ devices: [MirroredDevice]) { perform(state.snapshot(devices, now: .now)) }

    /// A device appeared at home, or changed.
    package func appeared(_ device: MirroredDevice) { perform(state.appeared(device, now: .now)) }

    /// A device left the home.
    package func disappeared(udn: String) { perform(state.disappeared(udn: udn, now: .now)) }

    private func perform(_ actions: [MirrorState.Action]) {
        for action in actions {
            switch action {
            case .announce(let device): advertiser.add(advertisement(of: device))
            case .refresh(let device): advertiser.update(advertisement(of: device))
            case .withdraw(let udn, let byebye): advertiser.remove(udn: udn, announceByebye: byebye)
            case .search(let udn): advertiser.search(.device(udn: udn))
            }
            onChange(action)
        }
        schedule()
    }

    private func advertisement(of device: MirroredDevice) -> Advertisement {
        Advertisement(
            root: AdvertisedDevice(device.root), location: "http://\(authority)\(device.descriptionPath)",
            maxAge: SSDPLimits.defaultMaxAge, server: RemoteAccessClient.mirrorServerName, bootID: bootID,
            // 0 to 16,777,215 is the range that a device may choose from (UDA 2.0 §2.1).
            configID: UInt32(truncatingIfNeeded: device.revision) & 0xFF_FFFF,
            secureLocation: secureLocation(device))
    }
}

extension AdvertisedDevice {
    /// The names under which a mirrored device is announced.
    fileprivate init(_ node: MirroredDevice.Node) {
        self.init(
            udn: node.udn, deviceType: node.deviceType, serviceTypes: node.serviceTypes,
            embedded: node.embedded.map { AdvertisedDevice($0) })
    }
}
