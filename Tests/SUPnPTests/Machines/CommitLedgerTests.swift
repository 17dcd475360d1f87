import Testing

@testable import SUPnP

@Suite("The order of commits")
struct CommitLedgerTests {
    @Test("a step is given back once, when its commit has been made")
    func committed() {
        var ledger = CommitLedger<String>(revision: 4)
        #expect(ledger.begin("step") == 4)
        #expect(!ledger.isIdle)
        #expect(ledger.committed(revision: 4) == nil, "the revision has to grow")
        #expect(ledger.committed(revision: 5) == "step")
        #expect(ledger.isIdle)
        #expect(ledger.committed(revision: 6) == nil)
        #expect(ledger.begin("next") == 5)
    }

    @Test("a step that conflicts is gone, and nothing begins before the state has been read again")
    func conflict() {
        var ledger = CommitLedger<String>(revision: 4)
        #expect(ledger.conflicted() == nil)
        #expect(ledger.reread(revision: 9) == false)
        _ = ledger.begin("step")
        #expect(ledger.conflicted() == "step")
        #expect(!ledger.isIdle)
        #expect(ledger.committed(revision: 5) == nil)
        #expect(ledger.reread(revision: 9) == true)
        #expect(ledger.isIdle && ledger.revision == 9)
    }
}
