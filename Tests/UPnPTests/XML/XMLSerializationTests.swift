import NetworkTypes
import Testing
import UPnP

@Suite("XML serialisation")
struct XMLSerializationTests {
    @Test(arguments: [
        Samples.description, Samples.scpd, "<r/>", "<a:r xmlns:a='u'><b xmlns='v'><c xmlns=''/></b></a:r>",
        "<r xml:lang='de' a='&#9;&#10;&#13;&quot;&apos;&lt;&gt;&amp;'>&#13;]]&gt;\t\n</r>",
        "<r xmlns:p='1'><p:a p:x='1'><p:b xmlns:p='2' p:x='2'/></p:a></r>", "<r><q:undeclared q:a='1'/></r>",
        "<ä ö='ü'>😀\u{85}\u{2028}</ä>", "<r xmlns='a' xmlns:b='a' b:x='1' x='2'><b:c/></r>",
    ])
    func `What was read and written reads the same`(text: String) throws {
        let first = try XMLElement(parsing: text.utf8)
        #expect(try XMLElement(parsing: first.serialized().utf8) == first)
    }

    @Test func `Vendors' elements, prefixes and the order of attributes survive`() throws {
        let text = try XMLElement(parsing: Samples.description.utf8).serialized()
        #expect(
            text.contains("<dlna:X_DLNADOC xmlns:dlna=\"urn:schemas-dlna-org:device-1-0\">DMS-1.50</dlna:X_DLNADOC>"))
        #expect(text.contains("<sec:ProductCap>smi,DCM10</sec:ProductCap>"))
        #expect(
            try XMLElement(parsing: "<r z='1' a='2' m='3'/>".utf8).serialized(declaration: false)
                == "<r z=\"1\" a=\"2\" m=\"3\"/>")
    }

    @Test func `No text, value or name can inject markup`() throws {
        let evil = "</r><x y=\"&\u{0}\u{1B}\u{FFFF}]]>'"
        let element = XMLElement(
            evil, prefix: "p\"", namespaceURI: "u\"<",
            attributes: [XMLAttribute(evil, value: evil)], children: [.text(evil)])
        let read = try XMLElement(parsing: element.serialized().utf8)
        let clean = "</r><x y=\"&\u{FFFD}\u{FFFD}\u{FFFD}]]>'"
        #expect(read.text == clean)
        #expect(read.attributes.map(\.value) == [clean])
        #expect(read.elements.isEmpty && read.namespaceURI == "u\"<")
    }

    @Test func `Every allowed character survives and every other becomes the replacement character`() throws {
        for value in Array(0...0x100) + [0xD7FF, 0xE000, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x10FFFF] as [UInt32] {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let text = "a\(Character(scalar))b"
            let isAllowed = [9, 10, 13].contains(value) || value >= 32 && value != 0xFFFE && value != 0xFFFF
            let element = XMLElement("r", attributes: [XMLAttribute("a", value: text)], children: [.text(text)])
            let read = try XMLElement(parsing: element.serialized().utf8)
            let expected = isAllowed ? text : "a\u{FFFD}b"
            #expect(Array(read.text.utf8) == Array(expected.utf8), "U+\(String(value, radix: 16))")
            #expect(read.attribute("a").map { Array($0.utf8) } == Array(expected.utf8), "U+\(String(value, radix: 16))")
        }
    }

    @Test func `Missing declarations are written where they are needed, once`() throws {
        let inner = XMLElement("b", prefix: "p", namespaceURI: "urn:p")
        let element = XMLElement(
            "a", namespaceURI: "urn:d", attributes: [XMLAttribute("x", prefix: "p", namespaceURI: "urn:p", value: "1")],
            children: [.element(inner), .element(XMLElement("c")), .element(XMLElement("d", namespaceURI: "urn:d"))])
        #expect(
            element.serialized(declaration: false)
                == "<a xmlns=\"urn:d\" xmlns:p=\"urn:p\" p:x=\"1\"><p:b/><c xmlns=\"\"/><d/></a>")
    }

    @Test func `A changed tree is written with what was not changed`() throws {
        var root = try XMLElement(parsing: Samples.description.utf8)
        root.modifyAll { element in
            if element.name == "friendlyName" { element.children = [.text("Renamed")] }
        }
        let description = try RootDescription(parsing: root.serialized().utf8)
        #expect(description.device.allDevices.map(\.friendlyName) == ["Renamed", "Renamed"])
        #expect(root.serialized().contains("X_DLNADOC"))
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `Documents with random damage never trap, and what is accepted reads the same when written`(seed: UInt64)
        throws
    {
        var generator = SeededGenerator(seed: seed)
        let samples = [Samples.description, Samples.scpd, Samples.lastChange, Samples.action].map { Array($0.utf8) }
        var accepted = 0
        for round in 0..<1500 {
            var bytes = samples[Int.random(in: 0..<samples.count, using: &generator)]
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &generator)
                case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                case 2: bytes.remove(at: place)
                default: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &generator)], at: place)
                }
            }
            guard let element = try? XMLElement(parsing: bytes) else { continue }
            accepted += 1
            let again = try? XMLElement(parsing: element.serialized().utf8)
            #expect(again == element, "seed \(seed), round \(round)")
            if let description = try? RootDescription(element) {
                #expect((try? RootDescription(parsing: description.serialized().utf8))?.device == description.device)
            }
            if let scpd = try? SCPD(element) {
                #expect(try SCPD(parsing: scpd.serialized().utf8) == scpd, "seed \(seed), round \(round)")
            }
        }
        #expect(accepted > 100)
    }
}
