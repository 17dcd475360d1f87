package import NetworkTypes

/// What a PCP server answers (RFC 6887 §7.4). Unknown numbers are kept.
package struct PCPResultCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let success = PCPResultCode(rawValue: 0)
    package static let unsupportedVersion = PCPResultCode(rawValue: 1)
    package static let notAuthorized = PCPResultCode(rawValue: 2)
    package static let malformedRequest = PCPResultCode(rawValue: 3)
    package static let unsupportedOpcode = PCPResultCode(rawValue: 4)
    package static let unsupportedOption = PCPResultCode(rawValue: 5)
    package static let malformedOption = PCPResultCode(rawValue: 6)
    package static let networkFailure = PCPResultCode(rawValue: 7)
    package static let noResources = PCPResultCode(rawValue: 8)
    package static let unsupportedProtocol = PCPResultCode(rawValue: 9)
    package static let userExceededQuota = PCPResultCode(rawValue: 10)
    package static let cannotProvideExternal = PCPResultCode(rawValue: 11)
    package static let addressMismatch = PCPResultCode(rawValue: 12)
    package static let excessiveRemotePeers = PCPResultCode(rawValue: 13)

    /// The name of RFC 6887, with what it means for a person.
    package var description: String {
        switch self {
        case .success: "SUCCESS"
        case .unsupportedVersion: "UNSUPP_VERSION (the router speaks another version)"
        case .notAuthorized: "NOT_AUTHORIZED (the router does not let this host, or PCP is switched off)"
        case .malformedRequest: "MALFORMED_REQUEST"
        case .unsupportedOpcode: "UNSUPP_OPCODE (the router makes no mappings)"
        case .unsupportedOption: "UNSUPP_OPTION"
        case .malformedOption: "MALFORMED_OPTION"
        case .networkFailure: "NETWORK_FAILURE (the router has no address of its own outside)"
        case .noResources: "NO_RESOURCES (the router has no room for another mapping)"
        case .unsupportedProtocol: "UNSUPP_PROTOCOL"
        case .userExceededQuota: "USER_EX_QUOTA (this host has as many mappings as it may have)"
        case .cannotProvideExternal: "CANNOT_PROVIDE_EXTERNAL (the port is taken)"
        case .addressMismatch: "ADDRESS_MISMATCH (there is another NAT between this host and the router)"
        case .excessiveRemotePeers: "EXCESSIVE_REMOTE_PEERS"
        default: "result \(rawValue)"
        }
    }
}

/// An option of PCP (§7.3).
package struct PCPOption: Hashable, Sendable {
    /// Asks for another host: refused here in either direction (§13.1), because whoever may map for others can open them.
    package static let thirdParty: UInt8 = 1
    /// Fail rather than give another port.
    package static let preferFailure: UInt8 = 2
    /// Only some remote hosts.
    package static let filter: UInt8 = 3

    package let code: UInt8
    package let data: [UInt8]

    package init(_ code: UInt8, _ data: [UInt8] = []) {
        self.code = code
        self.data = data
    }
}

/// The MAP opcode's own part, in requests and answers (§11.1).
package struct PCPMap: Hashable, Sendable {
    /// Tells one client's mappings from another's: 12 random bytes. Who does not know it cannot change the mapping.
    package let nonce: [UInt8]
    /// IANA's protocol number.
    package let transport: UInt8
    package let internalPort: UInt16
    /// Suggested, or assigned. Its address is the “any” address where none is suggested.
    package let external: SocketEndpoint

    package init(nonce: [UInt8], transport: UInt8, internalPort: UInt16, external: SocketEndpoint) {
        self.nonce = nonce
        self.transport = transport
        self.internalPort = internalPort
        self.external = external
    }

    static let nonceBytes = 12
    static let bytes = 36

    fileprivate var encoded: [UInt8] {
        var bytes = nonce + [transport, 0, 0, 0]
        bytes.append(bigEndian: internalPort)
        bytes.append(bigEndian: external.port)
        return bytes + external.address.sixteenBytes
    }

    fileprivate init(_ bytes: ArraySlice<UInt8>) {
        let bytes = Array(bytes)
        nonce = Array(bytes[..<12])
        transport = bytes[12]
        internalPort = UInt16(bytes[16..<18].number)
        external = SocketEndpoint(IPAddress(sixteenBytes: bytes[20..<36]), port: UInt16(bytes[18..<20].number))
    }
}

