import NetworkTypes
import Testing
import UPnP

@Suite("Actions")
struct ActionTests {
    private let type = "urn:schemas-upnp-org:service:Dimming:1"

    private func envelope(_ content: String) -> [UInt8] {
        Array(
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>\(content)</s:Body></s:Envelope>"
                .utf8)
    }

    @Test func `A request is read and written`() throws {
        let request = try ActionRequest(parsing: Samples.action.utf8, soapActionHeader: "\"\(type)#SetLevel\"")
        #expect(
            request
                == ActionRequest(
                    serviceType: type, action: "SetLevel",
                    arguments: [.init("Channel", "Master"), .init("Level", "42")]))
        #expect(request["Level"] == "42" && request.soapActionHeader == "\"\(type)#SetLevel\"")
        #expect(try ActionRequest(parsing: request.serialized().utf8) == request)
        #expect(request.serialized().contains("s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\""))
        #expect(request.serialized().contains("<u:SetLevel xmlns:u=\"\(type)\"><Channel>Master</Channel>"))
    }

    @Test func `An action is written as the tree of its elements would be`() {
        var generator = SeededGenerator(seed: 5)
        let alphabet = Array("<>&\"' \t\n\rab:😀ü]\u{1}")
        func text(_ longest: Int) -> String {
            let length = Int.random(in: 0...longest, using: &generator)
            return String((0..<length).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] })
        }
        for _ in 0..<300 {
            let request = ActionRequest(
                serviceType: text(6), action: text(4),
                arguments: (0..<Int.random(in: 0...3, using: &generator)).map { _ in ActionArgument(text(3), text(8)) })
            let content = XMLElement(
                request.action, prefix: "u", namespaceURI: request.serviceType,
                namespaceDeclarations: [XMLNamespaceDeclaration(prefix: "u", uri: request.serviceType)],
                children: request.arguments.map { .element(XMLElement($0.name, text: $0.value)) })
            let namespace = "http://schemas.xmlsoap.org/soap/envelope/"
            let encoding = "http://schemas.xmlsoap.org/soap/encoding/"
            let envelope = XMLElement(
                "Envelope", prefix: "s", namespaceURI: namespace,
                attributes: [
                    XMLAttribute("encodingStyle", prefix: "s", namespaceURI: namespace, value: encoding)
                ],
                children: [
                    .element(
                        XMLElement("Body", prefix: "s", namespaceURI: namespace, children: [.element(content)]))
                ])
            #expect(request.serialized() == envelope.serialized(), "seed 5, \(request)")
        }
    }

    @Test func `Values keep their white space and markup through writing and reading`() throws {
        var generator = SeededGenerator(seed: 3)
        let alphabet = Array("<>&\"' \t\n\rab😀ü]")
        for _ in 0..<300 {
            let value = String((0..<12).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] })
            let request = ActionRequest(serviceType: type, action: "A", arguments: [.init("V", value)])
            let read = try ActionRequest(parsing: request.serialized().utf8)
            #expect(read["V"].map { Array($0.utf8) } == Array(value.utf8), "seed 3, \(value.debugDescription)")
            let response = ActionResponse(to: request, arguments: request.arguments)
            #expect(try ActionResponse(parsing: response.serialized().utf8) == response)
        }
    }

    @Test(arguments: ["\"T#A\"", "T#A", " \"T#A\" "])
    func `The SOAPACTION header may come with or without quotes`(header: String) throws {
        let body = envelope("<u:A xmlns:u='T'/>")
        #expect(try ActionRequest(parsing: body, soapActionHeader: header).action == "A")
    }

    @Test(arguments: [
        "", "\"", "\"\"", "#", "\"#\"", "T#", "#A", "\"T#A", "T#A\"", "TA", "\"T\"#A\"",
        String(repeating: "x", count: 300) + "#A",
    ])
    func `A broken SOAPACTION header is refused`(header: String) {
        #expect(ActionRequest.splitSOAPAction(header) == nil)
        #expect(throws: ControlError.invalidSOAPAction) {
            _ = try ActionRequest(parsing: envelope("<u:A xmlns:u='T'/>"), soapActionHeader: header)
        }
    }

    @Test(arguments: ["T#B", "U#A", "T#a", "\"T #A\""])
    func `A SOAPACTION header that names something else is refused`(header: String) {
        #expect(throws: ControlError.soapActionMismatch) {
            _ = try ActionRequest(parsing: envelope("<u:A xmlns:u='T'/>"), soapActionHeader: header)
        }
    }

    @Test(arguments: [
        ("", ControlError.notAnEnvelope), ("text", .notAnEnvelope), ("<a xmlns='t'/><b xmlns='t'/>", .notAnEnvelope),
        ("<A/>", .missingServiceType), ("<A xmlns='t'><x/><x/></A>", .duplicateArgument("x")),
        ("<A xmlns='t'><x/><p:x xmlns:p='q'/></A>", .duplicateArgument("x")),
        ("<A xmlns='t'><x><y/></x></A>", .structuredArgument("x")), ("<s:Fault/>", .unexpectedFault),
    ])
    func `A request is read strictly`(content: String, error: ControlError) {
        #expect(throws: error) { _ = try ActionRequest(parsing: envelope(content)) }
    }

    @Test func `Two bodies, or another root, are refused`() {
        for text in [
            "<a/>", "<Envelope/>", "<Envelope><Body><a xmlns='t'/></Body><Body><b xmlns='t'/></Body></Envelope>",
        ] {
            #expect(throws: ControlError.notAnEnvelope) { _ = try ActionRequest(parsing: text.utf8) }
        }
    }

    @Test func `Too many arguments are refused with 402, as duplicates are`() {
        let arguments = (0..<257).map { "<a\($0)/>" }.joined()
        #expect(throws: ControlError.tooManyArguments) {
            _ = try ActionRequest(parsing: envelope("<A xmlns='t'>\(arguments)</A>"))
        }
        #expect(ControlError.tooManyArguments.fault.code == .invalidArgs)
        #expect(ControlError.duplicateArgument("x").fault.code == .invalidArgs)
        #expect(ControlError.notAnEnvelope.fault.code == .invalidAction)
    }

    @Test func `A response is read leniently`() throws {
        let response = try ActionResponse(
            parsing: envelope("<BrowseResponse><Result><DIDL-Lite><a b='c'/></DIDL-Lite></Result></BrowseResponse>"))
        #expect(response.serviceType == "" && response.action == "Browse")
        #expect(response["Result"] == "<DIDL-Lite><a b=\"c\"/></DIDL-Lite>")
        #expect(throws: ControlError.notAResponse("Browse")) {
            _ = try ActionResponse(parsing: envelope("<Browse xmlns='t'/>"))
        }
    }
}

