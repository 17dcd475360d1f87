import NetworkTypes
import Testing
import UPnP

@Suite("Search and sort criteria")
struct SearchCriteriaTests {
    private static let track = DIDLObject(
        .item, id: "7", parentID: "1", title: "Blue Moon", objectClass: "object.item.audioItem.musicTrack",
        properties: [
            DIDLProperty("upnp:artist", "Billie"), DIDLProperty("upnp:artist", "Oscar"),
            DIDLProperty("dc:date", "1952-07-01"), DIDLProperty("upnp:originalTrackNumber", "9"),
            DIDLProperty("dc:description", #"says "hi" \ bye"#),
        ],
        resources: [DIDLResource("http://192.0.2.1/7", ProtocolInfo(mediaType: "audio/mpeg"), size: 100)])

    @Test(
        "Criteria are decided as the standard has it",
        arguments: [
            ("*", true), ("", true), (#"upnp:class derivedfrom "object.item.audioItem""#, true),
            (#"upnp:class derivedfrom "object.item.audio""#, false),
            (#"upnp:class = "object.item.audioItem.musicTrack" and dc:title contains "moon""#, true),
            (#"dc:title doesNotContain "moon""#, false), (#"dc:title startsWith "BLUE""#, true),
            (#"upnp:artist = "Oscar""#, true), (#"upnp:artist != "Oscar""#, false),
            (#"upnp:originalTrackNumber < "10""#, true), (#"upnp:originalTrackNumber>="10""#, false),
            (#"dc:date >= "1950-01-01" and dc:date < "1960""#, true),
            (#"upnp:album exists true"#, false), (#"upnp:album exists false"#, true), (#"upnp:album != "x""#, false),
            (#"@refID exists false and (dc:title = "x" or res@size > "99")"#, true),
            (#"dc:title = "x" and dc:title = "x" or @id = "7""#, true),
            (#"dc:title = "x" and (dc:title = "x" or @id = "7")"#, false),
            (#"dc:description = "says \"hi\" \\ bye""#, true), ("dc:title\tCONTAINS\n\"o\"", true),
        ])
    func decisions(text: String, expected: Bool) throws {
        let criteria = try SearchCriteria(text)
        #expect(criteria.matches(Self.track) == expected)
        #expect(try SearchCriteria(criteria.description) == criteria)
    }

    @Test(
        "What is not of the grammar is refused",
        arguments: [
            "dc:title", "dc:title =", "dc:title = x", #"dc:title = "x"#, #"dc:title = "x" and"#, #"(dc:title = "x""#,
            #"dc:title = "x")"#, "* and *", #"dc:title exists maybe"#, #"dc:title == "x""#, #"= "x""#,
            String(repeating: "(", count: 40) + #"a = "x""# + String(repeating: ")", count: 40),
            String(repeating: #"a = "x" or "#, count: 200) + #"a = "x""#, String(repeating: " ", count: 9000),
        ])
    func refusals(text: String) {
        #expect(throws: SearchCriteriaError.self) { try SearchCriteria(text) }
    }

    @Test func `random criteria are written and read again as the same`() throws {
        for seed in UInt64(1)...200 {
            var rng = SeededGenerator(seed: seed)
            let criteria = Self.random(depth: 5, using: &rng)
            #expect(try SearchCriteria(criteria.description) == criteria, "seed \(seed): \(criteria)")
        }
    }

    private static func random(depth: Int, using rng: inout SeededGenerator) -> SearchCriteria {
        let names = ["dc:title", "@id", "res@size", "and", "or", "exists"]
        switch Int.random(in: 0..<(depth > 0 ? 5 : 2), using: &rng) {
        case 0:
            let comparison = SearchCriteria.Operator.allCases.randomElement(using: &rng) ?? .equal
            let value = String(
                (0..<Int.random(in: 0...4, using: &rng)).map { _ in "a\"\\ )é".randomElement(using: &rng) ?? "a" })
            return .compare(names.randomElement(using: &rng) ?? "@id", comparison, value)
        case 1: return .exists(names.randomElement(using: &rng) ?? "@id", Bool.random(using: &rng))
        case 2, 3: return .and(random(depth: depth - 1, using: &rng), random(depth: depth - 1, using: &rng))
        default: return .or(random(depth: depth - 1, using: &rng), random(depth: depth - 1, using: &rng))
        }
    }

    @Test func `objects are sorted by each key in turn, numbers as numbers, and equal ones stay in order`() throws {
        let objects = [("b", "10"), ("A", "9"), ("a", "10"), ("c", nil)].enumerated().map { index, row in
            DIDLObject(
                .item, id: "\(index)", parentID: "0", title: row.0, objectClass: "object.item",
                properties: row.1.map { [DIDLProperty("upnp:originalTrackNumber", $0)] } ?? [])
        }
        func order(_ text: String) throws -> [String] {
            try #require(SortCriteria(text)).sorted(objects).map(\.id)
        }
        #expect(try order("") == ["0", "1", "2", "3"])
        #expect(try order("+dc:title") == ["1", "2", "0", "3"])
        #expect(try order("-dc:title") == ["3", "0", "1", "2"])
        #expect(try order("+upnp:originalTrackNumber,-dc:title") == ["3", "1", "0", "2"])
        for text in ["dc:title", "+", "+dc:title,", ",", "+a,b"] { #expect(SortCriteria(text) == nil, "\(text)") }
    }
}
