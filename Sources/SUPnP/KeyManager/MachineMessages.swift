import GroupKeys

/// A server's list of services, and its answer.
enum OfferMessages {
    static func acknowledgement(_ correlation: UInt32) -> ControlMessage {
        ControlMessage(.servicesRegistered, [.correlation: correlation.octets])
    }
}

/// The two halves of a refresh.
enum RefreshMessages {
    static func acknowledgement(_ share: [UInt8]) -> ControlMessage {
        ControlMessage(.refreshAcknowledged, [.x25519: share])
    }
}

extension FixedWidthInteger {
    /// The bytes, most significant first.
    var octets: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: self)
        return bytes
    }
}
