import UPnP

/// What holds for every call of an action and every answer to one.
enum ControlProperties {
    static func checkRequest(_ input: [UInt8]) throws(BrokenProperty) {
        guard let request = try? ActionRequest(parsing: input) else { return }
        try expect(request.arguments.count <= ActionRequest.maximumArguments, "arguments are bounded")
        try expectSame(request, try? ActionRequest(parsing: request.serialized().utf8, limits: limits), "request")
        if let header = ActionRequest.splitSOAPAction(request.soapActionHeader) {
            try expect(
                header.serviceType == request.serviceType && header.action == request.action,
                "SOAPACTION of ours reads back the same: \(request.soapActionHeader)")
        }
        if let checked = try? request.checked(against: service) {
            try expect(
                checked.arguments.map(\.name) == request.arguments.map(\.name), "every argument has been checked")
        }
    }

    static func checkResponse(_ input: [UInt8]) throws(BrokenProperty) {
        for status in [200, 500] {
            switch try? ControlResult.parse(status: status, body: input) {
            case .response(let response):
                try expect(status == 200, "only a 200 is a success")
                try expectSame(
                    response, try? ActionResponse(parsing: response.serialized().utf8, limits: limits), "response")
            case .fault(let fault):
                try expectSame(fault, try? UPnPFault(parsing: fault.serialized().utf8, limits: limits), "fault")
            case nil:
                break
            }
        }
    }

    private static let limits = DescriptionProperties.again.xml

    /// A service with an action for every data type, whose arguments are bounded by range and list.
    private static let service = SCPD(
        actions: UPnPDataType.allCases.map { type in
            ActionDescription(
                name: "Set_\(type.rawValue)",
                arguments: [ArgumentDescription(name: "v", direction: .in, relatedStateVariable: type.rawValue)])
        },
        stateVariables: UPnPDataType.allCases.map { type in
            StateVariable(
                name: type.rawValue, dataType: type, allowedValues: type == .string ? ["a", "b"] : [],
                allowedRange: AllowedValueRange(minimum: "-5", maximum: "18446744073709551615", step: "1"))
        })
}
