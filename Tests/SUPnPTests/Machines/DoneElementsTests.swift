import GroupKeys
import NetworkTypes
import Testing

@testable import SUPnP

@Suite("What REG_DONE says of the controllers")
struct DoneElementsTests {
    private static func elements(height: Int) -> [SUPnP.Tag: [UInt8]] {
        [
            .memberID: [0, 1, 0, 0], .keyID: [0, 1], .multicast: [UInt8](repeating: 1, count: 19), .lease: [0, 90],
            .groupPublicKey: [UInt8](repeating: 2, count: 32), .epoch: [0, 0, 0, 9],
            .beaconCounter: [UInt8](repeating: 3, count: 8), .leaf: [0, 0, 0, 1], .height: [UInt8(height)],
            .path: [UInt8](repeating: 4, count: 32 * (height + 1)), .epochSecret: [UInt8](repeating: 5, count: 32),
        ]
    }

    private static func controllers(_ count: Int) throws -> [ControllerEntry] {
        var random = SeededGenerator(seed: 1)
        let address = try #require(IPAddress("2001:db8::1"))
        return try (1...count).map { number in
            ControllerEntry(
                id: try #require(ControllerID(UInt32(number))), boot: BootID(using: &random),
                address: SocketEndpoint(address, port: 58_081))
        }
    }

    @Test("fits one datagram in a group of a million with sixteen controllers", arguments: [1, 2, 3, 16], [0, 10, 20])
    func fits(count: Int, height: Int) throws {
        let device = try #require(DeviceID("kiosk-17"))
        let certificates = (0..<count).map { [UInt8](repeating: UInt8($0), count: 114) }
        let controllers = try Self.controllers(count)
        let fitted = DoneElements.fitted(
            Self.elements(height: height), controllers: controllers, certificates: certificates, device: device)
        #expect(DoneElements.datagramSize(fitted, device: device) <= WireSizes.defaultDatagram)
        let named = try #require(
            ControllerEntry.decode(fitted[.controllers] ?? [], boots: fitted[.boots] ?? []))
        #expect(named.first == controllers.first)
        // A forwarder is among them, and all of them where there is room.
        #expect(named.count >= min(count, 2))
        if height == 0 { #expect(named.count == count) }
        #expect((fitted[.certificates]?.count ?? 0) >= 114)
    }

    @Test("has the size that is reckoned with")
    func size() throws {
        let device = try #require(DeviceID("d"))
        let contents = DoneContents([.memberID: [0, 1, 0, 0], .keyID: [0, 1]])
        // Header, type, DEVICE_ID, and SEALED: nonce, what is sealed, tag.
        #expect(
            DoneElements.datagramSize([.memberID: [0, 1, 0, 0], .keyID: [0, 1]], device: device)
                == 12 + 2 + (4 + 1) + 4 + 12 + contents.encoded.count + 16)
    }
}
