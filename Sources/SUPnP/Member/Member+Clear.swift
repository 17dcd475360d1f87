import GroupKeys
import NetworkTypes

/// Requests that come in clear, for a server that accepts them. Nothing of it is authentic: it is no sign of life of
/// anybody, and its answers go in clear to where the group's own forwarder is known to be, and nowhere else.
extension Member {
    mutating func takeClear(_ bytes: [UInt8], now: ContinuousClock.Instant) {
        guard configuration.acceptsUnencrypted, session?.isServer == true,
            case .broadcast(let broadcast)? = ClearData(bytes)?.payload, broadcast.id.isUnencrypted,
            !broadcast.isFromHardened, forwarder(of: broadcast.id) != nil,
            let name = ServiceName(Array(broadcast.service.utf8)),
            // A service that serves hardened clients only is out of reach in clear too.
            let offer = offers.first(where: { $0.name == name }), offer.lowestSuite == 0
        else { return }
        let isAllowed = session?.clear.rate.allows(now: now) == true
        guard isAllowed else { return }
        switch session?.clear.served.arrived(broadcast.id.rawValue, now: now) {
        case .new:
            var request = InboundRequest(
                id: broadcast.id, service: name, alias: broadcast.alias, isFromHardened: false,
                payload: broadcast.payload)
            request.isUnencrypted = true
            outputs.append(.event(.request(request)))
        case .known(let answer?): sendClear(answer, of: broadcast.id)
        case .known(nil), .full, nil: return
        }
    }

    mutating func answerClear(_ id: DataPayload.ForwardID, payload: [UInt8], isLast: Bool) {
        guard let sequence = session?.clear.served.sequence(of: id.rawValue, isLast: isLast) else { return }
        let answer = DataPayload.Answer(id: id.rawValue, alias: sequence, isLast: isLast, payload: payload)
        guard let datagram = ClearData(.answer(answer)).datagram() else { return }
        session?.clear.served.keep(datagram, of: id.rawValue)
        sendClear(datagram, of: id)
    }

    private mutating func sendClear(_ datagram: [UInt8], of id: DataPayload.ForwardID) {
        guard let address = forwarder(of: id) else { return }
        outputs.append(.transmit(datagram, to: address))
    }

    /// Where the forwarder is that a request's number names, if the group has one of that number.
    private func forwarder(of id: DataPayload.ForwardID) -> SocketEndpoint? {
        guard let controller = id.controller, session?.controllers.order.dropFirst().contains(controller) == true else {
            return nil
        }
        return session?.controllers.address(controller)
    }
}

/// What a server has of requests that came in clear: apart from those that came sealed, and bounded on its own.
struct ClearServing {
    static let perSecond = 50
    var served = ServedRequests(limit: 4_096)
    var rate: RequestRate

    init(now: ContinuousClock.Instant) {
        rate = RequestRate(perSecond: Self.perSecond, burst: Self.perSecond, now: now)
    }
}
