import GroupKeys
import NetworkTypes
import Testing

/// `rekey0.json`: the paper's tree of eight leaves: joins, leaves, what each joiner gets and each message's body.
struct ClassicTreeVectors: Encodable {
    struct Path: Encodable {
        let leaf: UInt32
        let keys: [Hexadecimal]
        let tekID: UInt16
        let tek: Hexadecimal

        init(_ path: ClassicPath) {
            leaf = path.leaf
            keys = path.keys.map { Hexadecimal($0.exposed) }
            tekID = path.trafficKeyID
            tek = Hexadecimal(path.trafficKey.exposed)
        }
    }

    struct Step: Encodable {
        let name: String
        let op: UInt8
        let leaf: UInt32
        let body: Hexadecimal
        let joiner: Path?
        /// What every member holds afterwards.
        let members: [Path]
    }

    let height: Int
    let steps: [Step]

    static func made() throws -> ClassicTreeVectors {
        var tree = try ClassicKeyTree(height: 3, locksMemory: false)
        var random = SeededGenerator(seed: 3)
        var steps: [Step] = []
        let changes: [(ClassicChange, UInt32)] = [
            (.join, 0), (.join, 1), (.join, 2), (.join, 7), (.join, 5), (.leave, 1), (.join, 6), (.leave, 0),
            (.join, 0), (.leave, 7),
        ]
        for (change, leaf) in changes {
            let staged = try tree.stage(change, leaf: leaf, using: &random)
            try tree.merge(staged)
            steps.append(
                Step(
                    name: "\(change) \(leaf)", op: change.rawValue, leaf: leaf, body: Hexadecimal(staged.body),
                    joiner: staged.joinerPath.map { Path($0) },
                    members: (0..<8).compactMap { tree.path(ofLeaf: $0) }.map { Path($0) }))
        }
        return ClassicTreeVectors(height: 3, steps: steps)
    }
}

@Suite("Vectors of the paper's tree")
struct ClassicTreeVectorTests {
    @Test
    func `The paper's tree's vectors are what this code makes`() throws {
        try VectorFile.check("rekey0", try ClassicTreeVectors.made())
    }
}
