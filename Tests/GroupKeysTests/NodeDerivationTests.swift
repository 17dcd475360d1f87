import Crypto
import GroupKeys
import NetworkTypes
import Testing

@Suite("Derivation of the tree's secrets")
struct NodeDerivationTests {
    private static func info(_ label: TreeLabel, _ epoch: UInt32, _ node: UInt32, _ salt: [UInt8]) -> [UInt8] {
        Array("supnp1 n".utf8) + [label.rawValue] + octets(epoch) + octets(node) + salt
    }

    private static func octets(_ number: UInt32) -> [UInt8] {
        stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    @Test("A derived value is that of HKDF-Expand, for every label", arguments: TreeLabel.allCases)
    func againstExpand(label: TreeLabel) {
        var random = SeededGenerator(seed: UInt64(label.rawValue))
        for _ in 0..<50 {
            let secret = SecretBytes(count: 32, using: &random)
            let salt = random.bytes(16)
            let (epoch, node) = (UInt32(truncatingIfNeeded: random.next()), UInt32(truncatingIfNeeded: random.next()))
            let derived = KeyDerivation.node(secret, label, epoch: epoch, node: node, salt: salt)
            let info = Self.info(label, epoch, node, salt)
            let expanded = HKDF<SHA256>.expand(
                pseudoRandomKey: SymmetricKey(data: secret.exposed), info: info, outputByteCount: 32)
            let code = HMAC<SHA256>.authenticationCode(for: info + [1], using: SymmetricKey(data: secret.exposed))
            #expect(derived.exposed == expanded.withUnsafeBytes { Array($0) })
            #expect(derived.exposed == Array(code))
        }
    }

    @Test("A node's number is RFC 9420's array index, and names the node again")
    func numbers() {
        #expect(TreeNode.leaf(0).number == 0)
        #expect(TreeNode.leaf(5).number == 10)
        #expect(TreeNode(height: 1, index: 1).number == 5)
        #expect(TreeNode.root(height: 3).number == 7)
        #expect(TreeNode(height: 2, index: 1).number == 11)
        for number in UInt32(0)..<2_000 {
            let node = TreeNode(number: number)
            #expect(node?.number == number)
        }
        #expect(TreeNode(number: .max) == nil)
        #expect(TreeNode(number: .max - 1)?.height == 0)
    }

    @Test("A root becomes the left child of the root above it, with the same number")
    func growth() {
        for height in 0..<20 {
            #expect(TreeNode.root(height: height + 1).children?.left == TreeNode.root(height: height))
            #expect(TreeNode.root(height: height).parent == TreeNode.root(height: height + 1))
        }
    }
}
