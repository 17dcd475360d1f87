import NIOTraversal
import NetworkTypes
import Traversal

/// What the tool was called with.
struct Arguments {
    var role = ICEAgent.Role.controlling
    var own: [InterfaceAddress] = []
    var engine = ICEEngine.Configuration()
    var echoes = false
    var roots: String?
    var relayName = "turn.example"
    var server: SocketEndpoint?

    /// A sentence where something cannot be read.
    struct Misuse: Error { let sentence: String }

    init(_ words: some Sequence<String>) throws {
        var words = Array(words)[...]
        func value(_ option: String) throws -> String {
            guard let value = words.popFirst() else { throw Misuse(sentence: "\(option) needs a value") }
            return value
        }
        while let option = words.popFirst() {
            switch option {
            case "--role": role = try value(option) == "controlled" ? .controlled : .controlling
            case "--from": own.append(try Self.address(try value(option)))
            case "--stun": engine.stunServers.append(try Self.endpoint(try value(option)))
            case "--server": server = try Self.endpoint(try value(option))
            case "--turn": engine.relays.append(try Self.relay(try value(option)))
            case "--same-network": engine.isSameNetwork = true
            case "--nominate-once": engine.ice.renominates = false
            case "--echo": echoes = true
            case "--roots": roots = try value(option)
            case "--relay-name": relayName = try value(option)
            default: throw Misuse(sentence: "\(option) is not known")
            }
        }
        guard !own.isEmpty else { throw Misuse(sentence: "--from ADDRESS is needed") }
    }

    private static func endpoint(_ text: String) throws -> SocketEndpoint {
        guard let endpoint = SocketEndpoint(text) else { throw Misuse(sentence: "\(text) is no ADDRESS:PORT") }
        return endpoint
    }

    private static func address(_ text: String) throws -> InterfaceAddress {
        guard let address = IPAddress(text), let prefix = IPPrefix(address: address, length: 24) else {
            throw Misuse(sentence: "\(text) is no address")
        }
        return InterfaceAddress(interface: "", index: 0, address: address, prefix: prefix)
    }

    /// `udp,192.0.2.1:3478,user,password`
    static func relay(_ text: String) throws -> ICEEngine.Relay {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, ["udp", "tcp", "tls"].contains(parts[0]) else {
            throw Misuse(sentence: "\(text) is no TRANSPORT,ADDRESS:PORT,USER,PASSWORD")
        }
        return ICEEngine.Relay(
            try endpoint(parts[1]), stream: ICEEngine.Relay.Stream(rawValue: parts[0]), username: parts[2],
            password: parts[3])
    }
}
