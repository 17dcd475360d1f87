import Testing

@testable import Groups

@Suite("When a search for a controller is over")
struct RegistrationSearchTests {
    private let begin = ContinuousClock.now

    private func search(wrongRounds: Int) -> RegistrationSearch {
        var search = RegistrationSearch(begin: begin)
        for _ in 0..<wrongRounds {
            search.verdict.tried(wasWrong: true)
            search.verdict.roundIsOver()
        }
        search.proofsWereWrong = wrongRounds > 0
        return search
    }

    private func end(
        _ search: RegistrationSearch, after time: Duration, isFirst: Bool = false, wasEvicted: Bool = false
    ) -> GroupError? {
        search.end(knows: true, isFirst: isFirst, wasEvicted: wasEvicted, patience: nil, now: begin + time)
    }

    @Test("An evicted device is not ended by a forged answer of one round, in which its controller was silent")
    func evictedAndForged() {
        var search = search(wrongRounds: 0)
        search.verdict.tried(wasWrong: true)
        search.verdict.tried(wasWrong: false)
        search.proofsWereWrong = true
        search.verdict.roundIsOver()
        #expect(end(search, after: .seconds(60), wasEvicted: true) == nil)
        #expect(end(self.search(wrongRounds: 1), after: .seconds(60), wasEvicted: true) == nil)
    }

    @Test("An evicted device is over when everybody says so in two rounds")
    func evicted() {
        #expect(end(search(wrongRounds: 2), after: .zero, wasEvicted: true) == .evicted)
    }

    @Test("A device's first code is believed to be wrong after two rounds and five seconds")
    func firstCode() {
        #expect(end(search(wrongRounds: 2), after: .seconds(4), isFirst: true) == nil)
        #expect(end(search(wrongRounds: 2), after: .seconds(5), isFirst: true) == .wrongCode)
        #expect(end(search(wrongRounds: 1), after: .seconds(5), isFirst: true) == nil)
    }

    @Test("A device that was struck off while it was away is over after ten minutes of such answers")
    func struckOffWhileAway() {
        #expect(end(search(wrongRounds: 9), after: .seconds(599)) == nil)
        #expect(end(search(wrongRounds: 9), after: .seconds(600)) == .wrongCode)
    }
}
