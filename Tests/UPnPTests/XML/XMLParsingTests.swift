import Testing
import UPnP

@Suite("XML parsing")
struct XMLParsingTests {
    private func refusal(_ text: String, limits: XMLLimits = XMLLimits()) -> XMLError? {
        refusal(bytes: Array(text.utf8), limits: limits)
    }

    private func refusal(bytes: some Sequence<UInt8>, limits: XMLLimits = XMLLimits()) -> XMLError? {
        do {
            _ = try XMLElement(parsing: bytes, limits: limits)
            return nil
        } catch {
            return error
        }
    }

    @Test func `A document becomes a tree with names, prefixes, namespaces, attributes and text in order`() throws {
        let text = """
            <?xml version="1.0"?><!-- no --><r xmlns="urn:a" xmlns:b="urn:b" one="1" b:two="2">x<b:c/>y<![CDATA[<z>]]></r>
            """
        let root = try XMLElement(parsing: text.utf8)
        #expect(root.name == "r" && root.prefix == nil && root.namespaceURI == "urn:a")
        #expect(
            root.namespaceDeclarations == [
                XMLNamespaceDeclaration(uri: "urn:a"), XMLNamespaceDeclaration(prefix: "b", uri: "urn:b"),
            ])
        #expect(
            root.attributes == [
                XMLAttribute("one", value: "1"),
                XMLAttribute("two", prefix: "b", namespaceURI: "urn:b", value: "2"),
            ])
        #expect(
            root.children == [
                .text("x"), .element(XMLElement("c", prefix: "b", namespaceURI: "urn:b")), .text("y<z>"),
            ])
        #expect(root.text == "xy<z>")
    }

    @Test(arguments: 1...9)
    func `The result does not depend on how the bytes are cut`(size: Int) throws {
        let text = Samples.description + "\0\0garbage"
        let whole = try XMLElement(parsing: Samples.description.utf8)
        var parser = XMLPushParser()
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            try parser.feed(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
        #expect(try parser.finish() == whole)
    }

    @Test func `A document cut off anywhere is refused and never traps`() throws {
        let bytes = Array(Samples.description.utf8)
        for length in 0..<bytes.count {
            let error = refusal(bytes: bytes.prefix(length))
            if length > 40 { #expect(error == .truncated, "at \(length)") } else { #expect(error != nil) }
        }
        #expect(refusal(bytes: bytes) == nil)
    }

    @Test(arguments: [
        "<r/>\0", "<r/>\0\0\0", "<r/>garbage", "<r/></r>", "<r/><r/>", "<r/>&x;", "\r\n <r/>", "<r/><!--",
    ])
    func `What stands around the root element is ignored`(text: String) {
        #expect(refusal(text) == nil)
    }

    @Test(arguments: [
        "<!DOCTYPE r><r/>", "<!DOCTYPE r [<!ENTITY a \"b\">]><r>&a;</r>",
        "<?xml version='1.0'?><!DOCTYPE r SYSTEM 'file:///etc/passwd'><r/>",
        "<!DOCTYPE r [<!ENTITY x SYSTEM 'http://127.0.0.1/'>]><r>&x;</r>",
        Samples.billionLaughs,
    ])
    func `A DOCTYPE is refused before any element`(text: String) {
        #expect(refusal(text) == .documentType)
    }

    @Test(arguments: ["<r>&undeclared;</r>", "<r a='&x;'/>", "<r>&#0;</r>", "<r>&#xFFFF;</r>", "<r>&#1;</r>"])
    func `References other than the predefined and to characters are refused`(text: String) {
        #expect(refusal(text) != nil)
    }

    @Test func `The predefined entities and character references are read`() throws {
        let root = try XMLElement(parsing: "<r a='&#65;&quot;'>&lt;&amp;&gt;&apos;&#x42;&#128512;</r>".utf8)
        #expect(root.text == "<&>'B😀")
        #expect(root.attribute("a") == "A\"")
    }

    @Test(arguments: ["", " \n ", "\u{FEFF}"])
    func `An empty document is told from a broken one`(text: String) {
        #expect(refusal(text) == .empty)
    }

    @Test(arguments: ["hello", "{}", "\0\0<r/>", "&lt;r/&gt;"])
    func `What is not XML is refused`(text: String) {
        let error = refusal(text)
        #expect(error == .notXML || error == .forbiddenCharacter)
    }

    @Test(arguments: [
        "<r", "<r>", "<r><a></r>", "<r a=1/>", "<r a='1' a='2'/>", "<1/>", "<r><</r>", "<r>]]></r>", "<r>\u{1}</r>",
        "<a:b:c/>", "<:a/>", "<r><?xml version='1.0'?></r>", "</r>", "<r a='<'/>", "<r \u{FFFE}='1'/>",
    ])
    func `A document that is not well-formed is refused`(text: String) {
        #expect(refusal(text) != nil)
    }

    @Test func `A NUL within the root element is refused`() {
        #expect(refusal("<r>a\0b</r>") == .forbiddenCharacter)
        #expect(refusal("<r a='\0'/>") == .forbiddenCharacter)
    }

    @Test func `An undeclared prefix is kept without a namespace`() throws {
        let root = try XMLElement(parsing: "<r><dlna:X_DLNADOC>DMS</dlna:X_DLNADOC></r>".utf8)
        let child = try #require(root.first("X_DLNADOC"))
        #expect(child.prefix == "dlna" && child.namespaceURI == nil && child.text == "DMS")
    }
}

@Suite("XML limits")
struct XMLLimitTests {
    private func refusal(_ bytes: some Sequence<UInt8>, limits: XMLLimits = XMLLimits()) -> XMLError? {
        do {
            _ = try XMLElement(parsing: bytes, limits: limits)
            return nil
        } catch {
            return error
        }
    }

    @Test func `Nesting stops at the limit and not on the stack`() {
        #expect(refusal(String(repeating: "<a>", count: 100_000).utf8) == .limit(.depth))
        #expect(refusal(Samples.nested(64).utf8) == nil)
        #expect(refusal(Samples.nested(65).utf8) == .limit(.depth))
        #expect(refusal(Samples.nested(300).utf8, limits: XMLLimits(depth: 1_000_000)) != nil)
        #expect(refusal(Samples.nested(250).utf8, limits: XMLLimits(depth: 1_000_000)) == nil)
    }

    @Test(arguments: ["<r>", "<r a='", "<r><!--", "<r><?p ", "<r><![CDATA["])
    func `A gigabyte that arrives lazily is refused after the first mebibyte`(start: String) {
        var taken = 0
        let endless = sequence(state: 0) { (index: inout Int) -> UInt8? in
            taken += 1
            defer { index += 1 }
            return index < start.utf8.count ? Array(start.utf8)[index] : index < 1 << 30 ? 0x61 : nil
        }
        guard case .limit? = refusal(endless) else {
            Issue.record("not refused by a limit")
            return
        }
        // A piece of 4 KiB is taken before it is looked at.
        #expect(taken <= (1 << 20) + 4096)
    }

    @Test func `Nothing is taken from a sequence after the root element's piece`() {
        var taken = 0
        let endless = sequence(state: 0) { (index: inout Int) -> UInt8? in
            taken += 1
            defer { index += 1 }
            return index < 4 ? Array("<r/>".utf8)[index] : 0x20
        }
        #expect(refusal(endless) == nil)
        #expect(taken < 10_000)
    }

    @Test func `Attributes, declarations, elements and text are counted`() {
        func tag(_ count: Int) -> String {
            "<r" + (0..<count).map { " a\($0)='x'" }.joined() + "/>"
        }
        #expect(refusal(tag(128).utf8) == nil)
        #expect(refusal(tag(129).utf8) == .limit(.attributes))
        #expect(refusal(tag(40_000).utf8) == .limit(.markup))
        let declarations = "<r" + (0..<129).map { " xmlns:a\($0)='x'" }.joined() + "/>"
        #expect(refusal(declarations.utf8) == .limit(.attributes))
        let scoped = (0..<5).map { level in
            "<a" + (0..<100).map { " xmlns:n\(level)x\($0)='x'" }.joined() + ">"
        }
        #expect(refusal(scoped.joined().utf8) == .limit(.attributes))
        #expect(refusal("<r><a/><a/></r>".utf8, limits: XMLLimits(elements: 2)) == .limit(.elements))
        #expect(refusal("<r>1234</r>".utf8, limits: XMLLimits(text: 3)) == .limit(.text))
        #expect(refusal("<r a='1234'/>".utf8, limits: XMLLimits(text: 3)) == .limit(.text))
        #expect(refusal("<r>1234</r>".utf8, limits: XMLLimits(bytes: 10)) == .limit(.bytes))
        #expect(refusal("<r>1234</r>".utf8, limits: XMLLimits(bytes: 11)) == nil)
    }

    @Test func `A long CDATA section is text and not a long tag`() throws {
        let text = String(repeating: "x]] ", count: 100_000)
        let document = "<r><![CDATA[\(text)]]></r>"
        #expect(try XMLElement(parsing: document.utf8).text == text)
        #expect(refusal(document.utf8, limits: XMLLimits(text: 399_999)) == .limit(.text))
        #expect(refusal("<r><!--\(text)--></r>".utf8) == .limit(.markup))
        #expect(refusal("<r a='\(text)'/>".utf8) == .limit(.markup))
    }

    @Test func `Many threads parse at once`() async throws {
        let expected = try XMLElement(parsing: Samples.description.utf8)
        let results = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<64 {
                group.addTask { (try? XMLElement(parsing: Samples.description.utf8)) == expected }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.count == 64 && results.allSatisfy { $0 })
    }

    @Test func `After a refusal every call gives the same error`() {
        var parser = XMLPushParser(limits: XMLLimits(bytes: 4))
        #expect(throws: XMLError.limit(.bytes)) { try parser.feed("<root>".utf8) }
        #expect(throws: XMLError.limit(.bytes)) { try parser.feed("<r/>".utf8) }
        #expect(throws: XMLError.limit(.bytes)) { _ = try parser.finish() }
    }
}

@Suite("XML encodings")
struct XMLEncodingTests {
    private func bytes(_ text: String, bigEndian: Bool, mark: Bool) -> [UInt8] {
        ((mark ? "\u{FEFF}" : "") + text).utf16.flatMap { unit in
            bigEndian ? [UInt8(unit >> 8), UInt8(unit & 255)] : [UInt8(unit & 255), UInt8(unit >> 8)]
        }
    }

    @Test(arguments: [true, false], [true, false])
    func `UTF-16 is read in either order, with and without a mark`(bigEndian: Bool, mark: Bool) throws {
        let text = "<r>Küche 😀</r>"
        #expect(try XMLElement(parsing: bytes(text, bigEndian: bigEndian, mark: mark)).text == "Küche 😀")
    }

    @Test func `A mark that lies gives an error or the truth, never a trap`() {
        let lie: [UInt8] = [0xFE, 0xFF] + Array("<r>x</r>".utf8)
        #expect(throws: XMLError.self) { _ = try XMLElement(parsing: lie) }
        #expect(throws: XMLError.self) { _ = try XMLElement(parsing: [0xFF, 0xFE, 0x3C] as [UInt8]) }
    }

    @Test(arguments: [
        "<?xml version='1.0' encoding='utf-8'?>", "<?xml version='1.0' encoding='iso-8859-1'?>",
        "<?xml version='1.0' encoding='gb2312'?>", "<?xml version='1.0' encoding='utf-16'?>", "",
    ])
    func `Bytes that are not UTF-8 are read as Latin-1`(declaration: String) throws {
        let document = Array((declaration + "<r>K").utf8) + [0xFC] + Array("che</r>".utf8)
        #expect(try XMLElement(parsing: document).text == "Küche")
    }

    @Test(arguments: [
        "<?xml version='1.0' encoding='ISO-8859-1'?>",
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\" standalone='no'?>",
        "<?xml version='1.0' encoding='Windows-1252'?>", "<?xml version='1.0' encoding=\"latin1\"?>",
    ])
    func `A declared Latin-1 is believed`(declaration: String) throws {
        let document = Array((declaration + "<r>").utf8) + [0xC3, 0xBC] + Array("</r>".utf8)
        #expect(try XMLElement(parsing: document).text == "Ã¼")
    }

    @Test func `A sequence that is cut between two pieces is one character`() throws {
        for offset in 0..<8 {
            let text = "<r>" + String(repeating: "a", count: 4090 + offset) + "😀ü€</r>"
            #expect(try XMLElement(parsing: text.utf8).text.hasSuffix("a😀ü€"))
        }
    }

    @Test func `A multi-byte character that never ends is Latin-1`() throws {
        let document = Array("<r>".utf8) + [0xF0, 0x9F] + Array("</r>".utf8)
        #expect(try XMLElement(parsing: document).text == "ð\u{9F}")
    }
}
