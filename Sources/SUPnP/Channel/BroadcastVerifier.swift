import Crypto
package import GroupKeys

/// Verifies the broadcasts of one forwarder in one group (specification 3.6.5).
///
/// It keeps the last few roots of bursts that it has verified, so that a burst of 16 costs one verification and 16
/// short hash chains, in whatever order its messages come.
package struct BroadcastVerifier: Sendable {
    /// The forwarder.
    package let controller: ControllerID
    private let group: GroupID
    private let key: Curve25519.Signing.PublicKey
    private var roots: [VerifiedRoot] = []

    /// How many roots are kept.
    private static let rootLimit = 8

    private struct VerifiedRoot: Sendable {
        let root: [UInt8]
        let depth: Int
        let signature: [UInt8]
    }

    /// A verifier under the key of a certificate that has been verified itself.
    package init(_ certificate: ControllerCertificate, group: GroupID) {
        controller = certificate.controller
        key = certificate.key
        self.group = group
    }

    /// The payload of a broadcast, of which both headers and the plaintext are given.
    mutating func verify(_ bytes: [UInt8]) throws(ChannelRefusal) -> ArraySlice<UInt8> {
        let headers = bytes.prefix(WireSizes.sealedHeader)
        let text = bytes.dropFirst(WireSizes.sealedHeader)
        switch text.first.flatMap(BroadcastProof.Form.init) {
        case .single: return try verifySingle(headers, text.dropFirst())
        case .burst: return try verifyBurst(headers, text.dropFirst())
        case nil: throw .notSigned
        }
    }

    private func verifySingle(
        _ headers: ArraySlice<UInt8>, _ rest: ArraySlice<UInt8>
    ) throws(ChannelRefusal) -> ArraySlice<UInt8> {
        guard rest.count > BroadcastProof.signatureLength else { throw .notSigned }
        let signature = rest.prefix(BroadcastProof.signatureLength)
        let payload = rest.dropFirst(BroadcastProof.signatureLength)
        let octets = BroadcastProof.signedOctets(headers: headers, group: group, payload: payload)
        guard key.isValidSignature(Array(signature), for: octets) else { throw .notSigned }
        return payload
    }

    private mutating func verifyBurst(
        _ headers: ArraySlice<UInt8>, _ rest: ArraySlice<UInt8>
    ) throws(ChannelRefusal) -> ArraySlice<UInt8> {
        guard let place = rest.first else { throw .notSigned }
        let depth = Int(place >> 4)
        let index = Int(place & 0x0F)
        guard 1...BroadcastProof.maximumDepth ~= depth, index < 1 << depth,
            rest.count > BroadcastProof.burstLength(depth: depth) - 1
        else { throw .notSigned }
        let signature = Array(rest.dropFirst().prefix(BroadcastProof.signatureLength))
        let path = rest.dropFirst(1 + BroadcastProof.signatureLength).prefix(depth * BroadcastProof.nodeLength)
        let payload = rest.dropFirst(BroadcastProof.burstLength(depth: depth) - 1)
        let leaf = BroadcastProof.leaf(headers: headers, payload: payload)
        let root = BroadcastProof.root(leaf: leaf, index: index, path: path)
        if roots.contains(where: { $0.root == root && $0.depth == depth && $0.signature == signature }) {
            return payload
        }
        let octets = BroadcastProof.signedOctets(root: root, depth: depth, group: group)
        guard key.isValidSignature(signature, for: octets) else { throw .notSigned }
        if roots.count == Self.rootLimit { roots.removeFirst() }
        roots.append(VerifiedRoot(root: root, depth: depth, signature: signature))
        return payload
    }
}
