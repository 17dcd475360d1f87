import GroupKeys
import NetworkTypes

// How a store keeps records. Every form begins with its number; integers are big-endian, and a list or a run of bytes
// has its count, u32, before it. Decoding takes what encoding writes and gives nil for everything else: it is what keeps
// a damaged file from stopping the program. The bytes have secrets in them, to be sealed by whoever keeps them.

extension CredentialRecord {
    private static let form: UInt8 = 1

    /// The record without its device's name:
    /// `1 ‖ u8 roles ‖ u8 lowest suite ‖ salt(16) ‖ secret ‖ n × pattern`, where the secret is `0 ‖ run` for a classic
    /// record and `1 ‖ u8 KDF_ID ‖ run w0 ‖ run L` for a hardened one.
    package var storedForm: [UInt8] {
        var writer = FormWriter(Self.form)
        writer.write(roles.rawValue)
        writer.write(minimumSuite.rawValue)
        writer.bytes += salt
        switch secret {
        case .classic(let salted):
            writer.write(UInt8(0))
            writer.write(run: salted.exposed)
        case .hardened(let derivation, let verifier):
            writer.write(UInt8(1))
            writer.write(derivation.rawValue)
            writer.write(run: verifier.w0.exposed)
            writer.write(run: verifier.l)
        }
        writer.write(UInt32(servicePatterns.count))
        for pattern in servicePatterns { writer.write(run: Array(pattern.utf8)) }
        return writer.bytes
    }

    /// Reads ``storedForm``; nil for anything else.
    package init?(storedForm bytes: [UInt8], of device: DeviceID) {
        var reader = FormReader(bytes)
        guard reader.begins(with: Self.form), let roles = reader.octet(), let lowest = reader.octet(),
            let suite = Suite(rawValue: lowest), roles == DeviceRoles(rawValue: roles).rawValue,
            let salt = reader.read(count: 16), let kind = reader.octet()
        else { return nil }
        let secret: Secret
        switch kind {
        case 0:
            guard let salted = reader.secret() else { return nil }
            secret = .classic(salted: salted)
        case 1:
            guard let number = reader.octet(), let derivation = PasswordDerivation(rawValue: number),
                let w0 = reader.secret(), let l = reader.run(), let verifier = VerifierRecord(w0: w0, l: l)
            else { return nil }
            secret = .hardened(derivation, verifier)
        default: return nil
        }
        guard let patterns = reader.texts(), reader.isAtEnd else { return nil }
        self.init(
            id: device, roles: DeviceRoles(rawValue: roles), salt: salt, secret: secret, servicePatterns: patterns,
            minimumSuite: suite)
    }
}

/// Lists of service patterns: `1 ‖ n × pattern`.
package enum PatternsForm {
    private static let form: UInt8 = 1

    /// Writes a list.
    package static func encode(_ patterns: [ServicePattern]) -> [UInt8] {
        var writer = FormWriter(form)
        writer.write(UInt32(patterns.count))
        for pattern in patterns { writer.write(run: Array(pattern.text.utf8)) }
        return writer.bytes
    }

    /// Reads a list; nil for anything that ``encode(_:)`` does not write.
    package static func decode(_ bytes: [UInt8]) -> [ServicePattern]? {
        var reader = FormReader(bytes)
        guard reader.begins(with: form), let texts = reader.texts(), reader.isAtEnd else { return nil }
        let patterns = texts.compactMap { ServicePattern($0) }
        return patterns.count == texts.count ? patterns : nil
    }
}

extension KeptMemberRecord {
    private static let form: UInt8 = 1

    /// The record without its number and its device's name: `1 ‖ u8 flags ‖ u8 roles ‖ u8 suite ‖ u16 KEYID ‖
    /// u32 generation ‖ u32 leaf ‖ run RELAY ‖ [run RFR] ‖ [u32 generation ‖ run RELAY ‖ run share ‖ run share]`.
    ///
    /// Flags, from bit 0: found by its device, found by its KEYID, has a leaf (zero without), has RFR, has a refresh.
    package var storedForm: [UInt8] {
        var writer = FormWriter(Self.form)
        let flags = [isDevices, isKeyIDs, record.leaf != nil, record.refresh != nil, record.pendingRefresh != nil]
        writer.write(flags.enumerated().reduce(UInt8(0)) { $0 | ($1.element ? 1 << UInt8($1.offset) : 0) })
        writer.write(record.roles.rawValue)
        writer.write(record.suite.rawValue)
        writer.write(record.keyID)
        writer.write(record.generation)
        writer.write(record.leaf ?? 0)
        writer.write(run: record.relay.exposed)
        if let refresh = record.refresh { writer.write(run: refresh.exposed) }
        if let pending = record.pendingRefresh {
            writer.write(pending.generation)
            writer.write(run: pending.relay.exposed)
            writer.write(run: pending.memberShare)
            writer.write(run: pending.managerShare)
        }
        return writer.bytes
    }

