/// Rows with aligned columns for a person; a program asks for `--json`.
package struct Table: Sendable {
    package var headings: [String]
    package var rows: [[String]]

    package init(_ headings: [String], rows: [[String]]) {
        self.headings = headings
        self.rows = rows
    }

    /// The lines, without trailing spaces.
    package var lines: [String] {
        let all = [headings] + rows
        let widths = headings.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            var line = ""
            for (column, text) in row.enumerated() {
                line += text
                guard column < row.count - 1 else { continue }
                line += String(repeating: " ", count: widths[column] - text.count + 2)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }
}
