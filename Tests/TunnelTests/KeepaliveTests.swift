import Testing
import Tunnel

@Suite("Keepalive")
struct KeepaliveTests {
    private let start = ContinuousClock.now

    @Test("asks a quiet peer at each interval and declares it silent at the end of its patience")
    func silence() {
        var keepalive = Keepalive(.init(), now: start)
        #expect(keepalive.nextStep(now: start) == .wake(at: start + .seconds(3)))
        #expect(keepalive.nextStep(now: start + .seconds(3)) == .ping(wakeAt: start + .seconds(6)))
        #expect(keepalive.nextStep(now: start + .seconds(6)) == .ping(wakeAt: start + .seconds(9)))
        #expect(keepalive.nextStep(now: start + .seconds(9)) == .ping(wakeAt: start + .seconds(10)))
        #expect(keepalive.nextStep(now: start + .seconds(10)) == .silent(for: .seconds(10)))
    }

    @Test("does not ask a peer that is heard")
    func heard() {
        var keepalive = Keepalive(.init(), now: start)
        for second in 1...100 {
            let now = start + .seconds(second)
            keepalive.heard(now: now)
            #expect(keepalive.nextStep(now: now) == .wake(at: now + .seconds(3)))
        }
    }

    @Test("starts again when the peer answers late")
    func late() {
        var keepalive = Keepalive(.init(), now: start)
        _ = keepalive.nextStep(now: start + .seconds(3))
        _ = keepalive.nextStep(now: start + .seconds(9))
        keepalive.heard(now: start + .milliseconds(9_900))
        #expect(keepalive.nextStep(now: start + .seconds(10)) == .wake(at: start + .milliseconds(12_900)))
    }

    @Test("is not set back by a sign of life that is reported late")
    func order() {
        var keepalive = Keepalive(.init(), now: start)
        keepalive.heard(now: start + .seconds(5))
        keepalive.heard(now: start + .seconds(1))
        #expect(keepalive.nextStep(now: start + .seconds(6)) == .wake(at: start + .seconds(8)))
    }

    @Test("declares a peer silent when this host slept through its patience")
    func suspended() {
        var keepalive = Keepalive(.init(), now: start)
        #expect(keepalive.nextStep(now: start + .seconds(3_600)) == .silent(for: .seconds(3_600)))
    }
}