/// The numbers of PCP's header (§7.1).
package enum PCPHeader {
    /// The version of RFC 6887.
    package static let version: UInt8 = 2
    /// Bytes of a header.
    package static let bytes = 24
    /// No message is longer (§7).
    package static let longestMessage = 1_100
    package static let announce: UInt8 = 0
    package static let map: UInt8 = 1
    fileprivate static let isResponse: UInt8 = 0x80
}

/// What a client asks (§7.1).
package struct PCPRequest: Hashable, Sendable {
    /// Nil for ANNOUNCE, which asks only whether the server is there and the same (§14.1).
    package let map: PCPMap?
    /// Seconds; 0 removes the mapping.
    package let lifetime: UInt32
    /// The own address from which it is sent; a NAT on the way shows by it (§8.1).
    package let client: IPAddress
    package let options: [PCPOption]

    package init(_ map: PCPMap?, lifetime: UInt32 = 0, client: IPAddress, options: [PCPOption] = []) {
        self.map = map
        self.lifetime = lifetime
        self.client = client
        self.options = options
    }

    package var encoded: [UInt8] {
        var bytes: [UInt8] = [PCPHeader.version, map == nil ? PCPHeader.announce : PCPHeader.map, 0, 0]
        bytes.append(bigEndian: lifetime)
        bytes += client.sixteenBytes
        if let map { bytes += map.encoded }
        for option in options {
            bytes += [option.code, 0]
            bytes.append(bigEndian: UInt16(option.data.count))
            bytes += option.data + [UInt8](repeating: 0, count: -option.data.count & 3)
        }
        return bytes
    }
}

/// What a server answers, or announces (§7.2).
package struct PCPResponse: Hashable, Sendable {
    package let opcode: UInt8
    package let result: PCPResultCode
    /// Seconds: of the mapping, or for how long an error is to be expected.
    package let lifetime: UInt32
    /// Seconds since the server lost its state.
    package let epoch: UInt32
    /// Of MAP alone.
    package let map: PCPMap?
    package let options: [PCPOption]

    /// Why bytes are no answer of PCP.
    package enum Fault: Error, Hashable, Sendable {
        /// Shorter than a header, longer than 1100 bytes, or no multiple of four.
        case length
        /// The version is another; with it.
        case version(UInt8)
        /// It is a request.
        case notResponse
        /// An option reaches beyond the end.
        case option
    }

    /// Reads a datagram.
    package init(_ bytes: [UInt8]) throws(Fault) {
        guard let version = bytes.first else { throw .length }
        guard version == PCPHeader.version else { throw .version(version) }
        guard (PCPHeader.bytes...PCPHeader.longestMessage).contains(bytes.count), bytes.count.isMultiple(of: 4) else {
            throw .length
        }
        guard bytes[1] & PCPHeader.isResponse != 0 else { throw .notResponse }
        opcode = bytes[1] & ~PCPHeader.isResponse
        result = PCPResultCode(rawValue: bytes[3])
        lifetime = bytes[4..<8].number
        epoch = bytes[8..<12].number
        var rest = bytes[PCPHeader.bytes...]
        if opcode == PCPHeader.map {
            guard rest.count >= PCPMap.bytes else { throw .length }
            map = PCPMap(rest.prefix(PCPMap.bytes))
            rest = rest.dropFirst(PCPMap.bytes)
        } else {
            map = nil
            // The parts of other opcodes are unknown, and with them where options begin.
            if opcode != PCPHeader.announce { rest = [] }
        }
        var options: [PCPOption] = []
        while rest.count >= 4 {
            let count = Int(rest.dropFirst(2).prefix(2).number)
            let padded = (count + 3) & ~3
            guard rest.count >= 4 + padded else { throw .option }
            options.append(PCPOption(rest[rest.startIndex], Array(rest.dropFirst(4).prefix(count))))
            rest = rest.dropFirst(4 + padded)
        }
        self.options = options
    }
}
