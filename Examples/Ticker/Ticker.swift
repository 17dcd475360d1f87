import Groups
import Support

/// A display in a secure group that prints what is announced to it: `ticker ID <CODE-FILE`.
@main
struct Ticker {
    static func main() async throws {
        try await withGroup(id: CommandLine.arguments[1], setupCode: readLine() ?? "") { group in
            try await group.serve("urn:example:service:Ticker:1") { news in
                say(news.text)
                return nil
            }
        }
    }
}
