import GroupKeys
import NetworkTypes

/// What REG_DONE says of the controllers: as many of them, and of their certificates, as leave it in one datagram, since a
/// registration's messages have no segments (group keys specification 3.11). Beacons and PONG tell of the rest.
enum DoneElements {
    /// Adds CONTROLLERS, BOOTS and, where there are certificates, CERTS to what else REG_DONE has.
    ///
    /// Two certificates, the key manager's and a forwarder's, go before many controllers: without the second a server
    /// hears nobody. The first controller, the key manager, is always named. Further addresses of a controller go before
    /// a controller; `peer` is where the device is, and decides which addresses stay.
    static func fitted(
        _ elements: [Tag: [UInt8]], controllers: [ControllerEntry], certificates: [[UInt8]], device: DeviceID,
        near peer: SocketEndpoint? = nil
    ) -> [Tag: [UInt8]] {
        var least = elements
        for count in (1...max(min(certificates.count, 2), 1)).reversed() {
            for named in (1...max(controllers.count, 1)).reversed() {
                let entries = Array(controllers.prefix(named))
                var trial = elements
                trial[.controllers] = []
                trial[.boots] = entries.flatMap(\.encodedBoot)
                if !certificates.isEmpty { trial[.certificates] = certificates.prefix(count).flatMap(\.self) }
                let room = WireSizes.defaultDatagram - datagramSize(trial, device: device)
                trial[.controllers] = ControllerList.fitted(entries, near: peer, room: room).flatMap(\.encoded)
                least = trial
                if datagramSize(trial, device: device) <= WireSizes.defaultDatagram { return trial }
                // Two certificates are of use with a forwarder only.
                if count == 2, named == 2 { break }
            }
        }
        return least
    }

    /// The whole datagram: base header, type, DEVICE_ID, and SEALED with its nonce and tag.
    static func datagramSize(_ elements: [Tag: [UInt8]], device: DeviceID) -> Int {
        let sealed = elements.values.reduce(0) { $0 + WireSizes.elementHeader + $1.count }
        return WireSizes.header + 2 + WireSizes.elementHeader + device.bytes.count + WireSizes.elementHeader
            + WireSizes.aeadNonce + sealed + WireSizes.aeadTag
    }
}
