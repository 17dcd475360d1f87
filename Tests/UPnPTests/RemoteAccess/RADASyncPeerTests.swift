import Testing

@testable import UPnP

@Suite("RADASync, one pair of agents")
struct RADASyncPeerTests {
    private let start = ContinuousClock.now

    private func at(_ seconds: Int) -> ContinuousClock.Instant { start + .seconds(seconds) }

    private func device(_ uuid: String, maxAge: Int = 1800) -> RADADeviceInfo {
        RADADeviceInfo(uuid: uuid, maxAge: maxAge, descriptionDocument: "http://192.0.2.7/\(uuid)")
    }

    private func gateway() -> RADASyncPeer {
        RADASyncPeer(own: "uuid:ras", ownLocation: "http://ras/", introduces: true, peer: "rac")
    }

    private func client() -> RADASyncPeer { RADASyncPeer(own: "rac", ownLocation: "http://rac/", introduces: false) }

    @Test("First the location, then the list, then only what differs")
    func differences() {
        var peer = gateway()
        #expect(peer.export([device("1"), device("2")], now: start) == [.call(.setDDDLocation("http://ras/"))])
        #expect(peer.callEnded(succeeded: true, now: start) == [.call(.add([device("1"), device("2")]))])
        #expect(peer.callEnded(succeeded: true, now: start) == [])
        #expect(peer.export([device("1"), device("2"), device("3")], now: start) == [.call(.add([device("3")]))])
        // Meanwhile another goes: it waits for the answer.
        #expect(peer.export([device("2"), device("3")], now: start) == [])
        #expect(peer.callEnded(succeeded: true, now: start) == [.call(.remove([device("1")]))])
        #expect(peer.callEnded(succeeded: true, now: start) == [])
        #expect(!peer.hasSaidFarewell)
        #expect(peer.beginFarewell(now: at(5)) == [.call(.remove([device("2"), device("3")]))])
        #expect(!peer.hasSaidFarewell && peer.export([device("4")], now: at(5)).isEmpty)
        #expect(peer.callEnded(succeeded: true, now: at(6)).isEmpty)
        #expect(peer.hasSaidFarewell && peer.nextDeadline == nil)
    }

    @Test("A call that failed is made again, later, with what holds then")
    func failure() {
        var peer = gateway()
        _ = peer.export([device("1")], now: start)
        #expect(peer.callEnded(succeeded: false, now: start) == [])
        #expect(peer.nextDeadline == at(2))
        #expect(peer.export([device("2")], now: at(1)) == [])
        #expect(peer.timerFired(now: at(2)) == [.call(.setDDDLocation("http://ras/"))])
        #expect(peer.callEnded(succeeded: true, now: at(2)) == [.call(.add([device("2")]))])
    }

