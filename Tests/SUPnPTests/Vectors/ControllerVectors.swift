import GroupKeys
import NetworkTypes
import Testing

@testable import SUPnP

/// `controllers.json`: lists of controllers with their addresses, and what is refused.
struct ControllerVectors: Encodable {
    struct List: Encodable {
        struct Controller: Encodable {
            let id: UInt32
            let boot: Hexadecimal
            let weight: UInt8
            let addresses: [String]
        }

        let name: String
        let controllers: Hexadecimal
        let boots: Hexadecimal
        let read: [Controller]
    }

    struct Refused: Encodable {
        let name: String
        let controllers: Hexadecimal
        let boots: Hexadecimal
    }

    let lists: [List]
    let refused: [Refused]

    static func made() throws -> ControllerVectors {
        let first = try entry(1, ["192.0.2.7:58081", "[2001:db8::7]:58081"])
        let second = try entry(7, ["192.0.2.7:58082"], weight: 3)
        let third = try entry(2, ["10.0.0.1:1", "10.1.0.1:1", "[fe80::1]:1", "[2001:db8::1]:1"])
        let many = try (1...16).map { number in
            try entry(UInt32(number), ["10.0.0.\(number):58081", "[2001:db8::\(number)]:58081"])
        }
        let list = [UInt8](first.encoded + second.encoded)
        let boots = first.encodedBoot + second.encodedBoot
        let (one, two) = (first.at([0]).encoded, first.at([1]).encoded)
        return ControllerVectors(
            lists: [
                made("one address of each", [first.at([0]), second]), made("two families", [first, second]),
                made("several links", [third, first]), made("as many as there may be", many), made("none", []),
            ],
            refused: [
                refused("a controller twice", list + one, boots + first.encodedBoot),
                refused("addresses that are apart", one + second.encoded + two, boots),
                refused("an address twice", one + one + second.encoded, boots),
                refused("two weights", one + two.dropLast() + [2], first.encodedBoot),
                refused("a boot for each address", list, first.encodedBoot + boots),
                refused("boots in another order", list, second.encodedBoot + first.encodedBoot),
                refused("a boot too few", list, first.encodedBoot),
                refused("a boot too many", one, boots),
                refused("a family that is none", [0, 0, 0, 1, 5] + one.dropFirst(5), first.encodedBoot),
                refused("an address that is cut off", list.dropLast(), boots),
                refused(
                    "controller 0", [0, 0, 0, 0] + one.dropFirst(4), [0, 0, 0, 0] + first.encodedBoot.dropFirst(4)),
                refused(
                    "nine addresses",
                    (1...5).reduce(third.encoded) { $0 + third.id.rawValue.octets + [4, 10, 0, 9, $1, 0, 1, 1] },
                    third.encodedBoot),
                refused(
                    "33 addresses",
                    many.flatMap(\.encoded) + many[15].id.rawValue.octets + [4, 10, 9, 9, 9, 0, 1, 1],
                    many.flatMap(\.encodedBoot)),
                refused(
                    "17 controllers", many.flatMap { $0.at([0]).encoded } + (try entry(99, ["10.9.9.9:1"])).encoded,
                    many.flatMap(\.encodedBoot) + (try entry(99, ["10.9.9.9:1"])).encodedBoot),
            ])
    }

    private static func entry(_ number: UInt32, _ addresses: [String], weight: UInt8 = 1) throws -> ControllerEntry {
        var random = SeededGenerator(seed: UInt64(number))
        let id = try #require(ControllerID(number))
        let endpoints = try addresses.map { try #require(SocketEndpoint($0)) }
        return try #require(
            ControllerEntry(id: id, boot: BootID(using: &random), addresses: endpoints, weight: weight))
    }

    private static func made(_ name: String, _ entries: [ControllerEntry]) -> List {
        List(
            name: name, controllers: Hexadecimal(entries.flatMap(\.encoded)),
            boots: Hexadecimal(entries.flatMap(\.encodedBoot)),
            read: entries.map {
                List.Controller(
                    id: $0.id.rawValue, boot: Hexadecimal($0.boot.bytes), weight: $0.weight,
                    addresses: $0.addresses.map(\.description))
            })
    }

    private static func refused(_ name: String, _ list: [UInt8], _ boots: [UInt8]) -> Refused {
        Refused(name: name, controllers: Hexadecimal(list), boots: Hexadecimal(boots))
    }
}

@Suite("Vectors of lists of controllers")
struct ControllerVectorTests {
    @Test
    func `A list of controllers is what this code makes, and what it refuses is refused`() throws {
        let vectors = try ControllerVectors.made()
        for list in vectors.lists {
            let read = try #require(ControllerEntry.decode(list.controllers.bytes, boots: list.boots.bytes))
            #expect(read.map(\.id.rawValue) == list.read.map(\.id))
        }
        for one in vectors.refused {
            #expect(ControllerEntry.decode(one.controllers.bytes, boots: one.boots.bytes) == nil, "\(one.name)")
        }
        try VectorFile.check("controllers", vectors)
    }
}
