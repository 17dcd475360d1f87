import NetworkTypes
import RemoteAccess
import Testing
import UPnP

@Suite struct URLSealerTests {
    private let sealer: URLSealer

    init() throws {
        sealer = try URLSealer(key: MirrorFixture.key)
    }

    private func resource(
        _ url: String, udn: String = MirrorFixture.server, kind: ResourceKind = .media
    ) throws -> SealedResource {
        SealedResource(udn: udn, url: try MirrorFixture.url(url), kind: kind)
    }

    @Test(arguments: [
        "http://192.168.77.5:8200/MediaItems/22.mp4", "http://192.168.77.5/", "https://192.168.77.5/a?b=c&d=%20",
        "http://[fd77:1::5]:8200/x", "http://nas.local:80/x?", "http://192.168.77.5:65535/a//b/%C3%A9",
    ])
    func `a sealed URL opens to the same URL, device and kind`(url: String) throws {
        for kind in ResourceKind.allCases {
            for udn in [MirrorFixture.server, MirrorFixture.renderer, "uuid:ABCDEF00-0000-0000-0000-000000000000", ""] {
                let resource = try resource(url, udn: udn, kind: kind)
                let path = try sealer.seal(resource, for: "alice").description
                #expect(try sealer.open(path, for: "alice") == resource)
            }
        }
    }

    @Test func `equal input gives equal tokens, also from another sealer with the same key`() throws {
        let resource = try resource("http://192.168.77.5:8200/MediaItems/22.mp4")
        let other = try URLSealer(key: MirrorFixture.key)
        #expect(try sealer.seal(resource, for: "alice") == other.seal(resource, for: "alice"))
    }

    @Test func `subjects, kinds, devices, URLs and keys give different tokens`() throws {
        let base = try resource("http://192.168.77.5:8200/MediaItems/22.mp4")
        var tokens: Set<String> = [try sealer.seal(base, for: "alice").token]
        tokens.insert(try sealer.seal(base, for: "bob").token)
        for kind in ResourceKind.allCases where kind != .media {
            tokens.insert(try sealer.seal(SealedResource(udn: base.udn, url: base.url, kind: kind), for: "alice").token)
        }
        tokens.insert(try sealer.seal(resource("\(base.url)", udn: MirrorFixture.renderer), for: "alice").token)
        tokens.insert(try sealer.seal(resource("http://192.168.77.5:8200/MediaItems/23.mp4"), for: "alice").token)
        tokens.insert(try URLSealer(key: [UInt8](1...32)).seal(base, for: "alice").token)
        #expect(tokens.count == 9)
    }

    @Test func `a token of one subject does not open for another`() throws {
        let path = try sealer.seal(resource("http://192.168.77.5:8200/a"), for: "alice")
        #expect(throws: TokenError.notIssued) { try sealer.open(path, for: "bob") }
        #expect(throws: TokenError.notIssued) { try sealer.open(path, for: "") }
        #expect(throws: TokenError.notIssued) { try URLSealer(key: [UInt8](1...32)).open(path, for: "alice") }
    }

