import NetworkTypes
package import TrustCore

extension CompiledPolicy {
    /// The places in front of a client from where a device may be seen, as far as grants and rules tell them apart: its
    /// own host, any neighbour, and a neighbour in each network that a rule names which permits something of the
    /// device to the client. An announcement reaches a whole network, so that one of them is enough for it.
    package func places(of subject: SubjectID, roles: Set<RoleName> = [], seeing device: DeviceFacts) -> [Via] {
        guard let rights = subjects[subject] else { return [.ownHost] }
        var request = AccessRequest(subject: subject, via: .ownHost, device: device, operation: .discover)
        request.roles = roles
        let facts = facts(request, rights)
        // Nobody has this address, so that no rule's network holds it by chance.
        let anyNeighbour = Via.neighbour(.v4(.unspecified))
        var places: [Via] = rights.sharing ? [.ownHost, anyNeighbour] : [.ownHost]
        var seen = Set(places)
        for rule in rules
        where rule.isPermit && !rule.rule.via.isEmpty && rule.whoRank(facts) != nil && facts.ranks[rule.order] != nil {
            for accepted in rule.rule.via {
                let place =
                    switch accepted {
                    case .ownHost: Via.ownHost
                    case .neighbours: anyNeighbour
                    case .prefix(let prefix): Via.neighbour(prefix.address)
                    }
                if seen.insert(place).inserted { places.append(place) }
            }
        }
        return places
    }
}
