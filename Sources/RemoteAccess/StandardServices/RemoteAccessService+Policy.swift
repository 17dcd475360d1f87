import AccessPolicy
import Foundation
import NIOUPnP
import UPnP

/// The policy's text, for administrators: read, replaced, and taken back by what its versions tell.
extension RemoteAccessService {
    /// How long an error's description may be (UDA 2.0 §3.2.2).
    private static let longestDescription = 256

    var policyActions: [HostedAction] {
        [
            HostedAction(
                "GetPolicy", out: policy.argument("Policy"), policyVersion.argument("PolicyVersion")
            ) { (call: ActionInvocation) in
                try authorizer.require(.admin, call)
                let stored = try await administration.policy()
                return (stored?.text ?? "", UInt32(clamping: stored?.version ?? 0))
            },
            HostedAction(
                "SetPolicy", in: policy.argument("Policy"), policyVersion.argument("ExpectedVersion"),
                out: policyVersion.argument("NewVersion")
            ) { (call: ActionInvocation, text: String, expected: UInt32) in
                try authorizer.require(.admin, call)
                return UInt32(
                    clamping: try await administration.setPolicy(
                        text, expecting: Int(expected), author: authorizer.name(of: call)))
            },
            HostedAction("GetPolicyVersions", out: policyVersionList.argument("PolicyVersionList")) {
                (call: ActionInvocation) in
                try authorizer.require(.admin, call)
                return Self.document("policyVersionList", try await administration.policyVersions().map(Self.element))
            },
        ]
    }

    private static func element(_ policy: StoredPolicy) -> XMLElement {
        element(
            "policyVersion",
            [
                ("version", String(policy.version)), ("author", policy.author),
                ("storedAt", policy.storedAt.formatted(.iso8601)), ("sha256", policy.sha256),
            ])
    }

    /// As many of the faults of a text as a description holds, and how many more there are.
    static func description(ofFaults error: any Error) -> String {
        let lines = "\(error)".split(separator: "\n")
        for count in (1...max(1, lines.count)).reversed() {
            let left = lines.count - count
            let text = lines.prefix(count).joined(separator: "; ") + (left > 0 ? "; and \(left) more" : "")
            if text.unicodeScalars.count <= longestDescription { return text }
        }
        var scalars = String.UnicodeScalarView()
        scalars.append(contentsOf: (lines.first.map(String.init) ?? "").unicodeScalars.prefix(longestDescription - 1))
        return String(scalars) + "…"
    }
}