    @Test func `a kind cannot be swapped for another`() throws {
        for kind in ResourceKind.allCases {
            let path = try sealer.seal(resource("http://192.168.77.5:8200/a.mp4", kind: kind), for: "alice")
            for other in ResourceKind.allCases where other != kind {
                #expect(throws: TokenError.notIssued) {
                    try sealer.open("/\(other.rawValue)/\(path.token)", for: "alice")
                }
            }
        }
    }

    @Test func `a token with any one character changed, added or removed does not open`() throws {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        // Three lengths, so that the last character carries 6, 4 and 2 bits.
        for name in ["a", "ab", "abc"] {
            let token = Array(try sealer.seal(resource("http://192.168.77.5:8200/\(name)"), for: "alice").token)
            for index in token.indices {
                for digit in digits where digit != token[index] {
                    var changed = token
                    changed[index] = digit
                    #expect(throws: TokenError.notIssued) { try sealer.open("/m/\(String(changed))", for: "alice") }
                }
                var shorter = token
                shorter.remove(at: index)
                #expect(throws: TokenError.notIssued) { try sealer.open("/m/\(String(shorter))", for: "alice") }
                #expect(throws: TokenError.notIssued) {
                    try sealer.open("/m/\(String(token[...index]))A\(String(token[(index + 1)...]))", for: "alice")
                }
            }
        }
    }

    @Test func `random tokens never open and never trap`() {
        var rng = SeededGenerator(seed: 0x5EA1)
        for _ in 0..<2000 {
            let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=%/.")
            let token = (0..<Int.random(in: 0...200, using: &rng)).compactMap { _ in digits.randomElement(using: &rng) }
            #expect(throws: TokenError.self) { try sealer.open("/m/\(String(token))", for: "alice") }
        }
    }

    @Test(arguments: [
        "", "/", "/m", "/m/", "/x/AAAA", "/mm/AAAA", "m/AAAA", "//m/AAAA", "/m/AA%41A", "/m/AAAA/b/c", "/m/AA=A",
        "http://h/m/AAAA", "/M/AAAA", "/m//AAAA",
    ])
    func `a path of another form is malformed`(path: String) {
        #expect(SealedPath(parsing: path) == nil)
        #expect(throws: TokenError.malformed) { try sealer.open(path, for: "alice") }
    }

    @Test func `name and query of a sealed path do not matter`() throws {
        let resource = try resource("http://192.168.77.5:8200/MediaItems/22.mp4")
        let path = try sealer.seal(resource, for: "alice")
        #expect(path.name == "22.mp4")
        for suffix in ["", "/", "/23.mp4", "/22.mp4?x=http://192.168.77.1/", "?y#z"] {
            #expect(try sealer.open("/m/\(path.token)\(suffix)", for: "alice") == resource)
        }
    }

    @Test(arguments: [
        ("/a/22.mp4", "22.mp4"), ("/", ""), ("/a/", ""), ("/a/My%20Film.MKV", "My_Film.MKV"), ("/..hidden", "hidden"),
        ("/192.168.77.5.mp4", "file.mp4"), ("/192-168-77-5", "file"), ("/x_192%2e168.77.5_y.jpg", "file.jpg"),
        ("/%3Cscript%3E.js", "_script_.js"), ("/22.jpg?width=160,height=160", "22.jpg"),
        ("/" + String(repeating: "n", count: 300) + ".flac", String(repeating: "n", count: 59) + ".flac"),
    ])
    func `the cosmetic name keeps the extension and nothing harmful`(path: String, name: String) throws {
        #expect(try sealer.seal(resource("http://192.168.77.5\(path)"), for: "alice").name == name)
    }

    @Test func `the longest URL fits into a token of 3 KiB`() throws {
        let base = "http://192.168.77.5:8200/"
        let longest = base + String(repeating: "x", count: 2048 - base.utf8.count)
        let path = try sealer.seal(resource(longest, udn: String(repeating: "u", count: 255)), for: "alice")
        #expect(path.token.utf8.count <= SealedPath.maximumTokenLength)
        #expect(try sealer.open(path, for: "alice").url.description == longest)
        #expect(throws: TokenError.tooLong) {
            try sealer.seal(resource(base, udn: String(repeating: "u", count: 256)), for: "alice")
        }
    }

    @Test func `a key of another length than 32 bytes is refused`() {
        #expect(throws: TokenError.keyLength(31)) { try URLSealer(key: [UInt8](repeating: 1, count: 31)) }
    }

    @Test func `a token shows nothing of the address`() throws {
        var rng = SeededGenerator(seed: 7)
        for _ in 0..<200 {
            let path = try sealer.seal(
                resource("http://192.168.77.\(Int.random(in: 1...254, using: &rng)):8200/192.168.77.5/x"), for: "alice")
            #expect(MirrorFixture.leaks(path.description).isEmpty)
        }
    }
}
