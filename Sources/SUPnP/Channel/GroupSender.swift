package import Crypto
package import GroupKeys

/// A forwarder's end of the group's broadcast channel (specification 3.6).
///
/// It has one key, that of the epoch it was given last, and nothing is ever sent under an older one. Each broadcast is
/// signed by the forwarder inside the seal: alone, or as one of a burst of up to 16 under one signature.
///
/// One process has one of these per group, because its boot makes the keys: two with the same boot would repeat
/// nonces. A class of one owner, not `Sendable`.
package final class GroupSender {
    /// A burst has at most so many messages.
    package static let burstLimit = 16

    /// The forwarder.
    package let controller: ControllerID
    /// Its process.
    package let boot: BootID
    private let suite: Suite
    private let group: GroupID
    private let signer: Curve25519.Signing.PrivateKey
    private var key: SealingKey?
    private var lastEpoch: UInt32?
    private var nextMessage: UInt16 = 0

    /// A sender without an epoch. `suite` is hardened; `signer` is the key of the forwarder's certificate.
    package init(
        controller: ControllerID, boot: BootID, suite: Suite, group: GroupID, signer: Curve25519.Signing.PrivateKey
    ) {
        precondition(suite.isHardened, "the classic channel has its own sender")
        self.controller = controller
        self.boot = boot
        self.suite = suite
        self.group = group
        self.signer = signer
    }

    /// The epoch that is sent under; nil before the first and after `fence`.
    package var epoch: UInt32? { key?.scope.epoch }
    /// The counter of the next message in it.
    package var nextCounter: UInt64? { key?.next }

    /// Sends under `epoch` from here on, whose secret this is. Epochs only rise: the same one again would begin its
    /// counters again.
    package func install(epoch: UInt32, secret: SecretBytes) throws(ChannelFault) {
        if let lastEpoch, epoch <= lastEpoch { throw .notAscending }
        key = try SealingKey(
            .group(suite: suite, group: group, controller: controller, epoch: epoch),
            key: ChannelKeys.groupSender(epochSecret: secret, controller: controller, boot: boot))
        lastEpoch = epoch
    }

    /// Sends nothing until the next epoch is installed: the key is gone (specification 3.12.4).
    package func fence() { key = nil }

    /// Seals one message of 1...65,536 bytes into datagrams of at most `limit` bytes. One that fits a datagram is signed
    /// alone; the segments of one that does not are signed as bursts.
    package func seal(
        _ body: [UInt8], _ kind: MessageKind = .data, limit: Int = WireSizes.defaultDatagram
    ) throws(ChannelFault) -> [[UInt8]] {
        let limit = min(limit, WireSizes.maximumDatagram)
        let room = limit - WireSizes.sealedOverhead - BroadcastProof.singleLength
        if !body.isEmpty, body.count + Frame.wholeOverhead <= room {
            return [try sealSingle(Frame.whole(body), kind)]
        }
        let deepest = BroadcastProof.burstLength(depth: BroadcastProof.maximumDepth)
        let frames = try Frame.frames(
            of: body, room: limit - WireSizes.sealedOverhead - deepest, message: nextMessage)
        nextMessage &+= 1
        var datagrams: [[UInt8]] = []
        for start in stride(from: 0, to: frames.count, by: Self.burstLimit) {
            datagrams += try seal(Array(frames[start..<min(start + Self.burstLimit, frames.count)]), kind)
        }
        return datagrams
    }

    /// The longest message that ``sealBurst(_:_:limit:)`` takes in a burst of any size, in bytes.
    package static let burstMessageLimit =
        WireSizes.defaultDatagram - WireSizes.sealedOverhead
        - BroadcastProof.burstLength(depth: BroadcastProof.maximumDepth) - Frame.wholeOverhead

    /// Seals 1...16 messages under one signature, each into one datagram of at most `limit` bytes.
    package func sealBurst(
        _ bodies: [[UInt8]], _ kind: MessageKind = .data, limit: Int = WireSizes.defaultDatagram
    ) throws(ChannelFault) -> [[UInt8]] {
        guard 1...Self.burstLimit ~= bodies.count else { throw .tooLong }
        let depth = BroadcastProof.depth(of: bodies.count)
        let room = limit - WireSizes.sealedOverhead - BroadcastProof.burstLength(depth: depth)
        for body in bodies {
            guard !body.isEmpty else { throw .empty }
            guard body.count + Frame.wholeOverhead <= room else { throw .tooLong }
        }
        return try seal(bodies.map(Frame.whole), kind)
    }

    /// The longest message that one datagram carries if it is signed alone, in bytes.
    package static let singleMessageLimit =
        WireSizes.defaultDatagram - WireSizes.sealedOverhead - BroadcastProof.singleLength - Frame.wholeOverhead

    /// What ``sealBurst(frames:)`` takes of a message: itself, or its segments, each in any burst.
    func burstFrames(of body: [UInt8]) throws(ChannelFault) -> [[UInt8]] {
        let proof = BroadcastProof.burstLength(depth: BroadcastProof.maximumDepth)
        let room = WireSizes.defaultDatagram - WireSizes.sealedOverhead - proof
        let frames = try Frame.frames(of: body, room: room, message: nextMessage)
        if frames.count > 1 { nextMessage &+= 1 }
        return frames
    }

    /// Seals 1...16 frames of one or several messages under one signature, each into one datagram.
    func sealBurst(frames: [[UInt8]]) throws(ChannelFault) -> [[UInt8]] {
        guard 1...Self.burstLimit ~= frames.count else { throw .tooLong }
        return try seal(frames, .data)
    }

    private func seal(_ frames: [[UInt8]], _ kind: MessageKind) throws(ChannelFault) -> [[UInt8]] {
        frames.count == 1 ? [try sealSingle(frames[0], kind)] : try sealTree(frames, kind)
    }

    private func sealSingle(_ frame: [UInt8], _ kind: MessageKind) throws(ChannelFault) -> [UInt8] {
        guard let key else { throw .noKey }
        var datagram = try key.headers(kind, textCount: BroadcastProof.singleLength + frame.count)
        let octets = BroadcastProof.signedOctets(headers: datagram[...], group: group, payload: frame[...])
        datagram.append(BroadcastProof.Form.single.rawValue)
        datagram.append(contentsOf: try sign(octets))
        datagram.append(contentsOf: frame)
        try key.seal(&datagram)
        return datagram
    }

    private func sealTree(_ frames: [[UInt8]], _ kind: MessageKind) throws(ChannelFault) -> [[UInt8]] {
        guard let key else { throw .noKey }
        let proofLength = BroadcastProof.burstLength(depth: BroadcastProof.depth(of: frames.count))
        var datagrams: [[UInt8]] = []
        for (index, frame) in frames.enumerated() {
            datagrams.append(try key.headers(kind, textCount: proofLength + frame.count, ahead: index))
        }
        let tree = BurstTree(
            zip(datagrams, frames).map { BroadcastProof.leaf(headers: $0[...], payload: $1[...]) })
        let signature = try sign(BroadcastProof.signedOctets(root: tree.root, depth: tree.depth, group: group))
        for (index, frame) in frames.enumerated() {
            datagrams[index].append(BroadcastProof.Form.burst.rawValue)
            datagrams[index].append(UInt8(tree.depth << 4 | index))
            datagrams[index].append(contentsOf: signature)
            datagrams[index].append(contentsOf: tree.path(of: index))
            datagrams[index].append(contentsOf: frame)
            try key.seal(&datagrams[index])
        }
        return datagrams
    }

    private func sign(_ octets: [UInt8]) throws(ChannelFault) -> [UInt8] {
        do {
            return Array(try signer.signature(for: octets))
        } catch {
            throw .cipherUnavailable
        }
    }
}
