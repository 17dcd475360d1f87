import AccessPolicy
import Foundation
import GRDB
import TrustCore

/// By which certificates the gateway recognises home devices that have DeviceProtection. What was first seen counts
/// until it is forgotten.
extension SQLiteGatewayStore {
    /// The pins, by the UDNs of their devices: 16 bytes each.
    package func devicePins() async throws -> [String: [UInt8]] {
        try await state.read { [state] database in
            let rows = try Row.fetchAll(
                database, sql: "SELECT name, sealed FROM secrets WHERE substr(name, 1, ?) = ?",
                arguments: [DevicePin.prefix.count, DevicePin.prefix])
            var pins: [String: [UInt8]] = [:]
            for row in rows {
                let name = try row.read("name", as: String.self)
                pins[String(name.dropFirst(DevicePin.prefix.count))] =
                    try state.seal.open(try row.read("sealed", as: Data.self), as: "secret \(name)")
            }
            return pins
        }
    }

    /// Forgets a device's pin: the next certificate that it shows counts from then on.
    /// - Throws: `StoreError` `notFound` where there is none.
    package func forgetDevicePin(udn: String) async throws {
        try await state.write { database in
            try database.execute(
                sql: "DELETE FROM secrets WHERE name = ?", arguments: [DevicePin.name(ofDevice: udn)])
            guard database.changesCount > 0 else {
                throw StoreError(.notFound, "no certificate is remembered of the device \(udn)")
            }
        }
    }
}
