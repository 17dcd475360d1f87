import NetworkTypes
import TestKit
import Testing

@testable import UPnP

@Suite("RADAConfig's filters")
struct RADAFilterBookTests {
    private func filter(
        _ update: RADAFilter.Update, _ mode: RADAControlMode, _ devices: RADADeviceInfo..., target: String = "own"
    ) -> RADAFilter { RADAFilter(target: target, controlMode: mode, update: update, devices: devices) }

    private func device(_ uuid: String, _ credentials: String...) -> RADADeviceInfo {
        RADADeviceInfo(uuid: uuid, credentials: credentials.isEmpty ? nil : credentials)
    }

    @Test("Without filters denyList shows everything and allowList nothing")
    func empty() throws {
        var book = RADAFilterBook(own: "uuid:own")
        #expect(book.exports("1", to: "c"))
        try book.edit([filter(.edit, .allowList)])
        #expect(!book.exports("1", to: "c"))
    }

    @Test("denyList hides what is listed, from the listed credentials only")
    func denyList() throws {
        var book = RADAFilterBook(own: "own")
        try book.edit([filter(.add, .denyList, device("A", "c1"), device("2"))])
        #expect(!book.exports("uuid:a", to: "c1") && book.exports("uuid:a", to: "c2"))
        #expect(!book.exports("2", to: "c1") && book.exports("3", to: "c1"))
    }

    @Test("allowList shows what is listed, to the listed credentials only")
    func allowList() throws {
        var book = RADAFilterBook(own: "own")
        try book.edit([filter(.add, .allowList, device("1", "c1"))])
        #expect(book.exports("1", to: "c1") && !book.exports("1", to: "c2") && !book.exports("2", to: "c1"))
    }

    @Test("add and delete with another mode fail with 702 once a filter exists, and change nothing")
    func otherMode() throws {
        var book = RADAFilterBook(own: "own")
        try book.edit([filter(.add, .denyList, device("1"))])
        let before = book
        #expect(throws: InvalidFilter.self) { try book.edit([filter(.add, .allowList, device("2"))]) }
        #expect(throws: InvalidFilter.self) { try book.edit([filter(.delete, .allowList, device("1"))]) }
        #expect(book == before)
    }

    @Test("edit drops what was there and takes the mode; deleting first lets add change the mode")
    func edit() throws {
        var book = RADAFilterBook(own: "own")
        try book.edit([filter(.add, .denyList, device("1"))])
        try book.edit([filter(.edit, .allowList, device("2"))])
        #expect(book.exportMode == .allowList && !book.exports("1", to: "c") && book.exports("2", to: "c"))
        try book.edit([filter(.delete, .allowList, device("2")), filter(.add, .denyList, device("3"))])
        #expect(book.exportMode == .denyList && book.exports("2", to: "c") && !book.exports("3", to: "c"))
    }

    @Test("A list is done wholly or not at all")
    func atomic() throws {
        var book = RADAFilterBook(own: "own")
        let before = book
        #expect(throws: InvalidFilter.self) {
            try book.edit([filter(.add, .denyList, device("1")), filter(.add, .denyList, target: "nobody")])
        }
        #expect(book == before)
    }

    @Test("A connected RADA is taken in unless it is listed; RADAConfig's reading, not RADASync's")
    func imports() throws {
        var book = RADAFilterBook(own: "own")
        #expect(book.imports(from: "9"))
        try book.edit([filter(.add, .denyList, target: "9")], known: ["9"])
        #expect(!book.imports(from: "9"))
        #expect(throws: InvalidFilter.self) { try book.edit([filter(.add, .denyList, device("1"), target: "9")]) }
        #expect(try RADAFilterBook(own: "own", restoring: book.filterList) == book)
    }

    @Test("Random lists agree with a model that keeps pairs of device and credential", arguments: 0..<20)
    func model(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        var book = RADAFilterBook(own: "own")
        var mode = RADAControlMode.denyList
        var listed: [String: Set<String>] = [:]  // "*" is everybody
        for step in 0..<200 {
            let update = RADAFilter.Update.allCases.randomElement(using: &random) ?? .add
            let wanted = RADAControlMode.allCases.randomElement(using: &random) ?? .denyList
            let uuid = "d\(Int.random(in: 0..<4, using: &random))"
            let credential = ["*", "c1", "c2"].randomElement(using: &random) ?? "*"
            let entry = credential == "*" ? device(uuid) : device(uuid, credential)
            var fails = update != .edit && wanted != mode && !listed.isEmpty
            if update == .delete, credential != "*", listed[uuid]?.contains("*") == true { fails = true }
            let succeeded = (try? book.edit([filter(update, wanted, entry)])) != nil
            #expect(succeeded == !fails, "seed \(seed), step \(step)")
            if !fails {
                if update == .edit { listed = [:] }
                if update != .delete { mode = wanted }
                switch update {
                case .add, .edit:
                    if credential == "*" || listed[uuid] == ["*"] {
                        listed[uuid] = ["*"]
                    } else {
                        listed[uuid, default: []].insert(credential)
                    }
                case .delete:
                    if credential == "*" { listed[uuid] = nil } else { listed[uuid]?.remove(credential) }
                    if listed[uuid]?.isEmpty == true { listed[uuid] = nil }
                }
            }
            for uuid in ["d0", "d1", "d2", "d3"] {
                for credential in ["c1", "c2", "c3"] {
                    let isListed = listed[uuid].map { $0 == ["*"] || $0.contains(credential) } ?? false
                    #expect(
                        book.exports(uuid, to: credential) == (isListed == (mode == .allowList)),
                        "seed \(seed), step \(step)")
                }
            }
        }
    }
}
