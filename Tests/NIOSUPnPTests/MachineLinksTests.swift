import NIOCore
import NetworkTypes
import Testing

@testable import NIOSUPnP

@Suite("A machine whose links change", .timeLimit(.minutes(1)), .needsTestLinks)
struct MachineLinksTests {
    @Test("A link that is taken away and given back is heard again, at the same port")
    func links() async throws {
        let group = TestLinks.group()
        let first = try TestLinks.ipv4(0), second = try TestLinks.ipv4(1)
        let speaking = Ear(MachineSockets(links: [first, second], multicast: [group]))
        let hearing = Ear(MachineSockets(links: [first, second]))
        try await MachineHostTests.with([speaking, hearing]) {
            hearing.tell(.joinMulticast(group))
            hearing.host.setLinks([first])
            try await hearing.settle()
            speaking.tell(.multicast(Array("one".utf8)))
            speaking.send("end", to: hearing.endpoints[0])
            #expect(await hearing.hear(2).count == 2)
            speaking.send("gone", to: hearing.endpoints[1])
            hearing.host.setLinks([first, second])
            try await hearing.settle()
            speaking.tell(.multicast(Array("two".utf8)))
            let heard = try await Set([hearing.hear("two").address, hearing.hear("two").address])
            #expect(heard == [first.address, second.address])
            speaking.send("back", to: hearing.endpoints[1])
            try await hearing.hear("back")
        }
    }

    @Test("A host lives on while its only address is gone, and hears the group again when it is back")
    func address() async throws {
        let name = "h\(UInt16.random(in: 0...UInt16.max))"
        try TestLinks.ip("link", "add", name, "type", "veth", "peer", "name", "\(name)p")
        try TestLinks.ip("link", "set", "\(name)p", "up")
        try TestLinks.ip("link", "set", name, "up")
        try TestLinks.ip("address", "add", "203.0.113.9/24", "dev", name)
        let link = try #require(try TestLinks.links(name, ipv4: true).first)
        let group = TestLinks.group()
        let speaking = Ear(MachineSockets(links: [link], multicast: [group]))
        let hearing = Ear(MachineSockets(links: [link]))
        try await MachineHostTests.with([speaking, hearing]) {
            hearing.tell(.joinMulticast(group))
            try await hearing.settle()
            speaking.tell(.multicast(Array("one".utf8)))
            try await hearing.hear("one")
            try TestLinks.ip("address", "del", "203.0.113.9/24", "dev", name)
            speaking.tell(.multicast(Array("lost".utf8)))
            try await speaking.settle()
            try TestLinks.ip("address", "add", "203.0.113.9/24", "dev", name)
            // The membership went with the address, though nobody says so to the socket.
            for ear in [speaking, hearing] {
                ear.host.setLinks([link])
                try await ear.settle()
            }
            speaking.tell(.multicast(Array("two".utf8)))
            try await hearing.hear("two")
        }
        try TestLinks.ip("link", "del", name)
    }

    @Test("A group's socket that cannot join again is opened anew, and hears when the interface is there again")
    func rejoins() async throws {
        let name = "j\(UInt16.random(in: 0...UInt16.max))"
        let index = Int.random(in: 20_000...29_999)
        @Sendable func make() throws {
            try TestLinks.ip(
                "link", "add", name, "index", "\(index)", "type", "veth", "peer", "name", "\(name)p")
            try TestLinks.ip("link", "set", "\(name)p", "up")
            try TestLinks.ip("link", "set", name, "up")
            try TestLinks.ip("address", "add", "203.0.113.77/24", "dev", name)
        }
        try make()
        let link = try #require(try TestLinks.links(name, ipv4: true).first)
        let group = TestLinks.group()
        let speaking = Ear(MachineSockets(links: [link], multicast: [group]))
        let hearing = Ear(MachineSockets(links: [link]))
        try await MachineHostTests.with([speaking, hearing]) {
            hearing.tell(.joinMulticast(group))
            try await hearing.settle()
            speaking.tell(.multicast(Array("one".utf8)))
            try await hearing.hear("one")
            try TestLinks.ip("link", "del", name)
            // Somebody says that the links have changed while the interface is away; nobody says that it is back.
            hearing.host.setLinks([link])
            try await hearing.settle()
            try make()
            async let heard = hearing.hear("two")
            let speaker = Task {
                while !Task.isCancelled {
                    speaking.tell(.multicast(Array("two".utf8)))
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            _ = try await heard
            speaker.cancel()
        }
        try TestLinks.ip("link", "del", name)
    }

    @Test("A host without a link waits for one")
    func none() async throws {
        let link = try TestLinks.ipv4()
        let waiting = Ear(MachineSockets(links: []), answers: true)
        let other = Ear(MachineSockets(links: [link]))
        try await MachineHostTests.with([waiting, other]) {
            #expect(waiting.endpoints.isEmpty)
            waiting.host.setLinks([link])
            try await waiting.settle()
            waiting.send("here", to: try #require(other.endpoints.first))
            try await other.hear("here")
        }
    }

    @Test("Where no socket can be opened, a host says why; beside others, a taken port is tried again until it is free")
    func taken() async throws {
        let first = try TestLinks.ipv4(0), second = try TestLinks.ipv4(1)
        let holder = Ear(MachineSockets(links: [first]))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            try await withThrowingTaskGroup(of: Void.self) { holding in
                try await holder.run(in: &holding)
                let port = try #require(holder.endpoints.first).port
                let error = await #expect(throws: IOError.self) {
                    try await Ear(MachineSockets(links: [first], port: port)).host.run()
                }
                #expect(error.map(String.init(describing:))?.contains("\(first.address):\(port)") == true)
                let late = Ear(MachineSockets(links: [first, second], port: port), answers: true)
                try await late.run(in: &tasks)
                #expect(late.endpoints.map(\.address) == [second.address])
                holding.cancelAll()
            }
            let asking = Ear(MachineSockets(links: [first]))
            try await asking.run(in: &tasks)
            let there = try #require(holder.endpoints.first)
            tasks.addTask {
                while !Task.isCancelled {
                    asking.send("?late", to: there)
                    try? await Task.sleep(for: .milliseconds(50))
                }
            }
            #expect(try await asking.hear("!late") == there)
            tasks.cancelAll()
        }
    }
}
