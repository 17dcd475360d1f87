import NetworkTypes
import RemoteAccess
import Testing
import UPnP

@Suite struct PlaylistTranslatorTests {
    private func translated(
        _ text: String, as format: PlaylistFormat, from url: String = "http://192.168.77.5:8200/hls/master.m3u8",
        internet: Bool = false
    ) throws -> String {
        let translator = PlaylistTranslator(
            try MirrorFixture.context(internet: internet), from: try MirrorFixture.url(url))
        let result = String(decoding: try translator.translated(Array(text.utf8), as: format), as: UTF8.self)
        #expect(MirrorFixture.leaks(result).isEmpty)
        return result
    }

    @Test(arguments: [
        ("application/vnd.apple.mpegurl", "/x", PlaylistFormat.m3u), ("Audio/X-MPEGURL; charset=utf-8", "/x", .m3u),
        ("text/plain", "/a/list.M3U8", .m3u), ("", "/x.pls", .pls), ("video/x-ms-asf", "/x.asx", .asx),
        ("application/octet-stream", "/x.mpd", .dash), ("application/xspf+xml", "/", .xspf),
        ("application/vnd.ms-wpl", "/", .wpl),
    ])
    func `the format follows from the type, or the extension where the type is vague`(
        type: String, path: String, format: PlaylistFormat
    ) throws {
        #expect(PlaylistFormat(contentType: type, url: try MirrorFixture.url("http://192.168.77.5\(path)")) == format)
    }

    @Test(arguments: [
        ("video/mp4", "/x.m3u8"), ("video/x-ms-asf", "/x.wmv"), ("", "/x"), ("image/jpeg", "/x.pls"), ("", "/m3u8"),
    ])
    func `media are not playlists`(type: String, path: String) throws {
        #expect(PlaylistFormat(contentType: type, url: try MirrorFixture.url("http://192.168.77.5\(path)")) == nil)
    }

