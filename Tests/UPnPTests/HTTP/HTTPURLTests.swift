import NetworkTypes
import Testing
import UPnP

@Suite("HTTP URLs")
struct HTTPURLTests {
    @Test func `A URL has its parts, with the port filled in`() throws {
        let url = try #require(HTTPURL("HTTP://Example.ORG/a/b?c=d#e"))
        #expect(url.scheme == "http" && url.host == "example.org" && url.port == 80)
        #expect(url.path == "/a/b" && url.query == "c=d" && url.pathAndQuery == "/a/b?c=d")
        #expect(url.description == "http://example.org/a/b?c=d")
        #expect(url.ipAddress == nil && url.endpoint == nil)
    }

    @Test(arguments: [
        "/", "/a", "/a/b-c_d~e.f", "/a/./b", "/../a", "/.a", "/a..b", "//a", "/a?b=c", "/a%20b", "/a b", "/a#b", "/ü",
        "a",
        "", "/a.", "/a/.", "/a/..",
    ])
    func `A URL made for an endpoint is the one that is read from its text`(path: String) throws {
        for endpoint in ["192.0.2.1:8080", "192.0.2.1:80", "[2001:db8::1]:49152", "192.0.2.1:0"] {
            let endpoint = try #require(SocketEndpoint(endpoint))
            let read = path.hasPrefix("/") ? HTTPURL("http://\(endpoint)\(path)") : nil
            #expect(HTTPURL(endpoint: endpoint, pathAndQuery: path) == read)
        }
    }

    @Test func `Literals are addresses, in their canonical form`() throws {
        let four = try #require(HTTPURL("http://192.168.1.2:8200"))
        #expect(four.endpoint == SocketEndpoint("192.168.1.2:8200"))
        #expect(four.pathAndQuery == "/" && four.authority == "192.168.1.2:8200")
        let six = try #require(HTTPURL("https://[FE80::0:1]/x"))
        #expect(six.host == "fe80::1" && six.authority == "[fe80::1]" && six.port == 443)
        #expect(six.description == "https://[fe80::1]/x")
    }

    @Test(arguments: [
        "", "http", "http:", "http://", "http:///x", "ftp://a/", "//a/b", "/a", "a/b", "http:/a", "http:a",
        "http://u@a/", "http://u:p@a/", "http://a:/", "http://a:0/", "http://a:65536/", "http://a:99999999999/",
        "http://a:-1/", "http://a:+1/", "http://a:1x/", "http://2130706433/", "http://0x7f.1/", "http://127.1/",
        "http://0177.0.0.1/", "http://1.2.3.4./", "http://1.2.3.256/", "http://[::1/", "http://::1/",
        "http://[1.2.3.4]/",
        "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://a b/", "http://a/b c", "http://a/\u{0}",
        "http://a/\r\nX: y", "http://a/<b>", "http://a/\"", "http://a/%", "http://a/%g0", "http://a/%0", "http://a\\b/",
        "http://a/\\b", "http://%61/", "http://ä/", "http://a/ä", "http://.../", "http://a/[b]", " http://a/",
    ])
    func `What another parser could read differently is refused`(text: String) {
        #expect(HTTPURL(text) == nil)
    }

    @Test func `Length is limited`() {
        let base = "http://a/"
        #expect(HTTPURL(base + String(repeating: "x", count: 2048 - base.utf8.count)) != nil)
        #expect(HTTPURL(base + String(repeating: "x", count: 2049 - base.utf8.count)) == nil)
    }

    @Test(arguments: [
        // RFC 3986 §5.4.
        ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"), ("/g", "http://a/g"),
        ("//g", "http://g/"), ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"), ("#s", "http://a/b/c/d;p?q"),
        ("g#s", "http://a/b/c/g"), (";x", "http://a/b/c/;x"), ("g;x=1/../y", "http://a/b/c/y"),
        ("", "http://a/b/c/d;p?q"),
        (".", "http://a/b/c/"), ("./", "http://a/b/c/"), ("..", "http://a/b/"), ("../", "http://a/b/"),
        ("../g", "http://a/b/g"), ("../..", "http://a/"), ("../../g", "http://a/g"), ("../../../g", "http://a/g"),
        ("/./g", "http://a/g"), ("/../g", "http://a/g"), ("g.", "http://a/b/c/g."), ("..g", "http://a/b/c/..g"),
        ("g?y/../x", "http://a/b/c/g?y/../x"), ("https://h:8443/x", "https://h:8443/x"),
    ])
    func `References are resolved as RFC 3986 shows`(reference: String, expected: String) {
        #expect(HTTPURL("http://a/b/c/d;p?q")?.resolving(reference)?.description == expected)
    }

    @Test func `A base's own port and address are kept`() {
        #expect(HTTPURL("http://[::1]:49152/d.xml")?.resolving("c/x")?.description == "http://[::1]:49152/c/x")
        #expect(HTTPURL("https://a:80/d")?.resolving("/x")?.description == "https://a:80/x")
    }

    @Test(arguments: ["mailto:a@b", "javascript:x", "g:h", "http:g", "//u@h/", "a b", "//h:0/", "%zz"])
    func `A reference to something else is refused`(reference: String) {
        #expect(HTTPURL("http://a/b/c")?.resolving(reference) == nil)
    }

    @Test func `What is read is what is written`() {
        var generator = SeededGenerator(seed: 11)
        let pieces = [
            "http://", "https:", "//", "a", "1.2.3.4", "[::1]", ":", "80", "/", "..", ".", "?", "#", "%41", "@", "x",
        ]
        var accepted = 0
        for round in 0..<20_000 {
            let count = Int.random(in: 1...8, using: &generator)
            let text = (0..<count).map { _ in pieces[Int.random(in: 0..<pieces.count, using: &generator)] }.joined()
            guard let url = HTTPURL(text) ?? HTTPURL("http://h/p")?.resolving(text) else { continue }
            accepted += 1
            #expect(HTTPURL(url.description) == url, "seed 11, round \(round): \(text)")
        }
        #expect(accepted > 1000)
    }
}
