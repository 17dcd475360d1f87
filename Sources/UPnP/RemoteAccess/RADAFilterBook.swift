/// The filters of RADAConfig: which home devices the own RADA lets out, and which networks it takes in
/// (RADAConfig:2 §2.7.2). A value; a change that fails leaves it as it was.
///
/// Decided where the standard leaves it open: the modes begin as `denyList` (the standard's export begins as
/// `allowList`, "an implementation may change them"), because what leaves home is decided by policy, which permits
/// nothing by itself; `denyList` without filters then adds nothing to it. Import follows RADAConfig's reading,
/// `denyList` = everything except what is listed, and not RADASync's appendix, which has it the other way round.
package struct RADAFilterBook: Hashable, Sendable {
    /// The filters of one device for export: the credentials that it is for, or everybody's.
    package enum Audience: Hashable, Sendable {
        case everybody
        case credentials(Set<String>)

        func contains(_ credential: String) -> Bool {
            switch self {
            case .everybody: true
            case .credentials(let all): all.contains(credential)
            }
        }
    }

    /// What is kept for a remote RADA.
    package struct Import: Hashable, Sendable {
        package var mode: RADAControlMode
        /// Whether the RADA is listed: a filter of a remote RADA names no devices.
        package var isListed: Bool
    }

    /// The own RADA.
    package let own: String
    /// The mode for export.
    package private(set) var exportMode = RADAControlMode.denyList
    /// The mode for networks of which nothing was said.
    package static let defaultImportMode = RADAControlMode.denyList
    /// By the device's UUID, in lower case.
    package private(set) var exports: [String: Audience] = [:]
    /// By the remote RADA's UUID, in lower case.
    package private(set) var imports: [String: Import] = [:]

    /// How many devices may have filters.
    package static let maximumEntries = 1_024

    /// Makes a book without filters.
    package init(own: String) { self.own = RADAText.uuid(own) ?? own }

    /// Does what EditFilter says: all of it, or nothing.
    ///
    /// - Parameter known: The remote RADAs that are connected, or were.
    /// - Throws: 702: a target that is not known, a mode that contradicts the filters that are there, entries that
    ///   contradict each other, too many.
    package mutating func edit(_ filters: [RADAFilter], known: Set<String> = []) throws(InvalidFilter) {
        var next = self
        let known = Set(known.map { $0.lowercased() })
        for filter in filters {
            if filter.target.lowercased() == own.lowercased() {
                try next.editExport(filter)
            } else {
                let target = filter.target.lowercased()
                guard known.contains(target) || next.imports[target] != nil else {
                    throw InvalidFilter("The target \(filter.target) is neither this RADA nor one that is connected.")
                }
                try next.editImport(filter, target)
            }
        }
        guard next.exports.count <= Self.maximumEntries, next.imports.count <= RemoteAccessDocumentLimits.networks
        else { throw InvalidFilter("There are too many filters.") }
        self = next
    }

    private mutating func editExport(_ filter: RADAFilter) throws(InvalidFilter) {
        switch filter.update {
        case .edit:
            // "Drop all filters for that RADA and set the mode": what the list names are then its filters.
            exports = [:]
            exportMode = filter.controlMode
            for device in filter.devices { try add(device) }
        case .add:
            try requireMode(filter.controlMode, current: exportMode, hasFilters: !exports.isEmpty)
            exportMode = filter.controlMode
            for device in filter.devices { try add(device) }
        case .delete:
            try requireMode(filter.controlMode, current: exportMode, hasFilters: !exports.isEmpty)
            if filter.devices.isEmpty { exports = [:] }
            for device in filter.devices { try delete(device) }
        }
    }

    private mutating func editImport(_ filter: RADAFilter, _ target: String) throws(InvalidFilter) {
        guard filter.devices.isEmpty else {
            throw InvalidFilter("A filter for a remote RADA names no devices.")
        }
        let current = imports[target] ?? Import(mode: Self.defaultImportMode, isListed: false)
        switch filter.update {
        case .edit: imports[target] = Import(mode: filter.controlMode, isListed: false)
        case .add:
            try requireMode(filter.controlMode, current: current.mode, hasFilters: current.isListed)
            imports[target] = Import(mode: filter.controlMode, isListed: true)
        case .delete:
            try requireMode(filter.controlMode, current: current.mode, hasFilters: current.isListed)
            imports[target] = Import(mode: current.mode, isListed: false)
        }
    }

    private func requireMode(
        _ mode: RADAControlMode, current: RADAControlMode, hasFilters: Bool
    ) throws(InvalidFilter) {
        guard mode == current || !hasFilters else {
            throw InvalidFilter(
                "The mode is \(current.rawValue) and there are filters: delete them first, or use updateType edit.")
        }
    }

    private mutating func add(_ device: RADADeviceInfo) throws(InvalidFilter) {
        let uuid = device.uuid.lowercased()
        let credentials = Set(device.credentials ?? [])
        guard !credentials.contains("") else { throw InvalidFilter("An access element names no credential.") }
        guard !credentials.isEmpty else {
            exports[uuid] = .everybody
            return
        }
        switch exports[uuid] {
        case .everybody: break
        case .credentials(let known): exports[uuid] = .credentials(known.union(credentials))
        case nil: exports[uuid] = .credentials(credentials)
        }
        if case .credentials(let all)? = exports[uuid], all.count > RemoteAccessDocumentLimits.credentials {
            throw InvalidFilter("There are too many credentials for one device.")
        }
    }

    /// What is not there is deleted already.
    private mutating func delete(_ device: RADADeviceInfo) throws(InvalidFilter) {
        let uuid = device.uuid.lowercased()
        let credentials = Set(device.credentials ?? [])
        guard !credentials.isEmpty else {
            exports[uuid] = nil
            return
        }
        switch exports[uuid] {
        case .everybody:
            throw InvalidFilter("The filter of \(device.uuid) is for everybody; delete it without accessControl.")
        case .credentials(let known):
            let rest = known.subtracting(credentials)
            exports[uuid] = rest.isEmpty ? nil : .credentials(rest)
        case nil: break
        }
    }

    /// Whether a device is let out to the peer of a credential.
    package func exports(_ uuid: String, to credential: String) -> Bool {
        let isListed = exports[(RADAText.uuid(uuid) ?? uuid).lowercased()]?.contains(credential) ?? false
        return isListed == (exportMode == .allowList)
    }

    /// Whether the devices of a remote RADA are taken in.
    package func imports(from rada: String) -> Bool {
        let entry = imports[rada.lowercased()] ?? Import(mode: Self.defaultImportMode, isListed: false)
        return entry.isListed == (entry.mode == .allowList)
    }

    /// The mode for a remote RADA.
    package func importMode(of rada: String) -> RADAControlMode {
        imports[rada.lowercased()]?.mode ?? Self.defaultImportMode
    }

    /// The credentials that SystemInfo shows for a device; nil when it has no filter.
    package func credentials(of uuid: String) -> [String]? {
        switch exports[uuid.lowercased()] {
        case nil: nil
        case .everybody: []
        case .credentials(let all): all.sorted()
        }
    }
}

/// Error 702 of EditFilter, with what is wrong.
package struct InvalidFilter: Error, Hashable, Sendable {
    /// A sentence.
    package let reason: String
    init(_ reason: String) { self.reason = reason }
}

// MARK: - As a document

extension RADAFilterBook {
    /// The filters as the list that makes them again: what a store keeps.
    package var filterList: [RADAFilter] {
        let devices = exports.keys.sorted().map { RADADeviceInfo(uuid: $0, credentials: credentials(of: $0)) }
        var all = [RADAFilter(target: own, controlMode: exportMode, update: .edit, devices: devices)]
        for (target, entry) in imports.sorted(by: { $0.key < $1.key }) {
            all.append(RADAFilter(target: target, controlMode: entry.mode, update: .edit))
            if entry.isListed { all.append(RADAFilter(target: target, controlMode: entry.mode, update: .add)) }
        }
        return all
    }

    /// The book of such a list, whose first filter is the own RADA's, whatever it was called then.
    package init(own: String, restoring list: [RADAFilter]) throws(InvalidFilter) {
        self.init(own: own)
        var list = list
        if !list.isEmpty { list[0].target = self.own }
        try edit(list, known: Set(list.map(\.target)))
    }
}
