import TrustCore

/// A request taken apart once, for all rules.
struct RequestFacts {
    /// What stays the same when several things are asked of one device, as is done to see whether it may be seen.
    private final class Common: Sendable {
        let request: AccessRequest
        let subject: SubjectRights
        let ranks: DeviceRanks
        let candidates: [UInt64]
        let localMinutes: Int?

        init(_ request: AccessRequest, _ subject: SubjectRights, _ ranks: DeviceRanks, _ candidates: [UInt64]) {
            self.request = request
            self.subject = subject
            self.ranks = ranks
            self.candidates = candidates
            localMinutes = request.moment?.localMinutes
        }
    }

    private let common: Common
    private(set) var operation: AccessRequest.Operation
    private(set) var service: ServiceForm?
    private(set) var action: String?
    private(set) var foldedAction: String

    init(_ request: AccessRequest, subject: SubjectRights, ranks: DeviceRanks, candidates: [UInt64]) {
        common = Common(request, subject, ranks, candidates)
        operation = request.operation
        service = request.service.map(ranks.device.service)
        action = request.action
        foldedAction = request.action?.lowercased() ?? ""
    }

    /// Whose via, arguments, roles, time, ancestries and consents count. What is asked for stands beside it.
    var request: AccessRequest { common.request }
    var subject: SubjectRights { common.subject }
    var device: DeviceForms { common.ranks.device }
    /// How specifically each rule names the device.
    var ranks: DeviceRanks { common.ranks }
    /// The rules that may speak of the asker and the device, a bit for each.
    var candidates: [UInt64] { common.candidates }
    var localMinutes: Int? { common.localMinutes }

    /// The same asker's wish for something else of the device.
    func asking(_ operation: AccessRequest.Operation, service: ServiceForm? = nil) -> RequestFacts {
        var facts = self
        facts.operation = operation
        facts.service = service
        facts.action = nil
        facts.foldedAction = ""
        return facts
    }
}

/// What the ledger says of a client.
final class SubjectRights: Sendable {
    let id: SubjectID
    /// By which rules name it.
    let number: Int32
    let name: String
    let sharing: Bool
    let grants: [CompiledGrant]

    init(id: SubjectID, number: Int32, name: String, grants: [Grant]) {
        self.id = id
        self.number = number
        self.name = name
        self.sharing = grants.contains(where: \.sharing)
        self.grants = grants.map(CompiledGrant.init)
    }
}

/// A few numbers of many.
struct NumberSet: Sendable {
    private let sorted: [Int32]

    init(_ numbers: some Sequence<Int32>) { sorted = Set(numbers).sorted() }

    var isEmpty: Bool { sorted.isEmpty }
    var numbers: [Int32] { sorted }

    func contains(_ number: Int32) -> Bool {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < number { low = middle + 1 } else { high = middle }
        }
        return low < sorted.count && sorted[low] == number
    }
}
