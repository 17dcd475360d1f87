/// `systemInfo`: the devices of the own network and of those that are connected (RADAConfig:2 §2.3.1).
package struct RADASystemInfo: Hashable, Sendable {
    /// `localNetwork`: what the own RADA lets out, and in which mode.
    package struct LocalNetwork: Hashable, Sendable {
        package var uuid: String
        package var exportControlMode: RADAControlMode
        package var devices: [RADADeviceInfo]

        /// Makes it.
        package init(uuid: String, exportControlMode: RADAControlMode, devices: [RADADeviceInfo] = []) {
            self.uuid = uuid
            self.exportControlMode = exportControlMode
            self.devices = devices
        }
    }

    /// `remoteNetwork`: one for each peer.
    package struct RemoteNetwork: Hashable, Sendable {
        /// Of the `rata`: by which credential the peer is known.
        package var credentialID: String
        package var isConnected: Bool
        package var uuid: String
        package var dddLocation: String
        package var importControlMode: RADAControlMode
        /// Seconds; nil when there is none, which the conformance documents write as an empty text.
        package var heartbeat: Int?
        package var devices: [RADADeviceInfo]

        /// Makes it.
        package init(
            credentialID: String, isConnected: Bool, uuid: String, dddLocation: String,
            importControlMode: RADAControlMode, heartbeat: Int? = nil, devices: [RADADeviceInfo] = []
        ) {
            self.credentialID = credentialID
            self.isConnected = isConnected
            self.uuid = uuid
            self.dddLocation = dddLocation
            self.importControlMode = importControlMode
            self.heartbeat = heartbeat
            self.devices = devices
        }
    }

    /// The same as the variable SystemInfoUpdateID.
    package var updateID: UInt32
    package var local: LocalNetwork?
    package var remote: [RemoteNetwork]

    /// Makes it.
    package init(updateID: UInt32, local: LocalNetwork?, remote: [RemoteNetwork] = []) {
        self.updateID = updateID
        self.local = local
        self.remote = remote
    }
}

extension RADASystemInfo {
    init(_ element: XMLElement) throws(RemoteAccessDocumentError) {
        guard let id = element.attribute("updateID").flatMap({ UInt32(XMLText.trimmed($0)) }) else {
            throw .invalid("systemInfo@updateID")
        }
        updateID = id
        if let network = element.first("localNetwork"), let rada = network.first("rada") {
            guard let uuid = rada.attribute("uuid").flatMap(RADAText.uuid) else { throw .missing("rada@uuid") }
            local = LocalNetwork(
                uuid: uuid, exportControlMode: try Self.mode(rada, "exportControlMode"),
                devices: try DADSDocument.devices(rada))
        } else {
            local = nil
        }
        remote = try DADSDocument.list(element, "remoteNetwork", at: RemoteAccessDocumentLimits.networks) {
            (element) throws(RemoteAccessDocumentError) in try RemoteNetwork(element)
        }
    }

    fileprivate static func mode(
        _ element: XMLElement, _ name: String
    ) throws(RemoteAccessDocumentError) -> RADAControlMode {
        let mode = element.attribute(name).flatMap { RADAControlMode(rawValue: XMLText.trimmed($0)) }
        guard let mode else { throw .invalid("rada@\(name)") }
        return mode
    }

    var element: XMLElement {
        var children: [XMLElement] = []
        if let local {
            let rada = DADSDocument.element(
                "rada",
                [
                    XMLAttribute("uuid", value: local.uuid),
                    XMLAttribute("exportControlMode", value: local.exportControlMode.rawValue),
                ], local.devices.map(\.element))
            children.append(DADSDocument.element("localNetwork", [], [rada]))
        }
        children += remote.map(\.element)
        return DADSDocument.element("systemInfo", [XMLAttribute("updateID", value: String(updateID))], children)
    }
}

extension RADASystemInfo.RemoteNetwork {
    init(_ element: XMLElement) throws(RemoteAccessDocumentError) {
        guard let rada = element.first("rada"), let uuid = rada.attribute("uuid").flatMap(RADAText.uuid) else {
            throw .missing("remoteNetwork rada@uuid")
        }
        let rata = element.first("rata")
        let connected = XMLText.trimmed(rata?.attribute("connected") ?? "").lowercased()
        guard ["", "0", "1", "true", "false", "yes", "no"].contains(connected) else {
            throw .invalid("rata@connected")
        }
        let heartbeat = XMLText.trimmed(rada.attribute("heartbeat") ?? "")
        guard heartbeat.isEmpty || (Int(heartbeat).map { $0 >= 0 && $0 <= Int(Int32.max) } ?? false) else {
            throw .invalid("rada@heartbeat")
        }
        self.init(
            credentialID: try RADAText.bounded(XMLText.trimmed(rata?.attribute("credentialID") ?? "")),
            isConnected: ["1", "true", "yes"].contains(connected), uuid: uuid,
            dddLocation: try RADAText.bounded(XMLText.trimmed(rada.attribute("dddLocation") ?? "")),
            importControlMode: try RADASystemInfo.mode(rada, "importControlMode"), heartbeat: Int(heartbeat),
            devices: try DADSDocument.devices(rada))
    }

    var element: XMLElement {
        let rata = DADSDocument.element(
            "rata",
            [
                XMLAttribute("credentialID", value: credentialID),
                XMLAttribute("connected", value: isConnected ? "true" : "false"),
            ])
        let rada = DADSDocument.element(
            "rada",
            [
                XMLAttribute("uuid", value: uuid), XMLAttribute("dddLocation", value: dddLocation),
                XMLAttribute("importControlMode", value: importControlMode.rawValue),
                XMLAttribute("heartbeat", value: heartbeat.map(String.init) ?? ""),
            ], devices.map(\.element))
        return DADSDocument.element("remoteNetwork", [], [rata, rada])
    }
}

extension RADASystemInfo {
    /// What GetSystemInfo answers for an ID: everything for `*`, a network for its RADA, a device with its network.
    package func restricted(to id: String) -> RADASystemInfo? {
        if XMLText.trimmed(id) == "*" { return self }
        guard let wanted = RADAText.uuid(id)?.lowercased() else { return nil }
        var result = RADASystemInfo(updateID: updateID, local: nil)
        if let local {
            if local.uuid.lowercased() == wanted {
                result.local = local
            } else if let device = local.devices.first(where: { $0.uuid.lowercased() == wanted }) {
                result.local = local
                result.local?.devices = [device]
            }
        }
        for network in remote {
            if network.uuid.lowercased() == wanted {
                result.remote.append(network)
            } else if let device = network.devices.first(where: { $0.uuid.lowercased() == wanted }) {
                var network = network
                network.devices = [device]
                result.remote.append(network)
            }
        }
        return result.local == nil && result.remote.isEmpty ? nil : result
    }
}
