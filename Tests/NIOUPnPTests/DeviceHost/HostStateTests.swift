import NetworkTypes
import Synchronization
import Testing
import UPnP

@testable import NIOUPnP

@Suite("What a host keeps")
struct HostStateTests {
    @Test("BOOTID rises from run to run, also when the clock has gone back")
    func bootIDs() throws {
        try withTemporaryPath { path in
            let first = try HostState(path: path) { 1000 }
            #expect(try first.nextBootID() == 1000)
            #expect(try first.nextBootID() == 1001)
            let second = try HostState(path: path) { 5 }
            #expect(try second.nextBootID() == 1002)
            let third = try HostState(path: path) { 2000 }
            #expect(try third.nextBootID() == 2000)
            #expect(try third.nextBootID(7) == 2001)
            let without = try HostState(path: nil) { 5 }
            #expect(try without.nextBootID() == 5)
            #expect(try without.nextBootID() == 6)
        }
    }

    @Test("paths and CONFIGID are the same at the next run, and others without a file or with another description")
    func paths() throws {
        func root(_ path: String?, name: String = "Lamp") throws -> HostRoutes.Root? {
            let state = try HostState(path: path)
            var device = HostedTestDevice.device(HostedTestDevice.power())
            device.friendlyName = name
            let routes = HostRoutes([device]) { state.token(for: $0) }
            _ = try state.nextBootID()
            return routes.roots.first
        }
        try withTemporaryPath { path in
            let first = try root(path)
            let second = try root(path)
            #expect(first?.path == second?.path && first?.configID == second?.configID)
            let renamed = try root(path, name: "Other lamp")
            #expect(renamed?.path == first?.path && renamed?.configID != first?.configID)
            #expect(try root(nil)?.path != first?.path)
        }
    }

    @Test(
        "a file that is something else is left alone",
        arguments: ["", "x", "latchkey-device-host 1\nbootid x\n", "latchkey-device-host 1\npath /a b\n"]
    )
    func otherFiles(text: String) throws {
        try withTemporaryPath { path in
            try HostFile.write(path, text)
            #expect(throws: HostFileError.self) { try HostState(path: path) }
            let kept = try HostFile.read(path)
            #expect(kept == text)
        }
        #expect(throws: HostFileError.self) { try HostState(path: "/dev/null/x") }
    }

    @Test("lists of values with qualities are read in the order of preference")
    func acceptedValues() {
        let languages = ["en", "de-CH", "fr"]
        func best(_ field: String) -> String? { AcceptedValues(field).firstLanguage(among: languages) { $0 } }
        #expect(best("de") == "de-CH")
        #expect(best("fr-FR") == "fr")
        #expect(best("it, fr;q=0.2, en;q=0.3") == "en")
        #expect(best("EN") == "en")
        #expect(best("it") == nil && best("") == nil && best(";;,,q=1") == nil && best("*") == nil)
        #expect(best(String(repeating: "a-", count: 2000)) == nil)
        #expect(AcceptedValues("GZIP").accepts("gzip") && AcceptedValues("a, *;q=0.1").accepts("gzip"))
        #expect(!AcceptedValues("gzip;q=0, *").accepts("gzip") && !AcceptedValues("gzip;q=x").accepts("gzip"))
    }
}
