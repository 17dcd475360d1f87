import FoundationEssentials
import NetworkTypes
import Traversal
import TrustCore

/// What holds for whatever a name server, or somebody in its place, answers.
enum DNSProperties {
    private static let mac = [UInt8](repeating: 5, count: 32)

    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        guard let name = DNSName("key.example") else { preconditionFailure("a fixed name") }
        let key = TSIGKey(name: name, secret: [UInt8](repeating: 9, count: 32))
        let believed = try? key.verify(input, requestMAC: mac, at: 1_795_000_000)
        try expect(believed == nil, "an answer is believed that nobody has signed")
        guard let message = try? DNSMessage(input) else { return }
        let records = message.answers + message.authority + message.additional
        let names = message.questions.map(\.name) + records.map(\.name)
        try expect(names.count <= DNSMessage.maximumRecords, "records are bounded")
        for name in names {
            try expect(name.encoded.count <= 255, "a name has at most 255 bytes")
            try expect(name.labels.allSatisfy { (1...63).contains($0.count) }, "a label has 1 to 63 bytes")
        }
        try expectSame(message, try? DNSMessage(message.encoded), "a message")
        for record in records {
            guard let text = record.text else { continue }
            let again = DNSRecord(record.name, text: text, ttl: record.ttl)
            try expectSame(text, again.text, "a text")
        }
        // What is signed is believed, and says what was signed.
        guard names.count < DNSMessage.maximumRecords else { return }
        let signed = key.sign(message, at: 1_795_000_000, after: mac).bytes
        try expectSame(
            message, try? key.verify(signed, requestMAC: mac, at: 1_795_000_000), "a message that was signed")
    }
}

/// What holds for whatever a router, or somebody in its place, answers to PCP and NAT-PMP.
enum PortControlProperties {
    private static let start = ContinuousClock.now
    private static let router = SocketEndpoint(
        .v4(IPv4Address(192, 168, 1, 1)), port: PortControlLimits.serverPort)
    private static let stranger = SocketEndpoint(
        .v4(IPv4Address(192, 168, 1, 66)), port: PortControlLimits.serverPort)
    private static let own = IPAddress.v4(IPv4Address(192, 168, 1, 20))
    private static let target = MappingTarget(.tcp, port: 8_443)

    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        if let response = try? PCPResponse(input) {
            try expect(response.options.count <= PCPHeader.longestMessage / 4, "options are bounded")
        }
        let nonce = [UInt8](repeating: 3, count: 12)
        let pcp = PCPClient(server: router, client: own, nonces: [target: nonce])
        try check(pcp, input, mayGrant: input.count >= 36 && Array(input[24..<36]) == nonce)
        // Only who has seen a request can answer it: with its nonce an input leads further.
        if input.count >= 36 {
            var answer = input
            answer.replaceSubrange(24..<36, with: nonce)
            try check(pcp, answer, mayGrant: true)
        }
        try check(NATPMPClient(server: router), input, mayGrant: true)
    }

    private static func check(
        _ client: some PortControlClient, _ input: [UInt8], mayGrant: Bool
    ) throws(BrokenProperty) {
        var (client, random) = (client, SeededGenerator(seed: 4))
        _ = client.add(target, suggested: 8_443, at: start, using: &random)
        let next = client.next
        let unheard = client.received(input, from: stranger, at: start, using: &random)
        try expect(unheard.isEmpty && client.next == next, "only the router is heard")
        var now = start + .milliseconds(20)
        var sent = 0
        var outputs = client.received(input, from: router, at: now, using: &random)
        for _ in 0..<40 {
            for output in outputs {
                switch output {
                case .send(let bytes):
                    sent += 1
                    try expect(bytes.count <= PCPHeader.longestMessage, "a request is bounded")
                case .granted(let grant):
                    try expect(mayGrant, "a mapping is believed that nobody has granted who knows of it")
                    try expect(grant.target == target && grant.external.port != 0, "what was asked for is granted")
                    try expect(
                        grant.lifetime > .zero && grant.lifetime <= PortControlLimits.longestLifetime,
                        "a lifetime is bounded")
                case .refused(_, _, _, let retry):
                    try expect(retry >= PortControlLimits.shortestRetry, "a refusal is not answered with haste")
                case .routerRestarted, .silent, .unsupported, .gaveUp, .released: break
                }
            }
            guard let due = client.next else { break }
            try expect(due >= now, "nothing is due in the past")
            now = max(now, due)
            outputs = client.timeOut(at: now, using: &random)
        }
        try expect(sent <= 80, "two datagrams for each time that something is due, at most")
    }
}

/// What holds for an address record that was found where anybody can write.
enum AddressRecordProperties {
    private static let now = Date(timeIntervalSince1970: 1_795_000_000)
    private static let server = IdentityKey()

    /// A record, its text, and the key that reads it; the same for all inputs of a run.
    private static let published: (record: AddressRecord, text: [UInt8], key: AddressRecordKey) = {
        var random = SeededGenerator(seed: 8)
        let addresses = ["203.0.113.5:4433", "[2001:db8::7]:4433", "home.example.org:4433"].compactMap {
            GatewayAddress($0)
        }
        let record = AddressRecord(
            addresses: addresses, sequence: 7, issuedAt: now, expiresAt: now + 86_400)
        let keys = (0..<3).map { _ in
            AddressRecordKey(root: [UInt8](repeating: 7, count: 32), client: SubjectID(using: &random))
        }
        guard let text = try? record.sealed(to: keys, signedBy: server, using: &random) else {
            preconditionFailure("a fixed record")
        }
        return (record, Array(text.utf8), keys[1])
    }()

    /// The input is a text as it is, and then tells what to change of a record: where, and into what.
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        if let text = String(validating: input, as: UTF8.self) {
            try expect(open(text) == nil, "a record is believed that nobody has made")
            if let address = GatewayAddress(text) {
                try expectSame(address, GatewayAddress(address.description), "an address")
            }
        }
        var changed = published.text
        var rest = input[...]
        while rest.count >= 3, !changed.isEmpty {
            let place = (Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])) % changed.count
            switch rest[rest.startIndex + 2] {
            case 0x80...0x9F: changed.remove(at: place)
            case 0xA0...0xBF: changed.insert(changed[place], at: place)
            case 0xC0...0xFF: changed.removeLast(min(place, changed.count))
            case let byte: changed[place] = byte
            }
            rest = rest.dropFirst(3)
        }
        guard let text = String(validating: changed, as: UTF8.self), let believed = open(text) else {
            return try expect(changed != published.text, "a record that nobody has changed is believed")
        }
        try expect(believed == published.record, "what is believed is what the gateway has said")
    }

    private static func open(_ text: String) -> AddressRecord? {
        try? AddressRecord(
            opening: text, with: published.key, pins: [server.pin], after: nil, now: now)
    }
}
