import AccessPolicy
import PolicyFile
import TrustCore

/// What holds for every text of a policy.
enum PolicyProperties {
    static func check(_ input: [UInt8]) throws(BrokenProperty) {
        let text = String(decoding: input, as: UTF8.self)
        let document: PolicyDocument
        do {
            document = try PolicyText.parse(text)
        } catch {
            let lines = text.utf8.count + 1
            try expect((1...64).contains(error.errors.count), "a refusal without a complaint, or too many")
            for complaint in error.errors {
                try expect(complaint.line <= lines && complaint.column <= lines + 1, "a complaint outside of the text")
            }
            return
        }
        let written = PolicyText.write(document)
        let again = try? PolicyText.parse(written)
        try expectSame(document.withoutLines, again?.withoutLines, "policy")
        if let again { try expect(PolicyText.write(again) == written, "what is written changes when it is read") }
        try expect(PolicyDifference.sentences(from: document, to: document).isEmpty, "a policy differs from itself")
        try decide(by: document)
    }

    /// Whatever a policy says, the border is closed, a stranger has nothing, and an explanation agrees with the decision.
    private static func decide(by document: PolicyDocument) throws(BrokenProperty) {
        guard let known = SubjectID("known"), let stranger = SubjectID("stranger") else { return }
        let policy = CompiledPolicy(document: document, clients: [known: "alice"])
        let border = DeviceFacts(
            udn: "uuid:0", deviceType: "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
            serviceTypes: ["urn:schemas-upnp-org:service:WANIPConnection:1"])
        let renderer = DeviceFacts(
            udn: "uuid:1", name: "Living room", deviceType: "urn:schemas-upnp-org:device:MediaRenderer:1",
            serviceTypes: ["urn:schemas-upnp-org:service:RenderingControl:1"])
        for operation in AccessRequest.Operation.allCases {
            var request = AccessRequest(
                subject: known, via: .ownHost, device: border, operation: operation,
                service: "urn:schemas-upnp-org:service:RenderingControl:1", action: "SetVolume",
                arguments: [("InstanceID", "0"), ("Channel", "Master"), ("DesiredVolume", "40")])
            try expect(!policy.decide(request).permitted, "a policy opens the border")
            request.device = renderer
            let decision = policy.decide(request)
            try expect(policy.explain(request).decision == decision, "an explanation differs from the decision")
            request.subject = stranger
            try expect(!policy.decide(request).permitted, "a policy lets a stranger in")
        }
    }
}
