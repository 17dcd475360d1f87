import Crypto
import GroupKeys
import SUPnP

/// What holds for every datagram on SUPnP's port.
enum SUPnPHeaderProperties {
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        try checkClass(input)
        // Nearly every input fails at the checksum: the same bytes with a header that adds up lead further.
        guard input.count >= WireSizes.header, input.count <= WireSizes.maximumDatagram else { return }
        let flags = HeaderFlags(rawValue: input[2])
        let suite = Suite(rawValue: input[3] >> 4) ?? .classic
        let header = Header(
            flags: flags, suite: suite, keyID: UInt16(input[4]) << 8 | UInt16(input[5]),
            nonce: UInt16(input[6]) << 8 | UInt16(input[7]), bodyCount: input.count - WireSizes.header)
        let repaired = header.encoded + input.dropFirst(WireSizes.header)
        try expectSame(header, try? Header.decode(repaired), "header")
        try expect(header.encoded.count == WireSizes.header, "a header has 12 bytes")
        try checkClass(repaired)
    }

    private static func checkClass(_ datagram: [UInt8]) throws(BrokenProperty) {
        switch DatagramClass(datagram) {
        case .plain, .refused: return
        case .clear(let header, let type):
            try checkHeader(header, datagram)
            try expect(!header.flags.contains(.encrypted) && header.flags.contains(.control), "no data is in clear")
            try expect(type.clearFlags.contains(header.flags), "a type in clear has its own flags")
            if type == .beacon { try checkBeacon(datagram) }
        case .sealed(let header):
            try checkHeader(header, datagram)
            try expect(header.flags.contains(.encrypted), "what is sealed says so")
            try expect(header.flags.contains(.extended) == header.suite.isHardened, "the envelope goes with the suite")
        }
    }

    /// Nobody has signed it: it is read as far as that, and refused.
    private static func checkBeacon(_ datagram: [UInt8]) throws(BrokenProperty) {
        guard let group = GroupID(Array<UInt8>(0xA0..<0xB0)),
            let root = try? Curve25519.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 1, count: 32))
        else { preconditionFailure("fixed names") }
        let beacon = Beacon(verifying: datagram, group: group, after: 0) { bytes, time in
            try? UnverifiedCertificate(bytes).verified(root: root.publicKey, group: group, time: time, revoked: [])
        }
        try expect(beacon == nil, "a beacon passes that nobody has signed")
    }

    private static func checkHeader(_ header: Header, _ datagram: [UInt8]) throws(BrokenProperty) {
        try expect(header.encoded == Array(datagram.prefix(WireSizes.header)), "a header has one encoding")
    }
}

/// What holds for every body of a control message.
enum SUPnPControlProperties {
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        guard let message = try? ControlMessage.decode(input) else { return }
        try expect(message.encoded == input, "a control body has one encoding")
        try expect(
            zip(message.elements, message.elements.dropFirst()).allSatisfy { $0.tag < $1.tag }, "tags ascend")
        for element in message.elements {
            try expect(
                element.tag.accepts(element.value) != false, "a value that its tag does not have: \(element.tag)")
        }
        try expectSame(message, try? ControlMessage.decode(message.encoded), "control message")
        try checkDirectory(message)
        try checkControllers(message)
        if let contents = DoneContents(decoding: Array(input.dropFirst(2))) {
            try expect(contents.encoded == Array(input.dropFirst(2)), "the contents of REG_DONE have one encoding")
        }
        _ = PathElements.path { message[$0] }
        _ = ClassicPathElements.path { message[$0] }
    }

    private static func checkControllers(_ message: ControlMessage) throws(BrokenProperty) {
        let (list, boots) = (message[.controllers] ?? [], message[.boots] ?? [])
        guard let entries = ControllerEntry.decode(list, boots: boots) else { return }
        try expect(entries.flatMap(\.encoded) == list, "a list of controllers has one encoding")
        try expect(entries.flatMap(\.encodedBoot) == boots, "the controllers' processes have one encoding")
        let total = entries.reduce(0) { $0 + $1.addresses.count }
        try expect(
            entries.count <= ControllerEntry.maximumCount && total <= ControllerEntry.maximumAddressesInAll,
            "a list of controllers is bounded")
    }

    private static func checkDirectory(_ message: ControlMessage) throws(BrokenProperty) {
        if let bytes = message[.services], let offers = try? ServiceOfferCodec.decode(bytes) {
            try expect(ServiceOfferCodec.encode(offers) == bytes, "a list of services has one encoding")
        }
        if let bytes = message[.directoryEntries], let entries = try? DirectoryEntryCodec.decode(bytes) {
            let (written, count) = DirectoryEntryCodec.encode(entries)
            try expect(written == bytes && count == entries.count, "changes of the directory have one encoding")
            var view = DirectoryView()
            _ = view.apply(entries, upTo: entries.last?.version ?? 0)
            try expect(view.apply(entries, upTo: 0).isEmpty, "changes that are known change nothing")
        }
    }
}
