import SUPnP
import Testing

@Suite("The wire")
struct MagicTests {
    @Test("No text of UPnP starts like a SUPnP datagram")
    func text() {
        #expect(UInt8(truncatingIfNeeded: magic) >= 0x80)
    }
}
