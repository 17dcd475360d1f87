import AccessPolicy
import NIOUPnP
import NetworkTypes
import TrustCore
import UPnP

/// `RADAConfig:2` of the gateway: filters, what is shared, virtual devices.
struct RADAConfigService: Sendable {
    static let serviceType = "urn:schemas-upnp-org:service:RADAConfig:2"

    let desk: RemoteAccessDesk
    /// The home's devices, as RADA's listener keeps them.
    let home: @Sendable () -> [KnownDevice]
    let authorizer: ServiceAuthorizer
    /// The service's errors of its own.
    enum Failure: Int {
        case idNotFound = 701
        case invalidFilter = 702
        case typeNotSupported = 703
        case invalidUDN = 704
        case undescribable = 705
        case virtualDeviceNotFound = 706

        func fault(_ sentence: String) -> UPnPFault {
            UPnPFault(UPnPErrorCode(rawValue: rawValue), description: sentence)
        }
    }

    private let systemInfo = HostedVariable("SystemInfo", "")
    private let updateID = HostedVariable<UInt32>("SystemInfoUpdateID", 0, evented: true)
    private let uuid = HostedArgumentType<String>("UUID", maximumLength: 256)
    private let filterList = HostedArgumentType<String>("FilterList")
    private let virtualDevice = HostedArgumentType<String>("VirtualDeviceDescr")
    private let virtualID = HostedArgumentType<String>("VirtualDeviceID", maximumLength: 256)
    private let virtualList = HostedArgumentType<String>("VirtualDeviceList")

    init(
        desk: RemoteAccessDesk, home: @escaping @Sendable () -> [KnownDevice], authorizer: ServiceAuthorizer
    ) {
        self.desk = desk
        self.home = home
        self.authorizer = authorizer
    }

    func service() -> HostedService {
        HostedService(Self.serviceType) {
            updateID
            HostedAction("EditFilter", in: filterList.argument("Filter")) { (call: ActionInvocation, text: String) in
                try authorizer.require(.admin, call)
                try await edit(text)
            }
            HostedAction("GetSystemInfo", in: uuid.argument("ID"), out: systemInfo.argument("SystemInfo")) {
                (call: ActionInvocation, id: String) in
                try authorizer.require(.basic, call)
                return try information(id)
            }
            HostedAction(
                "CreateVirtualDevice", in: virtualDevice.argument("VirtualDeviceDescr"),
                out: virtualID.argument("VirtualDeviceID")
            ) { (call: ActionInvocation, text: String) in
                try authorizer.require(.admin, call)
                return try await create(text)
            }
            HostedAction("GetVirtualDevices", out: virtualList.argument("VirtualDeviceList")) {
                (call: ActionInvocation) in
                try authorizer.require(.basic, call)
                return DADSDocument.virtualDeviceList(listed).serialized()
            }
            HostedAction("DestroyVirtualDevice", in: virtualID.argument("VirtualDeviceID")) {
                (call: ActionInvocation, id: String) in
                try authorizer.require(.admin, call)
                guard try await desk.removeVirtualDevice(id) else {
                    throw Failure.virtualDeviceNotFound.fault("There is no virtual device \(id.prefix(64)).")
                }
            }
        }
    }

    /// Tells subscribers of each change until the task is cancelled.
    func run() async {
        for await _ in desk.systemInfoChanges() { await updateID.set(desk.settings.updateID) }
    }

    private func edit(_ text: String) async throws {
        guard case .filterList(let filters)? = try? DADSDocument(parsing: text.utf8) else {
            throw Failure.invalidFilter.fault("The argument is not a filterList.")
        }
        do {
            try await desk.edit(filters)
        } catch let error as InvalidFilter {
            throw Failure.invalidFilter.fault(error.reason)
        }
    }

    private func information(_ id: String) throws(UPnPFault) -> String {
        guard let info = systemInfoDocument.restricted(to: id) else {
            throw Failure.idNotFound.fault("There is neither a network nor a device \(id.prefix(64)).")
        }
        return DADSDocument.systemInfo(info).serialized()
    }

    /// Everything that SystemInfo says.
    private var systemInfoDocument: RADASystemInfo {
        let settings = desk.settings
        let devices = home().map { device in
            let uuid = RADAText.uuid(device.udn) ?? device.udn
            return RADADeviceInfo(
                uuid: uuid, maxAge: device.device.maxAge, descriptionDocument: device.device.location.description,
                server: device.device.server, credentials: settings.filters.credentials(of: uuid))
        }
        return RADASystemInfo(
            updateID: settings.updateID,
            local: .init(
                uuid: desk.uuid, exportControlMode: settings.filters.exportMode,
                devices: Array(devices.prefix(RemoteAccessDocumentLimits.devices))),
            remote: settings.networks.values.sorted { $0.credentialID < $1.credentialID }
                .map { network in
                    var network = network
                    network.importControlMode = settings.filters.importMode(of: network.uuid)
                    return network
                })
    }

    // MARK: Virtual devices

    private func create(_ text: String) async throws -> String {
        guard case .virtualDevice(let order)? = try? DADSDocument(parsing: text.utf8) else {
            throw UPnPFault(.argumentValueInvalid, description: "The argument is not a virtualDevice.")
        }
        var random = SystemRandomNumberGenerator()
        let udn = "uuid:\(random.uuid())"
        do throws(VirtualDeviceFailure) {
            try VirtualDevices.check(order, udn: udn, home: home())
        } catch {
            switch error {
            case .kind:
                throw Failure.typeNotSupported.fault("The kinds are MERGE, AGGREGATE and FILTER.")
            case .udn(let udn):
                throw Failure.invalidUDN.fault("\(udn.prefix(64)) is not a device that is at home.")
            case .description(let reason): throw Failure.undescribable.fault(reason)
            }
        }
        try await desk.add(ListedVirtualDevice(id: udn, document: "", description: order))
        return udn
    }

    /// The list with the documents as they are at the moment; they say nothing of addresses of the home.
    private var listed: [ListedVirtualDevice] {
        let devices = home()
        return desk.settings.virtualDevices.map { entry in
            var entry = entry
            let made = VirtualDevices.make(entry.description, udn: entry.id, home: devices)
            entry.document = made.map { $0.device.description.serialized() } ?? ""
            return entry
        }
    }
}
