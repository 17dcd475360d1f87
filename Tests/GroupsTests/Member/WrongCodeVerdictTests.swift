import Testing

@testable import Groups

@Suite("What wrong answers tell a device of its code")
struct WrongCodeVerdictTests {
    @Test("Everybody wrong in two rounds one after the other: the code is wrong")
    func everybodyWrong() {
        var verdict = WrongCodeVerdict()
        for _ in 1...2 {
            #expect(!verdict.isIn)
            for _ in 1...3 { verdict.tried(wasWrong: true) }
            verdict.roundIsOver()
        }
        #expect(verdict.isIn)
    }

    @Test("An impostor beside a controller that is silent never ends a device, however often it answers")
    func impostorBesideSilence() {
        var verdict = WrongCodeVerdict()
        for _ in 1...100 {
            verdict.tried(wasWrong: true)
            verdict.tried(wasWrong: false)
            verdict.roundIsOver()
            #expect(!verdict.isIn)
        }
    }

    @Test(
        "Forged answers in the controller's name that stop after a round do not end a device, nor do rounds in which nobody is known"
    )
    func forgedOnce() {
        var verdict = WrongCodeVerdict()
        for _ in 1...3 { verdict.roundIsOver() }
        for _ in 1...2 { verdict.tried(wasWrong: true) }
        verdict.roundIsOver()
        for _ in 1...3 { verdict.roundIsOver() }
        #expect(!verdict.isIn)
        verdict.tried(wasWrong: false)
        verdict.roundIsOver()
        verdict.tried(wasWrong: true)
        verdict.roundIsOver()
        #expect(!verdict.isIn)
    }
}
