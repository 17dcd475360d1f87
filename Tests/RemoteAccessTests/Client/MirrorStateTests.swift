import NetworkTypes
import Testing

@testable import RemoteAccess

@Suite("What the mirror announces")
struct MirrorStateTests {
    private static let start = ContinuousClock.now
    private let server = MirrorStateTests.device("server")
    private let light = MirrorStateTests.device("light")

    private static func device(_ name: String, revision: Int = 1) -> MirroredDevice {
        MirroredDevice(
            root: .init(
                udn: "uuid:\(name)", deviceType: "urn:x:device:\(name):1", serviceTypes: [],
                embedded: [
                    .init(udn: "uuid:\(name)-inner", deviceType: "urn:x:device:In:1", serviceTypes: [], embedded: [])
                ]),
            friendlyName: name, descriptionPath: "/d/\(name)", revision: revision)
    }

    private func at(_ seconds: Double) -> ContinuousClock.Instant { Self.start + .seconds(seconds) }

    /// A mirror that listened and announces both devices.
    private func running() -> MirrorState {
        var state = MirrorState(now: at(0))
        _ = state.sessionOpened(gatewayUDN: "uuid:gateway", now: at(0))
        _ = state.snapshot([server, light], now: at(0.1))
        var random = SeededGenerator(seed: 1)
        _ = state.tick(now: at(2), using: &random)
        return state
    }

    @Test("It listens before it announces")
    func listens() {
        var state = MirrorState(now: at(0))
        var random = SeededGenerator(seed: 1)
        #expect(state.sessionOpened(gatewayUDN: "uuid:gateway", now: at(0)) == [.search(udn: "uuid:gateway")])
        #expect(state.snapshot([server], now: at(0.1)) == [])
        #expect(state.nextWake == at(1.5))
        #expect(state.tick(now: at(1.5), using: &random) == [.announce(server)])
    }

    @Test("A device that leaves home gets a byebye, a changed one is announced anew")
    func leavesAndChanges() {
        var state = running()
        #expect(state.disappeared(udn: "uuid:light", now: at(3)) == [.withdraw(udn: "uuid:light", byebye: true)])
        let changed = Self.device("server", revision: 2)
        #expect(state.appeared(changed, now: at(4)) == [.refresh(changed)])
        #expect(state.appeared(changed, now: at(5)) == [])
    }

    @Test("A lost tunnel takes everything away with byebyes, and a new session brings it back")
    func tunnel() {
        var state = running()
        #expect(
            state.tunnelLost(now: at(3)) == [
                .withdraw(udn: "uuid:light", byebye: true), .withdraw(udn: "uuid:server", byebye: true),
            ])
        #expect(
            state.sessionOpened(gatewayUDN: "uuid:gateway", now: at(4)) == [
                .search(udn: "uuid:gateway"), .announce(light), .announce(server),
            ])
    }

    @Test("The same UDN from another source, also an embedded one, silences without a byebye")
    func seenElsewhere() {
        var state = running()
        var random = SeededGenerator(seed: 1)
        #expect(
            state.seenElsewhere(udn: "uuid:light-inner", now: at(3), using: &random) == [
                .withdraw(udn: "uuid:light", byebye: false)
            ])
        #expect(state.announcedDevices.keys.sorted() == ["uuid:server"])
        #expect(state.goneElsewhere(udn: "uuid:light-inner", now: at(4)) == [.announce(light)])
    }

    @Test("Its own gateway on this network silences everything")
    func gatewayHere() {
        var state = running()
        var random = SeededGenerator(seed: 1)
        #expect(
            state.seenElsewhere(udn: "uuid:gateway", now: at(3), using: &random) == [
                .withdraw(udn: "uuid:light", byebye: false), .withdraw(udn: "uuid:server", byebye: false),
            ])
        #expect(state.disappeared(udn: "uuid:light", now: at(4)) == [])
        #expect(state.goneElsewhere(udn: "uuid:gateway", now: at(5)) == [.announce(server)])
    }

    @Test("A UDN that is not ours claims nothing")
    func foreign() {
        var state = running()
        var random = SeededGenerator(seed: 1)
        #expect(state.seenElsewhere(udn: "uuid:printer", now: at(3), using: &random) == [])
        #expect(state.nextWake == nil)
    }

    @Test("A claim that answers stays, one that does not is dropped")
    func claimsAreChecked() throws {
        var state = running()
        var random = SeededGenerator(seed: 7)
        _ = state.seenElsewhere(udn: "uuid:light", now: at(3), using: &random)
        let first = try #require(state.nextWake)
        #expect(state.tick(now: first, using: &random) == [.search(udn: "uuid:light")])
        _ = state.seenElsewhere(udn: "uuid:light", now: first + .milliseconds(300), using: &random)
        #expect(state.tick(now: first + .milliseconds(2_500), using: &random) == [])
        let second = try #require(state.nextWake)
        #expect(second >= first + .seconds(20))
        #expect(state.tick(now: second, using: &random) == [.search(udn: "uuid:light")])
        #expect(state.tick(now: second + .milliseconds(2_500), using: &random) == [.announce(light)])
    }

    @Test("Of two mirrors that silence each other, exactly one starts again", arguments: 1...50 as ClosedRange<UInt64>)
    func twoMirrors(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var mirrors = [running(), running()]
        for index in 0...1 { _ = mirrors[index].seenElsewhere(udn: "uuid:light", now: at(3), using: &random) }
        for _ in 0..<40 {
            let wake = try #require(mirrors.compactMap(\.nextWake).min())
            for index in 0...1 {
                for action in mirrors[index].tick(now: wake, using: &random) {
                    let other = 1 - index
                    switch action {
                    case .announce:
                        _ = mirrors[other].seenElsewhere(udn: "uuid:light", now: wake, using: &random)
                    case .search where mirrors[other].announcedDevices["uuid:light"] != nil:
                        _ = mirrors[index].seenElsewhere(
                            udn: "uuid:light", now: wake + .milliseconds(10), using: &random)
                    default: break
                    }
                }
            }
        }
        let announcing = mirrors.filter { $0.announcedDevices["uuid:light"] != nil }.count
        #expect(announcing == 1, "seed \(seed)")
    }
}
