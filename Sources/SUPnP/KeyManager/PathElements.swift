package import GroupKeys

/// A server's whole path: LEAF ‖ HEIGHT ‖ PATH ‖ EPOCH ‖ EPOCH_SECRET, in REG_DONE and REKEY_USR.
package enum PathElements {
    /// The elements.
    package static func elements(_ path: MemberPath) -> [Tag: [UInt8]] {
        [
            .leaf: path.leaf.octets, .height: [UInt8(path.height)], .path: path.secrets.exposed,
            .epoch: path.epoch.octets, .epochSecret: path.epochSecret.exposed,
        ]
    }

    /// The elements as bytes.
    package static func encoded(_ path: MemberPath) -> [UInt8] {
        var writer = TLVWriter()
        for (tag, value) in elements(path).sorted(by: { $0.key < $1.key }) { writer.append(tag, value) }
        return writer.bytes
    }

    /// Reads bytes; nil unless they are a path.
    package static func decode(_ bytes: [UInt8]) -> MemberPath? {
        var reader = TLVReader(bytes)
        var elements: [Tag: [UInt8]] = [:]
        do {
            while let element = try reader.next() { elements[element.tag] = element.value }
        } catch {
            return nil
        }
        return path { elements[$0] }
    }

    /// The path that elements name; nil if one lacks, or they do not fit each other.
    package static func path(_ value: (Tag) -> [UInt8]?) -> MemberPath? {
        guard let leaf: UInt32 = integer(value(.leaf)), let height: UInt8 = integer(value(.height)),
            let epoch: UInt32 = integer(value(.epoch)), let secrets = value(.path), !secrets.isEmpty,
            let epochSecret = value(.epochSecret), !epochSecret.isEmpty
        else { return nil }
        return MemberPath(
            checking: epoch, height: Int(height), leaf: leaf, secrets: SecretBytes(secrets),
            epochSecret: SecretBytes(epochSecret))
    }

    static func integer<T: FixedWidthInteger & UnsignedInteger>(_ bytes: [UInt8]?) -> T? {
        guard let bytes, bytes.count == T.bitWidth / 8 else { return nil }
        var reader = ByteReader(bytes)
        return reader.read()
    }
}

/// A classic server's keys: LEAF ‖ HEIGHT ‖ TEK ‖ NODE_KEYS, the leaf's key first.
package enum ClassicPathElements {
    /// The elements.
    package static func elements(_ path: ClassicPath) -> [Tag: [UInt8]] {
        [
            .leaf: path.leaf.octets, .height: [UInt8(path.height)],
            .trafficKey: path.trafficKeyID.octets + path.trafficKey.exposed,
            .nodeKeys: path.numberedKeys.flatMap { $0.node.octets + $0.key.exposed },
        ]
    }

    /// The keys that elements name; nil if one lacks, or they do not fit each other.
    package static func path(_ value: (Tag) -> [UInt8]?) -> ClassicPath? {
        guard let leaf: UInt32 = PathElements.integer(value(.leaf)), let traffic = value(.trafficKey),
            traffic.count == 34, let identifier: UInt16 = PathElements.integer(Array(traffic.prefix(2))),
            let nodes = value(.nodeKeys), nodes.count.isMultiple(of: 36)
        else { return nil }
        let keys = stride(from: 0, to: nodes.count, by: 36).map { SecretBytes(nodes[$0 + 4..<$0 + 36]) }
        guard
            let path = ClassicPath(
                checking: leaf, keys: keys, trafficKeyID: identifier, trafficKey: SecretBytes(traffic.dropFirst(2))),
            path.numberedKeys.flatMap({ $0.node.octets + $0.key.exposed }) == nodes
        else { return nil }
        return path
    }
}
