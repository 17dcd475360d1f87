import NetworkTypes
import Testing

@testable import Groups

@Suite("Where a group's traffic goes")
struct GroupAddressesTests {
    @Test("The addresses are multicast addresses and the ports differ")
    func defaults() {
        #expect(GroupAddresses.multicastIPv4.isMulticast)
        #expect(GroupAddresses.multicastIPv6.description == "ff05::5:5350")
        let ports = [GroupAddresses.multicastPort, GroupAddresses.keyManagerPort, GroupAddresses.forwarderPort]
        #expect(Set(ports).count == ports.count)
    }
}
