import NIOTunnel
import Tunnel

extension SessionKeeper {
    /// What to tell a person about a failure.
    static func sentence(_ error: any Error) -> String {
        switch error {
        case let problem as Problem: problem.title
        case let error as TunnelError: error.message
        case CarrierEnd.closed: "the gateway closed the connection"
        case CarrierEnd.revoked: "the pairing was revoked"
        case CarrierEnd.silent(let time): "nothing was heard from the gateway for \(time.components.seconds) seconds"
        case CarrierEnd.failed(let sentence): sentence
        default: "\(error)"
        }
    }
}
