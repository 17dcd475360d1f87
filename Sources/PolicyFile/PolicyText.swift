import Yams

/// A policy as people write it: YAML with a line for every complaint.
package enum PolicyText {
    /// The line, counted from 1, at which the text stops being YAML; nil when it is YAML throughout.
    package static func firstBrokenLine(of text: String) -> Int? {
        do {
            _ = try Yams.compose(yaml: text)
            return nil
        } catch let error as YamlError {
            return switch error {
            case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _): mark.line
            default: 1
            }
        } catch {
            return 1
        }
    }
}
