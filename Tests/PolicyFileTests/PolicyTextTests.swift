import PolicyFile
import Testing

@Suite("A policy's text")
struct PolicyTextTests {
    @Test("what is no YAML is told with its line")
    func brokenLine() {
        #expect(PolicyText.firstBrokenLine(of: "rules: []\n") == nil)
        #expect(PolicyText.firstBrokenLine(of: "rules:\n  - a: [1\n  - b\n") != nil)
    }
}
