import NetworkTypes
import Testing
import UPnP

/// Requests that are read without a tree mean what they mean to the parser of whole documents.
@Suite("Plain actions")
struct PlainActionTests {
    private static let requests = [
        Samples.action,
        """
        <?xml version="1.0"?>
        <s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" \
        s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>\
        <u:SetTarget xmlns:u="urn:schemas-upnp-org:service:SwitchPower:1"><newTargetValue>1</newTargetValue>\
        </u:SetTarget></s:Body></s:Envelope>
        """,
        """
        <?xml version="1.0" encoding="utf-8"?>\r
        <SOAP-ENV:Envelope SOAP-ENV:encodingStyle='http://schemas.xmlsoap.org/soap/encoding/' \
        xmlns:SOAP-ENV='http://schemas.xmlsoap.org/soap/envelope/' xmlns:m='urn:m'>
        <SOAP-ENV:Body><m:Browse xmlns:m='urn:schemas-upnp-org:service:ContentDirectory:1'>
        <ObjectID>0</ObjectID><BrowseFlag>BrowseDirectChildren</BrowseFlag><Filter> * </Filter>
        <StartingIndex>0</StartingIndex><SortCriteria/><Empty></Empty></m:Browse></SOAP-ENV:Body></SOAP-ENV:Envelope>
        """,
        """
        <Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><GetStatus xmlns="urn:x"/></Body></Envelope>
        """,
        """
        <s:Envelope xmlns:s="e" xmlns:u="urn:x"><s:Body><u:A><B>x</B><C>1 &lt; 2</C></u:A></s:Body></s:Envelope>
        """,
    ]

    /// The bytes as a sequence without storage goes to the parser of whole documents.
    private func outcomes(_ bytes: [UInt8]) -> (
        Result<ActionRequest, ControlError>, Result<ActionRequest, ControlError>
    ) {
        (
            Result { () throws(ControlError) in try ActionRequest(parsing: bytes) },
            Result { () throws(ControlError) in try ActionRequest(parsing: bytes.lazy.map { $0 }) }
        )
    }

    @Test(arguments: requests)
    func `Real requests are read alike`(text: String) throws {
        let (plain, whole) = outcomes(Array(text.utf8))
        #expect(try plain.get() == whole.get())
    }

    @Test func `Damaged requests are read alike, or refused for the same reason`() {
        var generator = SeededGenerator(seed: 11)
        let pieces: [[UInt8]] = [
            "<", ">", "/", "/>", "</", "\"", "'", "=", ":", "&amp;", "<!-- -->", "<![CDATA[x]]>", "<?x?>", " ", "\r",
            "xmlns=\"\"", " xmlns:u=\"v\"", "s:", "u:", "xml", "]]>", "ü", "\0", " a=\"b\"", "<B>1</B>", "Fault",
            "<s:Header/>", " s:encodingStyle=\"x\"",
        ].map { Array($0.utf8) }
        var agreed = 0
        for _ in 0..<6000 {
            var bytes = Array(Self.requests.randomElement(using: &generator, or: "").utf8)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let at = Int.random(in: 0..<bytes.count, using: &generator)
                let end = min(bytes.count, at + Int.random(in: 0...9, using: &generator))
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes.removeSubrange(at..<max(end, at + 1))
                case 1: bytes[at] = UInt8.random(in: 0x20...0x7F, using: &generator)
                case 2: bytes.insert(contentsOf: pieces[Int.random(in: 0..<pieces.count, using: &generator)], at: at)
                default: bytes.insert(contentsOf: Array(bytes[at..<end]), at: Int.random(in: 0...at, using: &generator))
                }
            }
            let (plain, whole) = outcomes(bytes)
            if case .success = whole { agreed += 1 }
            #expect(plain == whole, "seed 11: \(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
        #expect(agreed > 500)
    }
}

extension Array {
    fileprivate func randomElement(using generator: inout some RandomNumberGenerator, or empty: Element) -> Element {
        isEmpty ? empty : self[Int.random(in: 0..<count, using: &generator)]
    }
}
