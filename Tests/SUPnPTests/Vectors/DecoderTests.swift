import Foundation
import Testing

/// The decoder in Python knows the document and none of this code. What it derives and opens, another implementation
/// can derive and open too.
@Suite("An independent decoder", .timeLimit(.minutes(2)))
struct DecoderTests {
    /// Ends with the program, and after a minute in any case.
    private func python(_ arguments: String...) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/timeout")
        process.arguments = ["60", "/usr/bin/python3", "-B"] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
    }

    @Test
    func `Opens every vector and derives every key in it`() throws {
        guard try python("-c", "import cryptography").status == 0 else {
            print("left out: /usr/bin/python3 has no module cryptography (scripts/setup build installs it)")
            return
        }
        let (status, output) = try python(VectorFile.folder.appending(path: "check.py").path)
        #expect(status == 0, "\(output)")
        print(output)
    }

    @Test
    func `Ends with an error where a vector is not what the document says`() throws {
        guard try python("-c", "import cryptography").status == 0 else { return }
        let folder = FileManager.default.temporaryDirectory.appending(path: "vectors-\(UUID().uuidString)")
        try FileManager.default.copyItem(at: VectorFile.folder, to: folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "wire.json")
        let text = try String(contentsOf: file, encoding: .utf8)
        let changed = text.replacing("5ec180010000123400280ee1", with: "5ec180010000123400280ee2")
        #expect(changed != text)
        try changed.write(to: file, atomically: true, encoding: .utf8)
        let (status, output) = try python(folder.appending(path: "check.py").path)
        #expect(status == 1)
        #expect(output.contains("the specification's example"), "\(output)")
    }
}
