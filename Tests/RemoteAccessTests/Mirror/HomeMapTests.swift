import NetworkTypes
import RemoteAccess
import Testing
import UPnP

@Suite struct HomeMapTests {
    private let home = MirrorFixture.home

    private func owner(_ text: String, speaking: String? = nil) -> String? {
        home.owner(of: MirrorFixture.endpoint(text), speaking: speaking)
    }

    @Test func `an announced endpoint belongs to its device, whoever speaks`() {
        #expect(owner("192.168.77.5:8200") == MirrorFixture.server)
        #expect(owner("192.168.77.5:8200", speaking: MirrorFixture.renderer) == MirrorFixture.server)
    }

    @Test func `another port on a device's address is the device's`() {
        #expect(owner("192.168.77.5:9999") == MirrorFixture.server)
        #expect(owner("192.168.77.5:9999", speaking: MirrorFixture.server) == MirrorFixture.server)
    }

    @Test func `a hidden device's endpoint is nobody's, on any port`() {
        #expect(owner("192.168.77.30:80") == nil)
        #expect(owner("192.168.77.30:8080", speaking: MirrorFixture.server) == nil)
    }

    @Test(arguments: [
        "192.168.77.77:80", "192.168.77.2:443", "192.168.77.1:5000", "192.168.77.1:80", "127.0.0.1:8200", "10.0.0.1:80",
        "169.254.1.1:80", "192.168.77.5:0", "224.0.0.1:80", "[fe80::1]:80", "[::ffff:192.168.77.5]:8200", "8.8.8.8:80",
    ])
    func `what no device announced is nobody's: gateway, router, loopback, link-local, strangers`(endpoint: String) {
        #expect(owner(endpoint) == nil)
        #expect(owner(endpoint, speaking: MirrorFixture.server) == nil)
    }

    @Test func `a device that claims loopback, the router's network or another network gains nothing`() {
        let claims = ["127.0.0.1:80", "169.254.9.9:80", "8.8.8.8:80", "10.9.9.9:80", "[::1]:80"]
        let map = HomeMap(
            network: MirrorFixture.network,
            devices: [
                HomeDevice(udn: "uuid:liar", endpoints: claims.map(MirrorFixture.endpoint), isPermitted: true)
            ])
        for claim in claims {
            #expect(map.owner(of: MirrorFixture.endpoint(claim), speaking: "uuid:liar") == nil)
        }
    }

    @Test func `on an address shared with a hidden device only known ports and the speaker's own are open`() {
        let map = HomeMap(
            network: MirrorFixture.network,
            devices: [
                HomeDevice(
                    udn: "uuid:open", endpoints: [MirrorFixture.endpoint("192.168.77.40:80")], isPermitted: true),
                HomeDevice(
                    udn: "uuid:hidden", endpoints: [MirrorFixture.endpoint("192.168.77.40:81")], isPermitted: false),
            ])
        #expect(map.owner(of: MirrorFixture.endpoint("192.168.77.40:80")) == "uuid:open")
        #expect(map.owner(of: MirrorFixture.endpoint("192.168.77.40:81"), speaking: "uuid:open") == nil)
        #expect(map.owner(of: MirrorFixture.endpoint("192.168.77.40:82")) == nil)
        #expect(map.owner(of: MirrorFixture.endpoint("192.168.77.40:82"), speaking: "uuid:open") == "uuid:open")
    }

    @Test func `a device on the gateway's own host is reached where it announced itself and nowhere else`() {
        let map = HomeMap(
            network: MirrorFixture.network,
            devices: [
                HomeDevice(
                    udn: "uuid:here", endpoints: [MirrorFixture.endpoint("192.168.77.2:8200")], isPermitted: true)
            ])
        #expect(map.owner(of: MirrorFixture.endpoint("192.168.77.2:8200")) == "uuid:here")
        #expect(map.owner(of: MirrorFixture.endpoint("192.168.77.2:443"), speaking: "uuid:here") == nil)
    }

    @Test func `an opened resource connects only while its address is its device's`() throws {
        let resource = SealedResource(
            udn: MirrorFixture.server, url: try MirrorFixture.url("http://192.168.77.5:8200/x"), kind: .media)
        #expect(home.endpoint(for: resource) == MirrorFixture.endpoint("192.168.77.5:8200"))
        let moved = HomeMap(
            network: MirrorFixture.network,
            devices: [
                HomeDevice(
                    udn: MirrorFixture.server, endpoints: [MirrorFixture.endpoint("192.168.77.6:8200")],
                    isPermitted: true),
                HomeDevice(
                    udn: MirrorFixture.renderer, endpoints: [MirrorFixture.endpoint("192.168.77.5:8200")],
                    isPermitted: true),
            ])
        #expect(moved.endpoint(for: resource) == nil)
        let hidden = HomeMap(
            network: MirrorFixture.network,
            devices: [
                HomeDevice(
                    udn: MirrorFixture.server, endpoints: [MirrorFixture.endpoint("192.168.77.5:8200")],
                    isPermitted: false)
            ])
        #expect(hidden.endpoint(for: resource) == nil)
    }
}
