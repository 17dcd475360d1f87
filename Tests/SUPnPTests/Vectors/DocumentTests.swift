import Foundation
import Testing

@Suite("The specification")
struct DocumentTests {
    private static let root = VectorFile.folder.appending(path: "../../..").standardizedFileURL

    /// Section 2 of security.md: what stands between quotes in the last column is a test's name.
    @Test
    func `Names tests that there are for every fault of the paper`() throws {
        let document = try String(
            contentsOf: Self.root.appending(path: "docs/specs/supnp/security.md"), encoding: .utf8)
        let rows = document.split(separator: "\n").filter { $0.hasPrefix("| F") || $0.hasPrefix("| mixing") }
        #expect(rows.count == 23)
        let tests = try sources()
        for row in rows {
            let cell = row.split(separator: "|").last ?? ""
            let parts = cell.split(separator: "\"", omittingEmptySubsequences: false)
            let names = parts.indices.filter { $0 % 2 == 1 }.map { String(parts[$0]) }
            #expect(!names.isEmpty, "\(row.prefix(40))")
            for name in names { #expect(tests.contains(name), "no test is named: \(name)") }
        }
    }

    private func sources() throws -> String {
        var text = ""
        for folder in ["Tests/SUPnPTests", "Tests/GroupKeysTests"] {
            let names = try FileManager.default.subpathsOfDirectory(atPath: Self.root.appending(path: folder).path)
            for name in names where name.hasSuffix(".swift") && !name.hasSuffix("DocumentTests.swift") {
                text += try String(contentsOf: Self.root.appending(path: "\(folder)/\(name)"), encoding: .utf8)
            }
        }
        return text
    }
}