    /// Reads ``storedForm``; nil for anything else.
    package init?(storedForm bytes: [UInt8], id: UInt32, device: DeviceID) {
        var reader = FormReader(bytes)
        guard reader.begins(with: Self.form), let flags = reader.octet(), flags < 32, let roles = reader.octet(),
            roles == DeviceRoles(rawValue: roles).rawValue, let suite = reader.octet().flatMap({ Suite(rawValue: $0) }),
            let keyID: UInt16 = reader.read(), let generation: UInt32 = reader.read(), let leaf: UInt32 = reader.read(),
            flags & 4 != 0 || leaf == 0, let relay = reader.secret()
        else { return nil }
        var refresh: SecretBytes?
        if flags & 8 != 0 {
            refresh = reader.secret()
            guard refresh != nil else { return nil }
        }
        var pending: PendingRefresh?
        if flags & 16 != 0 {
            guard let before: UInt32 = reader.read(), let relay = reader.secret(), let member = reader.run(),
                let manager = reader.run()
            else { return nil }
            pending = PendingRefresh(generation: before, relay: relay, memberShare: member, managerShare: manager)
        }
        guard reader.isAtEnd else { return nil }
        let record = MemberRecord(
            id: id, device: device, roles: DeviceRoles(rawValue: roles), suite: suite, keyID: keyID,
            generation: generation, relay: relay, refresh: refresh, leaf: flags & 4 != 0 ? leaf : nil,
            pendingRefresh: pending)
        self.init(record, isDevices: flags & 1 != 0, isKeyIDs: flags & 2 != 0)
    }
}

extension ClassicTreeChange {
    private static let form: UInt8 = 1

    /// `1 ‖ u8 change ‖ u32 leaf ‖ u8 has a member ‖ u32 member, zero without ‖ run seed`.
    package var storedForm: [UInt8] {
        var writer = FormWriter(Self.form)
        writer.write(change.rawValue)
        writer.write(leaf)
        writer.write(UInt8(member == nil ? 0 : 1))
        writer.write(member ?? 0)
        writer.write(run: seed.exposed)
        return writer.bytes
    }

    /// Reads ``storedForm``; nil for anything else.
    package init?(storedForm bytes: [UInt8]) {
        var reader = FormReader(bytes)
        guard reader.begins(with: Self.form), let change = reader.octet().flatMap({ ClassicChange(rawValue: $0) }),
            let leaf: UInt32 = reader.read(), let hasMember = reader.octet(), hasMember <= 1,
            let member: UInt32 = reader.read(), hasMember == 1 || member == 0, let seed = reader.secret(),
            reader.isAtEnd
        else { return nil }
        self.init(change: change, leaf: leaf, member: hasMember == 1 ? member : nil, seed: seed)
    }
}

/// Writes a stored form.
struct FormWriter {
    var bytes: [UInt8]

    init(_ form: UInt8) { bytes = [form] }

    mutating func write(_ value: some FixedWidthInteger) { bytes.append(bigEndian: value) }

    mutating func write(run: [UInt8]) {
        write(UInt32(run.count))
        bytes += run
    }
}

/// Reads a stored form.
struct FormReader {
    private var reader: ByteReader

    init(_ bytes: [UInt8]) { reader = ByteReader(bytes) }

    var isAtEnd: Bool { reader.remaining == 0 }

    mutating func begins(with form: UInt8) -> Bool { octet() == form }

    mutating func octet() -> UInt8? { reader.read() }

    mutating func read<T: FixedWidthInteger & UnsignedInteger>(_ type: T.Type = T.self) -> T? { reader.read() }

    mutating func read(count: Int) -> [UInt8]? { reader.read(count: count) }

    mutating func run() -> [UInt8]? {
        guard let count: UInt32 = reader.read() else { return nil }
        return reader.read(count: Int(count))
    }

    mutating func secret() -> SecretBytes? {
        guard let run = run(), !run.isEmpty else { return nil }
        return SecretBytes(run)
    }

    mutating func endpoint() -> SocketEndpoint? { EndpointCodec.read(&reader) }

    /// A list of things that have at least so many bytes each. Its count is no promise: what there is of bytes bounds it.
    mutating func list<Value>(least: Int, _ next: (inout FormReader) -> Value?) -> [Value]? {
        guard let count: UInt32 = reader.read(), Int(count) <= reader.remaining / least else { return nil }
        var values: [Value] = []
        for _ in 0..<count {
            guard let value = next(&self) else { return nil }
            values.append(value)
        }
        return values
    }

    mutating func texts() -> [String]? {
        list(least: 4) { $0.run().flatMap { String(validating: $0, as: UTF8.self) } }
    }
}
