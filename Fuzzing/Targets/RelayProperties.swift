import NIOCore
import NetworkTypes
import RelayProtocol

/// What holds for every beginning of a connection to a relay.
enum RelayHelloProperties {
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        let whole = read(input, in: max(input.count, 1))
        // Segments are the network's affair: they change nothing.
        let cut = 1 + Int(input.last ?? 0) % 61
        try expect(whole == read(input, in: cut), "segments of \(cut) bytes read otherwise: \(whole)")
        guard case .hello(let hello) = whole else { return }
        try expect(input.first == 22, "a hello is in a handshake record")
        if let name = hello.serverName {
            try expect((1...255).contains(name.utf8.count), "a name has 1 to 255 bytes")
            try expect(name == name.lowercased() && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "a name is plain")
        }
        try expect(hello.protocols.count <= 64, "protocols are bounded")
        let shorter = read(Array(input.dropLast()), in: max(input.count, 1))
        if case .refused = shorter { throw BrokenProperty("a byte less is refused, a byte more is a hello") }
    }

    private static func read(_ input: [UInt8], in pieces: Int) -> ClientHelloReader.Step {
        var reader = ClientHelloReader()
        var rest = input[...]
        var step = ClientHelloReader.Step.more
        while step == .more, !rest.isEmpty {
            step = reader.feed(ByteBuffer(bytes: rest.prefix(pieces)))
            rest = rest.dropFirst(pieces)
        }
        return step
    }
}

/// What holds for what a gateway reads of a relay: the PROXY header, and frames of the standby connection.
enum RelayPeerProperties {
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        try checkHeader(input)
        // Nearly every input fails at the first byte: behind the signature it leads further.
        try checkHeader([0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A] + input)
        try checkFrames(input)
    }

    private static func checkHeader(_ input: [UInt8]) throws(BrokenProperty) {
        var bytes = ByteBuffer(bytes: input)
        switch ProxyHeader.take(from: &bytes) {
        case .more:
            try expect(bytes.readableBytes == input.count, "nothing is taken of what is not complete")
            try expect(input.count < ProxyHeader.maximumBytes, "a header has an end")
        case .malformed: return
        case .header(let header):
            let taken = input.count - bytes.readableBytes
            try expect((16...ProxyHeader.maximumBytes).contains(taken), "\(taken) bytes were taken")
            var again = header.encoded
            guard case .header(let same) = ProxyHeader.take(from: &again) else {
                throw BrokenProperty("a header that was written is refused: \(header)")
            }
            let families = (header.source?.address.isIPv4, header.destination?.address.isIPv4)
            // Endpoints of two families, one of them mapped, are told as none.
            if families.0 == families.1 { try expectSame(header, same, "PROXY header") }
        }
    }

    private static func checkFrames(_ input: [UInt8]) throws(BrokenProperty) {
        guard let key = StandbyKey(bytes: [UInt8](repeating: 1, count: 32)) else { preconditionFailure("a fixed key") }
        var codec = StandbyCodec(key: key, side: .gateway)
        var bytes = ByteBuffer(bytes: input)
        let frame = try? codec.decode(from: &bytes)
        try expect(frame == nil, "a frame passes that nobody has authenticated")
        for answer in [input, [0] + input] {
            guard let read = RegistrationAnswer(bytes: answer) else { continue }
            if case .accepted = read { try expectSame(read, RegistrationAnswer(bytes: read.bytes), "answer") }
        }
        if let request = RegistrationRequest(bytes: input) {
            try expectSame(request, RegistrationRequest(bytes: request.bytes), "request")
        }
    }
}

extension IPAddress {
    fileprivate var isIPv4: Bool { if case .v4 = self { true } else { false } }
}
