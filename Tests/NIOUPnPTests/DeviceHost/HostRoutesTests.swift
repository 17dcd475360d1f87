import NetworkTypes
import Testing
import UPnP

@testable import NIOUPnP

@Suite("What a host derives")
struct HostRoutesTests {
    @Test(
        "writes dates as RFC 9110 §5.6.7 has them",
        arguments: [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT"), (-5, "Thu, 01 Jan 1970 00:00:00 GMT"),
        ]
    )
    func dates(seconds: Int, text: String) {
        #expect(HTTPDate.text(seconds) == text)
    }

    @Test("CONFIGID follows the documents, fits its range, and is the same for the same documents")
    func configID() {
        func configID(_ name: String, seed: UInt64) -> UInt32? {
            var generator = SeededGenerator(seed: seed)
            var device = HostedTestDevice.device(HostedTestDevice.power())
            device.friendlyName = name
            return HostRoutes([device], using: &generator).roots.first?.configID
        }
        #expect(configID("a", seed: 1) == configID("a", seed: 1))
        #expect(configID("a", seed: 1) != configID("b", seed: 1))
        // Other paths are another description.
        #expect(configID("a", seed: 1) != configID("a", seed: 2))
        #expect((configID("a", seed: 1) ?? .max) <= 16_777_215)
    }

    @Test("BOOTID fits in 31 bits and does not go back")
    func bootID() {
        let first = HTTPDate.bootID
        #expect(first > 0 && first < 1 << 31)
        #expect(HTTPDate.bootID >= first)
    }

    @Test("A resource whose name ends with a slash has everything below it, and no other has")
    func subtrees() throws {
        var generator = SeededGenerator(seed: 1)
        var device = HostedTestDevice.device(HostedTestDevice.power())
        device.resources = [HostedResource(name: "photos/") { _ in }, HostedResource(name: "one.jpg") { _ in }]
        let routes = HostRoutes([device], using: &generator)
        let root = try #require(routes.roots.first)
        let tree = try #require(root.resources["photos/"])
        let file = try #require(root.resources["one.jpg"])
        for path in [tree, tree + "7.jpg", tree + "a/b", file] { #expect(routes.route(path[...]) != nil, "\(path)") }
        for path in [String(tree.dropLast()), file + "/7.jpg", file + "7", "", "/", "//", "///", root.path + "/x"] {
            #expect(routes.route(path[...]) == nil, "\(path)")
        }
    }
}