    @Test func `each reference of an M3U is resolved and sealed, tags are kept`() throws {
        let playlist = """
            #EXTM3U\r
            #EXT-X-VERSION:4\r
            #EXT-X-KEY:METHOD=AES-128,URI="../key.bin?k=1",IV=0x00\r
            #EXT-X-MEDIA:TYPE=AUDIO,URI="http://192.168.77.30/a.m3u8",NAME="x"\r
            #EXTINF:9.009,Title at 192.168.77.5\r
            seg 1.ts\r
            /abs/seg2.ts\r
            http://192.168.77.5:8200/seg3.ts\r
            http://192.168.77.30/secret.ts\r
            rtsp://192.168.77.5/live\r
            http://example.com/ad.ts\r
            """
        let lines = try translated(playlist, as: .m3u).split(separator: "\n").map(String.init)
        #expect(
            lines == [
                "#EXTM3U", "#EXT-X-VERSION:4",
                "#EXT-X-KEY:METHOD=AES-128,URI=\"\(try MirrorFixture.issued("http://192.168.77.5:8200/key.bin?k=1"))\",IV=0x00",
                "#EXT-X-MEDIA:TYPE=AUDIO,URI=\"data:,\",NAME=\"x\"", "#EXTINF:9.009,Title at ",
                try MirrorFixture.issued("http://192.168.77.5:8200/hls/seg%201.ts"),
                try MirrorFixture.issued("http://192.168.77.5:8200/abs/seg2.ts"),
                try MirrorFixture.issued("http://192.168.77.5:8200/seg3.ts"),
                "# an address that cannot be reached from here was removed",
                "# an address that cannot be reached from here was removed",
                "# an address that cannot be reached from here was removed",
            ])
        #expect(try translated(playlist, as: .m3u, internet: true).contains("\nhttp://example.com/ad.ts\n"))
    }

    @Test func `entries of a PLS are sealed or removed`() throws {
        let result = try translated(
            "[playlist]\nFile1=a.mp3\nTitle1=A 192.168.77.5\nFile2 = http://192.168.77.30/b.mp3\nNumberOfEntries=2\nFile3=rtsp://192.168.77.5/\n",
            as: .pls)
        #expect(result.contains("File1=\(try MirrorFixture.issued("http://192.168.77.5:8200/hls/a.mp3"))\nTitle1=A \n"))
        #expect(!result.contains("File2") && result.contains("NumberOfEntries=2"))
    }

    @Test func `XSPF, WPL and ASX are translated by structure`() throws {
        let issued = try MirrorFixture.issued("http://192.168.77.5:8200/hls/a.mp3")
        let xspf =
            "<playlist xmlns=\"http://xspf.org/ns/0/\" version=\"1\"><trackList><track><location>a.mp3</location><title>x</title></track><track><location>http://192.168.77.30/</location></track></trackList></playlist>"
        #expect(try translated(xspf, as: .xspf).contains("<location>\(issued)</location>"))
        let wpl =
            "<?wpl version=\"1.0\"?><smil><body><seq><media src=\"a.mp3\"/><media src=\"..\\b.mp3\"/></seq></body></smil>"
        #expect(try translated(wpl, as: .wpl).contains("<media src=\"\(issued)\"/>"))
        let asx = "<ASX version=\"3.0\"><ENTRY><REF HREF=\"a.mp3\"/></ENTRY></ASX>"
        #expect(try translated(asx, as: .asx).contains("HREF=\"\(issued)\""))
        let broken = "<asx><entry><ref href=\"http://192.168.77.5:8200/hls/a.mp3\"><title>Tom & Jerry</asx>"
        #expect(try translated(broken, as: .asx).contains("href=\"\(issued)\""))
    }

    @Test func `a DASH manifest with listed or single files is translated, base by base`() throws {
        let mpd = """
            <MPD xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT1M0.5S"><BaseURL>dash/</BaseURL><Period><AdaptationSet>\
            <Representation id="1"><BaseURL>v.mp4</BaseURL><SegmentBase indexRange="0-99"/></Representation>\
            <Representation id="2"><SegmentList><Initialization sourceURL="i.mp4"/><SegmentURL media="s1.m4s"/></SegmentList></Representation>\
            </AdaptationSet></Period></MPD>
            """
        let result = try translated(mpd, as: .dash)
        for name in ["v.mp4", "i.mp4", "s1.m4s"] {
            #expect(result.contains("\(try MirrorFixture.issued("http://192.168.77.5:8200/hls/dash/\(name)"))"))
        }
        #expect(result.components("<BaseURL>") == 1)
        #expect(result.contains("mediaPresentationDuration=\"PT1M0.5S\""))
    }

    @Test func `templates, oversized and unreadable playlists are refused`() throws {
        #expect(throws: PlaylistError.template) {
            try translated("<MPD><Period><SegmentTemplate media=\"$Number$.m4s\"/></Period></MPD>", as: .dash)
        }
        #expect(throws: PlaylistError.tooLarge(limit: 1 << 20)) {
            try translated(String(repeating: "#", count: (1 << 20) + 1), as: .m3u)
        }
        #expect(throws: PlaylistError.unreadable) { try translated("no", as: .xspf) }
        #expect(throws: PlaylistError.unreadable) { try translated("<html/>", as: .xspf) }
        #expect(throws: PlaylistError.unreadable) { try translated("<!DOCTYPE x><MPD/>", as: .dash) }
    }

    @Test func `random playlists never leak and never trap`() throws {
        let pieces = [
            "#EXTM3U\n", "#EXT-X-KEY:URI=\"", "\"", "\n", "http://192.168.77.5/", "192.168.77.5", "a.ts", "%2E",
            "&#46;", "File1=", "\r", ",", "//", " ", "é",
        ]
        let context = try MirrorFixture.context()
        for seed in 1...300 as ClosedRange<UInt64> {
            var rng = SeededGenerator(seed: seed)
            let text = (0..<Int.random(in: 1...20, using: &rng)).compactMap { _ in pieces.randomElement(using: &rng) }
                .joined()
            for format in PlaylistFormat.allCases {
                let translator = PlaylistTranslator(context, from: try MirrorFixture.url("http://192.168.77.5:8200/x"))
                guard let result = try? translator.translated(Array(text.utf8), as: format) else { continue }
                #expect(MirrorFixture.leaks(String(decoding: result, as: UTF8.self)).isEmpty, "seed \(seed)")
            }
        }
    }
}

extension String {
    /// How often `needle` stands in the string.
    fileprivate func components(_ needle: String) -> Int { ranges(of: needle).count }
}
