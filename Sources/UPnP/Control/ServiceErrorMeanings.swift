/// The error codes that the commonest types of service define for themselves, 701 to 799.
enum ServiceErrorMeanings {
    /// What a code means; nil for types and codes that are not known.
    static func meaning(of code: Int, serviceType: String) -> String? {
        let parts = serviceType.split(separator: ":")
        guard parts.count == 5, parts[1] == "schemas-upnp-org" else { return nil }
        switch parts[3] {
        case "AVTransport": return avTransport[code]
        case "RenderingControl": return renderingControl[code]
        case "ConnectionManager": return connectionManager[code]
        case "ContentDirectory": return contentDirectory[code]
        case "WANIPConnection", "WANPPPConnection": return wanConnection[code]
        default: return nil
        }
    }

    private static let avTransport: [Int: String] = [
        701: "What is asked for is not possible while the transport is in its present state.",
        702: "The media holds nothing that can be played.",
        703: "The media cannot be read.",
        704: "The media's format cannot be played.",
        705: "The transport is locked.",
        706: "The media cannot be written.",
        707: "The media is write-protected, or of a kind that cannot be written.",
        708: "The media's format cannot be recorded.",
        709: "The media is full.",
        710: "This way of seeking is not supported.",
        711: "The place to seek to does not exist.",
        712: "The play mode is not supported.",
        713: "The recording quality is not supported.",
        714: "The media type of the resource is not the one that was announced, or not supported.",
        715: "The content is in use and cannot be played now.",
        716: "The resource was not found.",
        717: "The play speed is not supported.",
        718: "There is no such transport instance.",
    ]

    private static let renderingControl: [Int: String] = [
        701: "There is no such preset.",
        702: "There is no such rendering instance.",
    ]

    private static let connectionManager: [Int: String] = [
        701: "The formats of the two sides do not fit.",
        702: "The direction of the connection does not fit.",
        703: "The device has not enough resources for another connection.",
        704: "The device's own restrictions do not allow it.",
        705: "Access is denied.",
        706: "There is no such connection.",
        707: "The device is not in the network that was named.",
    ]

    private static let contentDirectory: [Int: String] = [
        701: "There is no such object.",
        702: "A value that is to be replaced is not the present one.",
        703: "The new value is not allowed.",
        704: "A property that must be there is to be removed.",
        705: "A property that cannot be changed is to be changed.",
        706: "The numbers of old and new values differ.",
        708: "The search criteria are not understood, or not supported.",
        709: "The sort criteria are not understood, or not supported.",
        710: "There is no such container.",
        711: "The object is restricted and cannot be changed.",
        712: "The description of the object is not valid.",
        713: "The parent object is restricted and cannot be changed.",
        714: "There is no such source resource.",
        715: "The source resource cannot be accessed.",
        716: "The transfer cannot be taken on, too many are under way.",
        717: "There is no such transfer.",
        718: "There is no such destination resource.",
        719: "The destination resource cannot be accessed.",
        720: "The request cannot be processed.",
    ]

    private static let wanConnection: [Int: String] = [
        703: "The connection is not in the state for it.",
        704: "The connection could not be made.",
        705: "The connection's type is not the one for it.",
        706: "The connection is being ended.",
        707: "The connection was ended for being idle.",
        708: "No value was set for it.",
        709: "The change was not made.",
        710: "The type of connection is not valid.",
        711: "The connection is ended already.",
        713: "There is no port mapping at that index.",
        714: "There is no such port mapping.",
        715: "The source address must not be left open.",
        716: "The external port must not be left open.",
        718: "The external port is mapped to another host already.",
        724: "The internal and the external port must be the same.",
        725: "Only port mappings without an end are supported.",
        726: "The source address must be left open.",
        727: "The external port must be left open.",
        728: "No port is free.",
        729: "The port mapping conflicts with another mechanism of the device.",
        730: "There is no port mapping in that range.",
        732: "The internal port must not be left open.",
    ]
}
