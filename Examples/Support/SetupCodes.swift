import Foundation

/// The setup code in the first line of a file, as `latchkey group enrol` has printed it.
public func setupCode(in file: String) throws -> String {
    let text = try String(contentsOfFile: file, encoding: .utf8)
    return text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
}
