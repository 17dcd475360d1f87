/// The tag of an element of a control body (3.3).
package struct Tag: RawRepresentable, Hashable, Sendable, Comparable {
    /// The tag as written.
    package let rawValue: UInt16

    /// Takes a tag as written; every value is possible.
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Whether a receiver that does not know the tag has to refuse the message: bit 15.
    package var isCritical: Bool { rawValue & 0x8000 != 0 }

    /// The order on the wire.
    package static func < (left: Tag, right: Tag) -> Bool { left.rawValue < right.rawValue }

    /// 1...64 bytes of UTF-8.
    package static let deviceID = Tag(rawValue: 0x01)
    /// u8: bit 0 client, bit 1 server.
    package static let role = Tag(rawValue: 0x02)
    /// u8 each, the best first, 1...16 of them.
    package static let suites = Tag(rawValue: 0x03)
    /// u8.
    package static let suite = Tag(rawValue: 0x04)
    /// 16 bytes.
    package static let salt = Tag(rawValue: 0x05)
    /// 16 bytes: not 32, see F1.
    package static let random1 = Tag(rawValue: 0x06)
    /// 32 bytes: not 16, see F1.
    package static let random2 = Tag(rawValue: 0x07)
    /// The classic response, 32 bytes.
    package static let response = Tag(rawValue: 0x08)
    /// u16.
    package static let reason = Tag(rawValue: 0x09)
    /// u8 address family (4 or 6), the address, u16 port.
    package static let origin = Tag(rawValue: 0x0A)
    /// Nonce or IV, ciphertext, tag.
    package static let sealed = Tag(rawValue: 0x0B)
    /// 16 bytes.
    package static let deviceRandom = Tag(rawValue: 0x0C)
    /// 16 bytes.
    package static let controllerRandom = Tag(rawValue: 0x0D)
    /// 1...64 bytes, opaque to the device.
    package static let cookie = Tag(rawValue: 0x0E)
    /// u8 (3.7.1).
    package static let derivation = Tag(rawValue: 0x0F)
    /// 16 bytes.
    package static let groupID = Tag(rawValue: 0x10)
    /// An uncompressed point of P-256, 65 bytes.
    package static let shareP = Tag(rawValue: 0x11)
    /// An uncompressed point of P-256, 65 bytes.
    package static let shareV = Tag(rawValue: 0x12)
    /// 32 bytes.
    package static let confirmP = Tag(rawValue: 0x13)
    /// 32 bytes.
    package static let confirmV = Tag(rawValue: 0x14)
    /// The group's root key, Ed25519, 32 bytes (3.8).
    package static let groupPublicKey = Tag(rawValue: 0x15)
    /// Certificates of controllers, 114 bytes each (3.8).
    package static let certificates = Tag(rawValue: 0x16)
    /// u32, at least 0x10000.
    package static let memberID = Tag(rawValue: 0x17)
    /// u16, 1...0xFFFE.
    package static let keyID = Tag(rawValue: 0x18)
    /// u32.
    package static let leaf = Tag(rawValue: 0x19)
    /// u8.
    package static let height = Tag(rawValue: 0x1A)
    /// (h + 1) × 32 bytes, the leaf first.
    package static let path = Tag(rawValue: 0x1B)
    /// u32.
    package static let epoch = Tag(rawValue: 0x1C)
    /// 32 bytes.
    package static let epochSecret = Tag(rawValue: 0x1D)
    /// u16 and 32 bytes.
    package static let trafficKey = Tag(rawValue: 0x1E)
    /// u32 node and 32 bytes, each.
    package static let nodeKeys = Tag(rawValue: 0x1F)
    /// u32 id, u8 address family (4 or 6), address, u16 port, u8 weight, each.
    package static let controllers = Tag(rawValue: 0x20)
    /// u16 seconds between PINGs, u16 seconds of the lease.
    package static let timers = Tag(rawValue: 0x21)
    /// 32 bytes.
    package static let x25519 = Tag(rawValue: 0x22)
    /// u16 seconds.
    package static let lease = Tag(rawValue: 0x23)
    /// u32.
    package static let haveEpoch = Tag(rawValue: 0x24)
    /// u32 controller and 16 bytes, each.
    package static let boots = Tag(rawValue: 0x25)
    /// u8 address family (4 or 6), the address, u16 port.
    package static let multicast = Tag(rawValue: 0x26)
    /// SHA-256 of the first body, 32 bytes.
    package static let requestHash = Tag(rawValue: 0x27)
    /// Zeros, as many as wanted.
    package static let padding = Tag(rawValue: 0x7F)
}

extension Tag {
    /// Whether bytes can be a value of this tag: their number, and for `padding` that they are zero. Nil for a tag
    /// that is not known.
    package func accepts(_ value: [UInt8]) -> Bool? {
        guard let shape = Self.shapes[self] else { return nil }
        return switch shape {
        case .exactly(let count): value.count == count
        case .within(let range): range.contains(value.count)
        case .each(let size): !value.isEmpty && value.count.isMultiple(of: size)
        case .address: value.first == 4 && value.count == 7 || value.first == 6 && value.count == 19
        case .zeros: value.allSatisfy { $0 == 0 }
        }
    }

    private enum Shape {
        case exactly(Int), within(ClosedRange<Int>), each(Int), address, zeros
    }

    private static let shapes: [Tag: Shape] = [
        .deviceID: .within(1...64), .role: .exactly(1), .suites: .within(1...16), .suite: .exactly(1),
        .salt: .exactly(16), .random1: .exactly(16), .random2: .exactly(32), .response: .exactly(32),
        .reason: .exactly(2), .origin: .address, .sealed: .within(28...65_535), .deviceRandom: .exactly(16),
        .controllerRandom: .exactly(16), .cookie: .within(1...64), .derivation: .exactly(1), .groupID: .exactly(16),
        .shareP: .exactly(65), .shareV: .exactly(65), .confirmP: .exactly(32), .confirmV: .exactly(32),
        .groupPublicKey: .exactly(32), .certificates: .each(114), .memberID: .exactly(4), .keyID: .exactly(2),
        .leaf: .exactly(4), .height: .exactly(1), .path: .each(32), .epoch: .exactly(4), .epochSecret: .exactly(32),
        .trafficKey: .exactly(34), .nodeKeys: .each(36), .controllers: .within(12...65_535), .timers: .exactly(4),
        .x25519: .exactly(32), .lease: .exactly(2), .haveEpoch: .exactly(4), .boots: .each(20), .multicast: .address,
        .requestHash: .exactly(32), .padding: .zeros,
        // Those of the machines.
        .services: .within(0...65_535), .directoryVersion: .exactly(4), .directoryEntries: .within(0...65_535),
        .directoryReset: .exactly(1), .correlation: .exactly(4), .memberCount: .exactly(4),
        .confirmation: .exactly(16), .beaconCounter: .exactly(8), .revokedSerials: .each(4),
        .groupTime: .exactly(8), .groupCounter: .exactly(8), .signature: .exactly(64), .resumeFrom: .exactly(8),
    ]
}
