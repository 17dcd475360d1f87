import CLibCrypto

/// What a value derived from a node's secret is for (group keys §3.9.1).
package enum TreeLabel: UInt8, CaseIterable, Sendable {
    /// A node's secret out of its child's.
    case up = 0x75
    /// The pad that a node's secret is sent under to a child.
    case wrap = 0x77
    /// A node's secret after somebody has joined below it.
    case join = 0x6A
    /// A used secret's successor.
    case next = 0x6E
    /// The epoch's secret.
    case epoch = 0x65
    /// A secret out of the batch's own randomness.
    case fresh = 0x66
}

extension KeyDerivation {
    /// One value of the tree: HKDF-Expand of a secret of 32 bytes over
    /// `"supnp1 n" ‖ label ‖ epoch ‖ node ‖ salt(16)` to 32 bytes.
    package static func node(
        _ secret: SecretBytes, _ label: TreeLabel, epoch: UInt32, node number: UInt32, salt: [UInt8]
    ) -> SecretBytes {
        precondition(secret.count == RekeyLimits.secretLength, "a secret of the tree has 32 bytes")
        var derivation = NodeDerivation(epoch: epoch, salt: salt)
        return SecretBytes(count: RekeyLimits.secretLength) { target in
            secret.withUnsafeBytes { source in
                guard let key = source.baseAddress, let place = target.baseAddress else { return }
                derivation.load(key)
                derivation.derive(label, node: number, into: place)
            }
        }
    }
}

/// The key derivation of the tree for one epoch: HKDF-Expand with SHA-256 to 32 bytes over
/// `"supnp1 n" ‖ label ‖ epoch ‖ node ‖ salt` (group keys §3.9.1).
///
/// An eviction from a million members is eighty of these, so it is one HMAC spelled out over the bare compression
/// function: two compressions to take a key in, two for each value that is derived from it, and no allocation. Its
/// working memory is erased when it goes.
struct NodeDerivation: ~Copyable {
    /// The length of every secret of the tree.
    static let byteCount = 32

    private typealias State = (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32)

    private static let initial: State = (
        0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19
    )

    // One allocation: the hash's context, the blocks, and the key's two states.
    private static let contextSize = 128
    private static let size = contextSize + 64 * 3 + 32 * 2

    private let memory: UnsafeMutableRawPointer
    private let context: UnsafeMutablePointer<SHA256_CTX>
    private var state: UnsafeMutablePointer<State> {
        UnsafeMutableRawPointer(context).assumingMemoryBound(to: State.self)
    }
    private var keyBlock: UnsafeMutablePointer<UInt8> { block(0) }
    private var message: UnsafeMutablePointer<UInt8> { block(1) }
    private var digest: UnsafeMutablePointer<UInt8> { block(2) }
    private var innerState: UnsafeMutablePointer<State> { keyState(0) }
    private var outerState: UnsafeMutablePointer<State> { keyState(1) }

    /// How many values were derived.
    private(set) var count = 0
    private let salt: [UInt8]
    private let epoch: UInt32
    private let witness: DerivationWitness?
    private var witnessedKey: SecretBytes?

    /// Derivations of `epoch` with its `salt` of 16 bytes.
    init(epoch: UInt32, salt: [UInt8], witness: DerivationWitness? = nil) {
        precondition(salt.count == RekeyLimits.saltLength, "a salt has 16 bytes")
        self.epoch = epoch
        self.salt = salt
        self.witness = witness
        memory = .allocate(byteCount: Self.size, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: Self.size)
        context = memory.bindMemory(to: SHA256_CTX.self, capacity: 1)
        // "supnp1 n" ‖ label ‖ epoch ‖ node ‖ salt ‖ 1, then SHA-256's own padding: 64 + 34 octets in all.
        for (offset, byte) in "supnp1 n".utf8.enumerated() { message[offset] = byte }
        for offset in 0..<4 { message[9 + offset] = UInt8(truncatingIfNeeded: epoch >> (24 - 8 * offset)) }
        for (offset, byte) in salt.enumerated() { message[17 + offset] = byte }
        message[33] = 1
        message[34] = 0x80
        Self.storeLength(octets: 64 + 34, at: message)
        digest[32] = 0x80
        Self.storeLength(octets: 64 + 32, at: digest)
    }

    deinit {
        OPENSSL_cleanse(memory, Self.size)
        memory.deallocate()
    }

    /// Takes in the key of what is derived next: 32 bytes.
    mutating func load(_ key: UnsafeRawPointer) {
        if witness != nil { witnessedKey = SecretBytes(UnsafeRawBufferPointer(start: key, count: Self.byteCount)) }
        let bytes = key.assumingMemoryBound(to: UInt8.self)
        for offset in 0..<32 { keyBlock[offset] = bytes[offset] ^ 0x36 }
        for offset in 32..<64 { keyBlock[offset] = 0x36 }
        compress(from: Self.initial, keyBlock)
        innerState.pointee = state.pointee
        for offset in 0..<64 { keyBlock[offset] ^= 0x36 ^ 0x5C }
        compress(from: Self.initial, keyBlock)
        outerState.pointee = state.pointee
    }

    /// Derives 32 bytes from the loaded key for the node with `number`.
    mutating func derive(_ label: TreeLabel, node number: UInt32, into target: UnsafeMutableRawPointer) {
        message[8] = label.rawValue
        (message + 13).withMemoryRebound(to: UInt8.self, capacity: 4) { field in
            UnsafeMutableRawPointer(field).storeBytes(of: number.bigEndian, as: UInt32.self)
        }
        compress(from: innerState.pointee, message)
        storeState(at: digest)
        compress(from: outerState.pointee, digest)
        storeState(at: target)
        count += 1
        if let witness { record(label, number, UnsafeRawPointer(target), in: witness) }
    }

    private func record(
        _ label: TreeLabel, _ number: UInt32, _ value: UnsafeRawPointer, in witness: DerivationWitness
    ) {
        guard let witnessedKey else { return }
        let value = SecretBytes(UnsafeRawBufferPointer(start: value, count: Self.byteCount))
        witness.record(
            .init(key: witnessedKey, label: label, epoch: epoch, node: number, salt: salt, value: value))
    }

    private func block(_ index: Int) -> UnsafeMutablePointer<UInt8> {
        (memory + Self.contextSize + 64 * index).assumingMemoryBound(to: UInt8.self)
    }

    private func keyState(_ index: Int) -> UnsafeMutablePointer<State> {
        (memory + Self.contextSize + 64 * 3 + 32 * index).assumingMemoryBound(to: State.self)
    }

    private func compress(from start: State, _ block: UnsafePointer<UInt8>) {
        state.pointee = start
        SHA256_Transform(context, block)
    }

    private func storeState(at target: UnsafeMutableRawPointer) {
        let words = UnsafeRawPointer(state)
        for offset in stride(from: 0, to: 32, by: 4) {
            let word = words.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            target.storeBytes(of: word.bigEndian, toByteOffset: offset, as: UInt32.self)
        }
    }

    private static func storeLength(octets: Int, at block: UnsafeMutablePointer<UInt8>) {
        let bits = UInt16(octets * 8)
        block[62] = UInt8(bits >> 8)
        block[63] = UInt8(truncatingIfNeeded: bits)
    }
}

extension UnsafeMutableRawPointer {
    /// XORs 32 bytes of `other` into the 32 bytes here.
    func formXOR(_ other: UnsafeRawPointer) {
        for offset in stride(from: 0, to: 32, by: 8) {
            let word =
                loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                ^ other.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
        }
    }
}
