import Foundation
import FuzzTargets
import NetworkTypes
import Testing

/// Replays what fuzzing has found: each input once led somewhere that no other did, or broke something.
@Suite("Fuzzing's inputs, replayed", .timeLimit(.minutes(2)))
struct ReplayTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Fuzzing").standardizedFileURL

    private func inputs(_ kind: String, _ target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let folder = Self.folder.appending(path: "\(kind)/\(target.rawValue)")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        return try names.filter { !$0.hasPrefix(".") }.map { name in
            (name, Array(try Data(contentsOf: folder.appending(path: name))))
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func `Every input of the corpus keeps the target's properties`(target: FuzzTarget) throws {
        let inputs = try inputs("Corpus", target)
        #expect(!inputs.isEmpty, "Fuzzing/Corpus/\(target.rawValue) is empty")
        #expect(inputs.count < 200 && inputs.reduce(0) { $0 + $1.bytes.count } < 300 * 1024)
        for (name, bytes) in inputs {
            #expect(throws: Never.self, "Corpus/\(target.rawValue)/\(name)") { try target.check(bytes) }
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func `What once broke a target does so no longer`(target: FuzzTarget) throws {
        guard FileManager.default.fileExists(atPath: Self.folder.appending(path: "Crashes/\(target.rawValue)").path)
        else { return }
        for (name, bytes) in try inputs("Crashes", target) {
            #expect(throws: Never.self, "Crashes/\(target.rawValue)/\(name)") { try target.check(bytes) }
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func `Inputs changed at random keep the properties too`(target: FuzzTarget) throws {
        var random = SeededGenerator(seed: 1)
        let inputs = try inputs("Corpus", target)
        for _ in 0..<200 {
            guard case (let name, var bytes)? = inputs.randomElement(using: &random) else { return }
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0...bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes.insert(.random(in: 0...255, using: &random), at: at)
                case 1: if at < bytes.count { bytes.remove(at: at) }
                default: if at < bytes.count { bytes[at] = .random(in: 0...255, using: &random) }
                }
            }
            #expect(throws: Never.self, "\(name), changed to \(bytes)") { try target.check(bytes) }
        }
    }
}
