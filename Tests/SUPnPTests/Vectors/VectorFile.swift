import Foundation
import Testing

/// The golden vectors of `Tests/Vectors/supnp`. With LATCHKEY_WRITE_VECTORS=1 in the environment they are written
/// again; otherwise every test requires that this code still makes the same bytes.
enum VectorFile {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Vectors/supnp").standardizedFileURL

    static func check(_ name: String, _ content: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let bytes = try encoder.encode(content) + Data("\n".utf8)
        let file = folder.appending(path: "\(name).json")
        if ProcessInfo.processInfo.environment["LATCHKEY_WRITE_VECTORS"] == "1" { try bytes.write(to: file) }
        let committed = try Data(contentsOf: file)
        #expect(committed == bytes, "\(name).json is not what this code makes; see Tests/Vectors/supnp/README.md")
    }
}

/// Bytes that stand in a vector as hexadecimal.
struct Hexadecimal: Encodable, Equatable {
    let bytes: [UInt8]

    init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

    /// Takes hexadecimal text; blanks are left out.
    init(_ text: String) {
        let digits = text.compactMap(\.hexDigitValue)
        bytes = stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    func encode(to encoder: any Encoder) throws {
        let digits = Array("0123456789abcdef")
        var text = ""
        for byte in bytes { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
