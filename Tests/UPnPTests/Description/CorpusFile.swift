import Glibc

/// A file of the corpus, read as it is.
enum CorpusFile {
    enum Failure: Error { case unreadable(String) }

    static func bytes(_ name: String, source: String = #filePath) throws -> [UInt8] {
        let folder = source.split(separator: "/").dropLast(2).joined(separator: "/")
        let path = "/\(folder)/Corpus/\(name)"
        guard let file = fopen(path, "rb") else { throw Failure.unreadable(path) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = fread(&piece, 1, piece.count, file)
            guard count > 0 else { return bytes }
            bytes += piece[..<count]
        }
    }
}