    @Test("SetDDDLocation wants the caller's own agent in the description")
    func location() throws {
        var peer = client()
        #expect(throws: RADASyncPeer.Failure.dddNotFound) {
            try peer.setDDDLocation("http://ras/", id: "ras", found: nil, now: start)
        }
        #expect(throws: RADASyncPeer.Failure.dddNotFound) {
            try peer.setDDDLocation("http://ras/", id: "ras", found: "uuid:other", now: start)
        }
        #expect(
            try peer.setDDDLocation("http://ras/", id: "RAS", found: "uuid:ras", now: start) == [.systemInfoChanged])
        #expect(throws: RADASyncPeer.Failure.unknownID) {
            try peer.setDDDLocation("http://x/", id: "x", found: "x", now: start)
        }
    }

    @Test("An ID that was not introduced is 701, an impossible list is 702, and neither changes anything")
    func failures() throws {
        var peer = client()
        #expect(throws: RADASyncPeer.Failure.unknownID) {
            try peer.addRemoteDevices([device("1")], id: "ras", now: start)
        }
        _ = try peer.setDDDLocation("http://ras/", id: "ras", found: "ras", now: start)
        #expect(throws: RADASyncPeer.Failure.invalidDeviceList) { try peer.addRemoteDevices([], id: "ras", now: start) }
        #expect(throws: RADASyncPeer.Failure.invalidDeviceList) {
            try peer.addRemoteDevices([RADADeviceInfo(uuid: "1")], id: "ras", now: start)
        }
        _ = try peer.addRemoteDevices([device("1")], id: "ras", now: start)
        #expect(throws: RADASyncPeer.Failure.invalidDeviceList) {
            try peer.removeRemoteDevices([device("1"), device("2")], id: "ras", now: start)
        }
        #expect(peer.remote.count == 1)
    }

    @Test("The heartbeat is the lowest max-age, restarts with whatever the peer says, and stops with the last device")
    func heartbeat() throws {
        var peer = client()
        _ = try peer.setDDDLocation("http://ras/", id: "ras", found: "ras", now: start)
        #expect(peer.nextDeadline == nil)
        _ = try peer.addRemoteDevices([device("1", maxAge: 90), device("2", maxAge: 60)], id: "ras", now: start)
        #expect(peer.heartbeat == 60 && peer.nextDeadline == at(60))
        try peer.heartbeatUpdate(id: "ras", now: at(50))
        #expect(peer.nextDeadline == at(110))
        #expect(peer.timerFired(now: at(109)) == [])
        _ = try peer.removeRemoteDevices([device("2")], id: "ras", now: at(109))
        #expect(peer.nextDeadline == at(199))
        #expect(peer.timerFired(now: at(199)) == [.call(.heartbeat)])
        #expect(peer.callEnded(succeeded: true, now: at(200)) == [])
        #expect(peer.nextDeadline == at(290))
        _ = try peer.removeRemoteDevices([device("1")], id: "ras", now: at(201))
        #expect(peer.nextDeadline == nil)
    }

    @Test("Nobody answers the heartbeat: the remote network is flushed, and not before")
    func silence() throws {
        var peer = client()
        _ = try peer.setDDDLocation("http://ras/", id: "ras", found: "ras", now: start)
        _ = try peer.addRemoteDevices([device("1", maxAge: 60)], id: "ras", now: start)
        #expect(peer.timerFired(now: at(60)) == [.call(.heartbeat)])
        #expect(peer.remote.count == 1)
        #expect(peer.callEnded(succeeded: false, now: at(65)) == [.removed(["1"]), .systemInfoChanged])
        #expect(peer.remote.isEmpty && peer.nextDeadline == nil)
    }

    @Test("Two ends that talk over a tunnel that breaks end with each other's lists")
    func both() throws {
        var (ras, rac) = (gateway(), client())
        var fromRAS = ras.export([device("1"), device("2")], now: start)
        var fromRAC = rac.export([device("9")], now: start)
        var calls = 0
        while let output = fromRAS.popLast() {
            guard case .call(let call) = output else { continue }
            calls += 1
            switch call {
            case .setDDDLocation(let location):
                fromRAC += try rac.setDDDLocation(location, id: "ras", found: "ras", now: start)
            case .add(let devices): _ = try rac.addRemoteDevices(devices, id: "ras", now: start)
            case .remove(let devices): _ = try rac.removeRemoteDevices(devices, id: "ras", now: start)
            case .heartbeat: try rac.heartbeatUpdate(id: "ras", now: start)
            }
            fromRAS += ras.callEnded(succeeded: true, now: start)
        }
        #expect(calls == 2 && Set(rac.remote.keys) == ["1", "2"])
        #expect(fromRAC.contains(.call(.add([device("9")]))))
        #expect(
            try ras.addRemoteDevices([device("9")], id: "rac", now: start) == [
                .added([device("9")]), .systemInfoChanged,
            ])
        #expect(rac.disconnected() == [.removed(["1", "2"]), .systemInfoChanged])
        #expect(ras.disconnected() == [.removed(["9"]), .systemInfoChanged])
        // The next tunnel gets the whole list again.
        #expect(ras.export([device("2")], now: at(9)) == [.call(.add([device("2")]))])
    }
}