@Suite("Faults")
struct FaultTests {
    @Test func `A fault is written as the standard shows and read back, unknown codes included`() throws {
        let fault = UPnPFault(UPnPErrorCode(rawValue: 718), description: "Conflict <&>")
        let text = fault.serialized()
        #expect(text.contains("<faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring>"))
        #expect(text.contains("<UPnPError xmlns=\"urn:schemas-upnp-org:control-1-0\"><errorCode>718</errorCode>"))
        #expect(try UPnPFault(parsing: text.utf8) == fault)
        #expect(UPnPFault(.invalidAction).description == "Invalid Action")
    }

    @Test func `An answer is a response or a fault, whatever the status of the fault`() throws {
        let fault = UPnPFault(.actionFailed)
        #expect(try ControlResult.parse(status: 500, body: fault.serialized().utf8) == .fault(fault))
        #expect(try ControlResult.parse(status: 200, body: fault.serialized().utf8) == .fault(fault))
        let response = ActionResponse(serviceType: "t", action: "A", arguments: [.init("x", "1")])
        #expect(try ControlResult.parse(status: 200, body: response.serialized().utf8) == .response(response))
        #expect(throws: ControlError.unexpectedStatus(404)) {
            _ = try ControlResult.parse(status: 404, body: "not found".utf8)
        }
        #expect(throws: ControlError.unexpectedStatus(500)) {
            _ = try ControlResult.parse(status: 500, body: response.serialized().utf8)
        }
        #expect(throws: ControlError.xml(.empty)) { _ = try ControlResult.parse(status: 200, body: "".utf8) }
    }

    @Test func `A SOAP fault of another kind is Action Failed with its own words`() throws {
        let text = "<Envelope><Body><Fault><faultstring> Busy </faultstring></Fault></Body></Envelope>"
        #expect(
            try ControlResult.parse(status: 500, body: text.utf8)
                == .fault(UPnPFault(.actionFailed, description: "Busy")))
    }
}

@Suite("Requests against descriptions")
struct CheckedActionTests {
    private func check(_ action: String, _ arguments: [(String, String)]) throws -> CheckedAction {
        let request = ActionRequest(
            serviceType: "t", action: action, arguments: arguments.map { ActionArgument($0.0, $0.1) })
        return try request.checked(against: SCPD(parsing: Samples.scpd.utf8))
    }

    private func code(_ action: String, _ arguments: [(String, String)]) -> UPnPErrorCode? {
        do {
            _ = try check(action, arguments)
            return nil
        } catch {
            return (error as? UPnPFault)?.code
        }
    }

    @Test func `A good request has typed arguments`() throws {
        #expect(try check("SetTarget", [("newTargetValue", "yes")])["newTargetValue"] == .boolean(true))
        let level = try check("SetLevel", [("Channel", "LF"), ("Level", " 100 ")])
        #expect(level["Level"] == .ui1(100) && level["Channel"] == .string("LF") && level.action.name == "SetLevel")
        #expect(try check("Stop", []).arguments.isEmpty)
    }

    @Test func `What is wrong has its own code`() {
        #expect(code("Explode", []) == .invalidAction)
        #expect(code("settarget", [("newTargetValue", "1")]) == .invalidAction)
        #expect(code("SetTarget", []) == .invalidArgs)
        #expect(code("SetTarget", [("newTargetValue", "1"), ("more", "1")]) == .invalidArgs)
        #expect(code("SetTarget", [("newtargetvalue", "1")]) == .invalidArgs)
        #expect(code("SetLevel", [("Level", "1"), ("Channel", "LF")]) == .invalidArgs)
        #expect(code("SetLevel", [("Channel", "LF"), ("Level", "1"), ("Old", "1")]) == .invalidArgs)
        #expect(code("SetTarget", [("newTargetValue", "perhaps")]) == .invalidArgs)
        #expect(code("SetLevel", [("Channel", "LF"), ("Level", "loud")]) == .invalidArgs)
        #expect(code("SetLevel", [("Channel", "LF"), ("Level", "300")]) == .argumentValueInvalid)
        #expect(code("SetLevel", [("Channel", "LF"), ("Level", "101")]) == .argumentValueOutOfRange)
        #expect(code("SetLevel", [("Channel", "RF"), ("Level", "1")]) == .argumentValueOutOfRange)
    }
}
