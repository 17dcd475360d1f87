package import NetworkTypes

/// What a NAT-PMP router answers (RFC 6886 §3.5). Unknown numbers are kept.
package struct NATPMPResultCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let success = NATPMPResultCode(rawValue: 0)
    package static let unsupportedVersion = NATPMPResultCode(rawValue: 1)
    package static let notAuthorized = NATPMPResultCode(rawValue: 2)
    package static let networkFailure = NATPMPResultCode(rawValue: 3)
    package static let outOfResources = NATPMPResultCode(rawValue: 4)
    package static let unsupportedOpcode = NATPMPResultCode(rawValue: 5)

    package var description: String {
        switch self {
        case .success: "success"
        case .unsupportedVersion: "unsupported version"
        case .notAuthorized: "not authorised (NAT-PMP is switched off in the router)"
        case .networkFailure: "network failure (the router has no address of its own outside)"
        case .outOfResources: "out of resources (the router has no room for another mapping)"
        case .unsupportedOpcode: "unsupported opcode"
        default: "result \(rawValue)"
        }
    }
}

/// What a client of NAT-PMP asks (§3.2, §3.3).
package enum NATPMPRequest: Hashable, Sendable {
    /// The router's external address.
    case externalAddress
    /// A mapping; lifetime 0 removes it, then with external port 0.
    case map(MappingTarget, external: UInt16, lifetime: UInt32)

    package var encoded: [UInt8] {
        switch self {
        case .externalAddress: return [0, 0]
        case .map(let target, let external, let lifetime):
            var bytes: [UInt8] = [0, NATPMPResponse.opcode(of: target.transport), 0, 0]
            bytes.append(bigEndian: target.port)
            bytes.append(bigEndian: external)
            bytes.append(bigEndian: lifetime)
            return bytes
        }
    }
}

/// What a router answers, or announces.
package struct NATPMPResponse: Hashable, Sendable {
    package enum Content: Hashable, Sendable {
        case externalAddress(IPv4Address)
        case mapped(MappingTarget, external: UInt16, lifetime: UInt32)
        /// An error carries what it refers to only by its opcode: 0 to 127, or 128 for a version that is not spoken
        /// (erratum 3618).
        case refused(opcode: UInt8)
    }

    package let result: NATPMPResultCode
    /// Seconds since the router lost its state; nil where an error is too short to hold it.
    package let epoch: UInt32?
    package let content: Content

    /// Why bytes are no answer of NAT-PMP.
    package enum Fault: Error, Hashable, Sendable {
        case length
        /// The version is another; with it. A server that speaks only PCP answers so.
        case version(UInt8)
        case notResponse
        case opcode(UInt8)
    }

    static func opcode(of transport: MappingTarget.Transport) -> UInt8 { transport == .udp ? 1 : 2 }

    /// Reads a datagram.
    package init(_ bytes: [UInt8]) throws(Fault) {
        guard let version = bytes.first else { throw .length }
        guard version == 0 else { throw .version(version) }
        guard bytes.count >= 4 else { throw .length }
        guard bytes[1] >= 128 else { throw .notResponse }
        let opcode = bytes[1] - 128
        result = NATPMPResultCode(rawValue: UInt16(bytes[2..<4].number))
        epoch = bytes.count >= 8 ? bytes[4..<8].number : nil
        guard result == .success else {
            content = .refused(opcode: opcode)
            return
        }
        switch opcode {
        case 0:
            guard bytes.count == 12 else { throw .length }
            content = .externalAddress(IPv4Address(rawValue: bytes[8..<12].number))
        case 1, 2:
            guard bytes.count == 16 else { throw .length }
            let target = MappingTarget(opcode == 1 ? .udp : .tcp, port: UInt16(bytes[8..<10].number))
            content = .mapped(target, external: UInt16(bytes[10..<12].number), lifetime: bytes[12..<16].number)
        default: throw .opcode(opcode)
        }
    }
}
