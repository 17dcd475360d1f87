import Testing
import UPnP

@Suite("Asking for a variable")
struct StateVariableQueryTests {
    private func envelope(_ content: String) -> [UInt8] {
        Array(
            "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>\(content)</s:Body></s:Envelope>"
                .utf8)
    }

    @Test func `Question and answer are written and read`() throws {
        let query = StateVariableQuery(variable: "Status")
        #expect(
            query.serialized().contains(
                "<u:QueryStateVariable xmlns:u=\"urn:schemas-upnp-org:control-1-0\"><u:varName>Status</u:varName>"))
        #expect(try StateVariableQuery(parsing: query.serialized().utf8) == query)
        let answer = StateVariableAnswer(value: " <1> ")
        #expect(
            answer.serialized().contains("<u:QueryStateVariableResponse xmlns:u=\"urn:schemas-upnp-org:control-1-0\">"))
        #expect(try StateVariableAnswer(parsing: answer.serialized().utf8) == answer)
    }

    @Test func `A control URL takes both actions and questions`() throws {
        let query = StateVariableQuery(variable: "Status")
        #expect(
            try ControlRequest(
                parsing: query.serialized().utf8, soapActionHeader: StateVariableQuery.soapActionHeader)
                == .query(query))
        let action = ActionRequest(serviceType: "urn:x:service:S:1", action: "Go")
        #expect(
            try ControlRequest(parsing: action.serialized().utf8, soapActionHeader: action.soapActionHeader)
                == .action(action))
        #expect(throws: ControlError.soapActionMismatch) {
            _ = try ControlRequest(
                parsing: query.serialized().utf8, soapActionHeader: "\"urn:schemas-upnp-org:control-1-0#Other\"")
        }
        #expect(throws: ControlError.self) {
            _ = try ControlRequest(
                parsing: action.serialized().utf8, soapActionHeader: StateVariableQuery.soapActionHeader)
        }
    }

    @Test(arguments: [
        "<QueryStateVariable/>", "<QueryStateVariable><varName>a</varName><varName>b</varName></QueryStateVariable>",
        "<QueryStateVariable><varName><x/></varName></QueryStateVariable>", "<Other><varName>a</varName></Other>",
    ])
    func `A question is for one variable`(content: String) {
        #expect(throws: ControlError.notAQuery) { _ = try StateVariableQuery(parsing: envelope(content)) }
        #expect(ControlError.notAQuery.fault.code == .invalidVar)
    }

    @Test func `A variable that is not there, or only types arguments, is fault 404`() throws {
        let scpd = try SCPD(parsing: Samples.scpd.utf8)
        #expect(try scpd.variable(for: StateVariableQuery(variable: "Level")).name == "Level")
        for name in ["level", "", "A_ARG_TYPE_Channel"] {
            #expect(throws: UPnPFault(.invalidVar)) {
                _ = try scpd.variable(for: StateVariableQuery(variable: name))
            }
        }
        let fault = UPnPFault(.invalidVar).serialized()
        #expect(throws: ControlError.unexpectedFault) { _ = try StateVariableAnswer(parsing: fault.utf8) }
        #expect(try UPnPFault(parsing: fault.utf8).code.rawValue == 404)
    }
}

@Suite("Error codes")
struct UPnPErrorCodeTests {
    @Test func `Every code from 401 to 899 has a meaning for people, and a place`() {
        for number in 401...899 {
            let code = UPnPErrorCode(rawValue: number)
            #expect(code.meaning().hasSuffix(".") && code.origin != .unknown)
        }
        #expect(UPnPErrorCode(rawValue: 400).origin == .unknown && UPnPErrorCode(rawValue: 900).origin == .unknown)
        #expect(UPnPErrorCode(rawValue: 750).origin == .serviceType && UPnPErrorCode(rawValue: 801).origin == .vendor)
        for number in [401, 402, 403, 404, 501] + Array(600...612) {
            #expect(UPnPErrorCode(rawValue: number).standardDescription != nil)
        }
    }

    @Test func `A service type's own codes mean what that type says`() {
        let code = UPnPErrorCode(rawValue: 718)
        #expect(code.meaning(serviceType: "urn:schemas-upnp-org:service:WANIPConnection:2").contains("external port"))
        #expect(code.meaning(serviceType: "urn:schemas-upnp-org:service:AVTransport:1").contains("instance"))
        #expect(code.meaning(serviceType: "urn:other:service:AVTransport:1") == code.meaning())
        #expect("\(UPnPErrorCode.invalidArgs)" == "402 Invalid Args" && "\(code)" == "718")
    }
}
