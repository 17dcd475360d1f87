public import UPnP

/// A service of a device on the network: invokes its actions and follows its events.
///
/// Every call looks up where the service is at that moment, so that a device that has moved, or that is
/// reached over another link, is found again.
public struct ServiceProxy: Hashable, Sendable {
    /// The device that has the service.
    public let device: DeviceProxy
    /// The service as it was when this was made.
    public let description: DeviceService

    /// The type with its version.
    public var serviceType: String { description.serviceType }
    /// What tells services of one type apart.
    public var serviceID: String { description.serviceID }

    private var controlPoint: ControlPoint { device.controlPoint }

    /// The root device and the service as they are known at this moment.
    private var current: (root: RootDevice, service: DeviceService) {
        let root = controlPoint.device(udn: device.root.udn) ?? device.root
        let service = root.services.first { $0.isSame(as: description) }
        return (root, service ?? description)
    }

    // MARK: Actions

    /// The service's description; read once for as long as the device says that it is the same.
    ///
    /// - Throws: ``ControlPointError``.
    public func scpd() async throws -> SCPD {
        let (root, service) = current
        return try await controlPoint.scpd(of: service, in: root)
    }

    /// Invokes an action (UDA 2.0 §3.1).
    ///
    /// Arguments are put into the order of the service's description, and checked against its types, ranges and
    /// allowed values, before anything is sent. For a service whose description cannot be read there is
    /// ``invoke(_:)``.
    ///
    /// - Throws: `UPnPFault` when the device refuses; ``ControlPointError`` when the arguments are not the
    ///   action's, or the device cannot be reached or understood.
    @discardableResult
    public func invoke(_ action: String, _ arguments: [String: UPnPValue] = [:]) async throws -> ActionResult {
        let scpd = try await scpd()
        let request = try ActionCall.request(
            action, of: serviceType, arguments.map { (name: $0.key, value: $0.value) }, scpd: scpd)
        return ActionCall.result(try await invoke(request), scpd: scpd)
    }

    /// Invokes an action as it stands, without a look at the service's description.
    ///
    /// - Throws: as ``invoke(_:_:)``.
    public func invoke(_ request: ActionRequest) async throws -> ActionResponse {
        let (root, service) = current
        guard let url = service.controlURL else {
            throw ControlPointError(.notAddressable, "\(serviceID) has no control URL on its own device.")
        }
        return try await controlPoint.invoke(request, at: url, on: root.interface)
    }

    /// The value of a state variable, from a device of UDA 1.0 (§3.3 there; newer ones need not answer).
    ///
    /// - Throws: as ``invoke(_:_:)``.
    public func query(_ variable: String) async throws -> UPnPValue {
        let (root, service) = current
        guard let url = service.controlURL else {
            throw ControlPointError(.notAddressable, "\(serviceID) has no control URL on its own device.")
        }
        let text = try await controlPoint.query(variable, at: url, on: root.interface)
        let type = (try? await scpd())?.stateVariable(named: variable)?.dataType ?? .string
        return UPnPValue(text, as: type) ?? .string(text)
    }

    // MARK: Events

    /// Subscribes to the service's events; returns when the device has accepted.
    ///
    /// The subscription renews itself; after a gap, a restart or a move of the device it is made anew, which
    /// brings the whole state again (``DeviceEvent/isInitialState``). It ends with
    /// ``DeviceSubscription/cancel()``, when nobody holds it any more, when the device leaves, and with the
    /// control point.
    ///
    /// - Throws: ``ControlPointError``. A device that refuses can be asked with ``values(every:_:)``.
    public func subscribe() async throws -> DeviceSubscription {
        let (root, service) = current
        guard let url = service.eventSubURL else {
            throw ControlPointError(.notAddressable, "\(serviceID) has no events on its own device.")
        }
        // Values without a known type are text, so that a missing description costs nothing more.
        let scpd = service.scpdURL == nil ? nil : try? await scpd()
        var types: [String: UPnPDataType] = [:]
        for variable in scpd?.stateVariables ?? [] { types[variable.name] = variable.dataType }
        return try await controlPoint.subscribe(
            .init(url: url, link: root.interface, service: service, types: types), udn: root.udn)
    }

    /// What `read` gives: at once, and after that whenever a later reading gives something else.
    ///
    /// For devices that refuse subscriptions. Each reading follows the one before by `interval`; a reading that
    /// fails ends the sequence with its error.
    ///
    ///     for try await on in service.values(every: .seconds(5), { try await $0.invoke("GetStatus")["ResultStatus"] })
    public func values<Value: Equatable & Sendable>(
        every interval: Duration, _ read: @escaping @Sendable (ServiceProxy) async throws -> Value
    ) -> PolledValues<Value> {
        PolledValues(interval: interval) { try await read(self) }
    }

    /// The values of a state variable by repeated ``query(_:)``: at once, and whenever it is another.
    public func values(of variable: String, every interval: Duration) -> PolledValues<UPnPValue> {
        values(every: interval) { try await $0.query(variable) }
    }
}

/// A value that is read again and again; only changes are told.
public struct PolledValues<Value: Equatable & Sendable>: AsyncSequence, Sendable {
    fileprivate let interval: Duration
    fileprivate let read: @Sendable () async throws -> Value

    init(interval: Duration, read: @escaping @Sendable () async throws -> Value) {
        self.interval = interval
        self.read = read
    }

    /// Reads until the value is another.
    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let values: PolledValues
        fileprivate var last: Value?

        /// The first value at once, then the next that differs from the one before.
        public mutating func next() async throws -> Value? {
            while true {
                if last != nil { try await Task.sleep(for: values.interval) }
                let value = try await values.read()
                guard value != last else { continue }
                last = value
                return value
            }
        }
    }

    /// Begins to read.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(values: self) }
}

extension DeviceService {
    /// Whether both describe one service, wherever it is.
    func isSame(as other: DeviceService) -> Bool {
        udn == other.udn && serviceID == other.serviceID && serviceType == other.serviceType
    }
}
