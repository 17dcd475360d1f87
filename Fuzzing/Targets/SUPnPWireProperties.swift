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
        case .sealed(let header):
            try checkHeader(header, datagram)
            try expect(header.flags.contains(.encrypted), "what is sealed says so")
            try expect(header.flags.contains(.extended) == header.suite.isHardened, "the envelope goes with the suite")
        }
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
    }
}
