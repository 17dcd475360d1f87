import NetworkTypes
import SUPnP
import Testing

@testable import Groups

@Suite("A member on a network", .needsTestInterface, .timeLimit(.minutes(1)))
struct GroupMemberTests {
    static let board = "urn:example:service:Board:1"

    @Test("A device that knows its id and code finds the controller, asks, and hears every server's answer")
    func wholeWay() async throws {
        try await withController { controller in
            let kiosk = try controller.enrol("kiosk", roles: .client, allows: [Self.board])
            let servers = try ["one", "two"].map { ($0, try controller.enrol($0, roles: .server)) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (id, code) in servers {
                    group.addTask {
                        try await withGroup(controller.member(id, code: code), logger: TestNetwork.logger) { member in
                            try await member.serve(Self.board) { request in
                                try request.answer("first")
                                return Array("\(id): \(request.text)".utf8)
                            }
                        }
                    }
                }
                try await withGroup(controller.member("kiosk", code: kiosk), logger: TestNetwork.logger) { member in
                    for await change in member.serviceChanges where change == .appeared(Self.board) { break }
                    #expect(member.services == [Self.board])
                    // Both have to be known to the forwarder first.
                    while true {
                        let (answers, completion) = try await member.request(
                            Self.board, "news", window: .milliseconds(500)
                        ).collect()
                        guard answers.count == 4 else { continue }
                        #expect(
                            Set(answers.filter(\.isLast).map(\.text)) == ["one: news", "two: news"])
                        #expect(Set(answers.map(\.server)) == [1, 2])
                        #expect(completion.answers == 4)
                        #expect(completion.reason == .windowOver)
                        break
                    }
                }
                group.cancelAll()
                while (try? await group.next()) != nil {}
            }
        }
    }
}
