import Foundation
import LatchkeyProgram
import NIOUPnP
import NetworkTypes
import RemoteAccess
import Testing
import TrustCore

@Suite struct SettingsTests {
    private func settings(
        typed: (inout CommandLineValues) -> Void = { _ in }, environment: [String: String] = [:], file: String? = nil,
        in folder: String
    ) throws -> Settings {
        var values = CommandLineValues()
        typed(&values)
        let path = folder + "/settings.json"
        if let file { try file.write(toFile: path, atomically: true, encoding: .utf8) }
        return try Settings.load(
            commandLine: values, configurationFile: file == nil ? nil : path,
            environment: environment.merging(["LATCHKEY_STATE": folder]) { own, _ in own }
        )
    }

    @Test func `the command line wins over the environment and the environment over the file`() async throws {
        try await withFolder { folder in
            let file = #"{"gateway": {"listen": "10.0.0.1:1", "maxSessions": 3, "name": "File"}}"#
            let environment = ["LATCHKEY_GATEWAY_LISTEN": "10.0.0.2:2", "LATCHKEY_GATEWAY_MAX_SESSIONS": "4"]
            let settings = try settings(
                typed: { $0.set(.gatewayListen, "10.0.0.3:3") }, environment: environment, file: file, in: folder
            )
            #expect(try settings.endpoint(.gatewayListen) == SocketEndpoint("10.0.0.3:3"))
            #expect(try settings.integer(.gatewayMaxSessions, in: 1...100) == 4)
            #expect(try settings.text(.gatewayName) == "File")
            #expect(try settings.text(.interface) == nil)
        }
    }

    @Test func `every key's variable is the one that the environment is read by`() async throws {
        try await withFolder { folder in
            for key in SettingKey.all where key != .state {
                let settings = try settings(environment: [key.variable: "value"], in: folder)
                #expect(try settings.text(key) == "value", "\(key.variable)")
            }
        }
    }

    @Test func `the secure group's settings have names, bounds and defaults`() async throws {
        try await withFolder { folder in
            let usual = try GroupSettings(try settings(in: folder))
            #expect(usual.keyManager && usual.forwarder && !usual.allowUnencrypted)
            #expect(usual.keyManagerPort == 58_081 && usual.forwarderPort == 58_082 && usual.multicastPort == 58_080)
            #expect(usual.interfaces == .privateNetworks && usual.registrationsPerSecond == nil)
            let file = """
                {"interface": "eth0", "group": {"keyManager": true, "forwarderPort": 7, "registrationsPerSecond": 500}}
                """
            let set = try GroupSettings(
                settings(
                    typed: { $0.setChoice(.groupKeyManager, false) },
                    environment: ["LATCHKEY_GROUP_ALLOW_UNENCRYPTED": "true"], file: file, in: folder))
            #expect(!set.keyManager && set.forwarderPort == 7 && set.allowUnencrypted)
            #expect(set.interfaces == .named(["eth0"]) && set.registrationsPerSecond == 500)
            let own = try GroupSettings(
                settings(environment: ["LATCHKEY_GROUP_INTERFACES": "eth1,wlan0"], file: file, in: folder))
            #expect(own.interfaces == .named(["eth1", "wlan0"]))
            let same = await sentence {
                _ = try GroupSettings(
                    settings(file: #"{"group": {"keyManagerPort": 9, "multicastPort": 9}}"#, in: folder))
            }
            #expect(same.contains("are to be different ports"))
        }
    }

    @Test func `paths are in the order that is wanted, and what cannot be is refused with the reason`() async throws {
        try await withFolder { folder in
            let usual = try PathSettings(settings(in: folder))
            #expect(usual.order == .all && usual.climb == ClimbSchedule() && usual.headStart == .milliseconds(250))
            let file = #"{"away":{"pathPauses":["1s","10m"],"pathAttempts":5,"pathHeadStart":"1s"}}"#
            let own = try PathSettings(
                settings(typed: { $0.set(.awayPaths, ["relay", "punched"]) }, file: file, in: folder))
            #expect(own.order.kinds == [.relay, .punched] && own.headStart == .seconds(1))
            #expect(own.climb == ClimbSchedule(pauses: [.seconds(1), .seconds(600)], attempts: 5))
            func refusal(_ kinds: String) async -> String {
                await sentence {
                    _ = try PathSettings(settings(environment: ["LATCHKEY_AWAY_PATHS": kinds], in: folder))
                }
            }
            #expect(await refusal("relay,wormhole").contains("but direct, punched, turn or relay is expected"))
            #expect(await refusal("relay,direct,relay").contains("each kind of path is named once"))
            #expect(await refusal("punched,turn").contains("one of direct and relay is needed"))
            #expect(await refusal("direct,turn,punched").contains("turn follows punched"))
            let hasty = await sentence {
                _ = try PathSettings(settings(environment: ["LATCHKEY_AWAY_PATH_PAUSES": "1ms"], in: folder))
            }
            #expect(hasty.contains("a pause of 100 ms to one day"))
        }
    }

    @Test func `an empty variable counts as not set`() async throws {
        try await withFolder { folder in
            let settings = try settings(
                environment: ["LATCHKEY_GATEWAY_NAME": ""], file: #"{"gateway":{"name":"F"}}"#, in: folder)
            #expect(try settings.text(.gatewayName) == "F")
        }
    }

    @Test func `lists are commas in the environment and arrays in the file`() async throws {
        try await withFolder { folder in
            let typed = try settings(
                typed: { $0.set(.gatewayAddresses, ["a.example:1"]) },
                environment: ["LATCHKEY_GATEWAY_ADDRESSES": "b.example:2"], in: folder)
            #expect(try typed.gatewayAddresses().map(\.description) == ["a.example:1"])
            let environment = try settings(
                environment: ["LATCHKEY_GATEWAY_ADDRESSES": "b.example:2,10.0.0.1:3"], in: folder)
            #expect(try environment.gatewayAddresses().map(\.description) == ["b.example:2", "10.0.0.1:3"])
            let file = try settings(file: #"{"gateway":{"addresses":["c.example:4"]}}"#, in: folder)
            #expect(try file.gatewayAddresses().map(\.description) == ["c.example:4"])
        }
    }

    @Test func `an error names the option, the variable, or the file and the key`() async throws {
        try await withFolder { folder in
            let typed = try settings(typed: { $0.set(.gatewayListen, "home") }, in: folder)
            #expect(await sentence { _ = try typed.endpoint(.gatewayListen) }.hasPrefix("--listen is “home”, but"))
            let environment = try settings(environment: ["LATCHKEY_SSDP_PORT": "x"], in: folder)
            #expect(
                await sentence { _ = try environment.integer(.ssdpPort, in: 1...9) }
                    == "LATCHKEY_SSDP_PORT does not hold what is expected: a whole number from 1 to 9")
            let file = try settings(file: #"{"gateway":{"maxSessions":0}}"#, in: folder)
            #expect(
                await sentence { _ = try file.integer(.gatewayMaxSessions, in: 1...9) }
                    == "gateway.maxSessions in \(folder)/settings.json is 0, but a whole number from 1 to 9 is expected"
            )
            let mistyped = try settings(file: #"{"gateway":{"maxSessions":"many"}}"#, in: folder)
            #expect(
                await sentence { _ = try mistyped.integer(.gatewayMaxSessions, in: 1...9) }
                    .hasPrefix("gateway.maxSessions in \(folder)/settings.json does not hold"))
        }
    }

    @Test func `a file with an unknown key, other than JSON, too large or missing is refused by name`() async throws {
        try await withFolder { folder in
            func refusal(_ file: String) async -> String {
                await sentence { _ = try settings(file: file, in: folder) }
            }
            let path = folder + "/settings.json"
            #expect(
                await refusal(#"{"gateway":{"lisen":"x"}}"#) == "gateway.lisen in \(path) is not a setting of latchkey")
            #expect(await refusal(#"{"gateway":"x"}"#) == "gateway in \(path) is not a setting of latchkey")
            #expect(await refusal("nonsense").hasPrefix("the configuration file \(path) is not a JSON object"))
            #expect(await refusal("[]").hasPrefix("the configuration file \(path) is not a JSON object"))
            let large = "{\"interface\":\"\(String(repeating: "x", count: Settings.longestFile))\"}"
            #expect(await refusal(large).hasPrefix("the configuration file \(path) is larger than"))
            let missing = await sentence {
                _ = try Settings.load(commandLine: .init(), configurationFile: "/nonexistent/x", environment: [:])
            }
            #expect(missing == "the configuration file /nonexistent/x cannot be read")
        }
    }

    @Test func `latchkey.json in the state folder is read when no file is named`() async throws {
        try await withFolder { folder in
            try #"{"interface":"lan7"}"#.write(toFile: folder + "/latchkey.json", atomically: true, encoding: .utf8)
            #expect(try settings(in: folder).interfaceName() == "lan7")
        }
    }

    @Test func `the state folder is the typed one, the variable's, XDG's, or the one in the home`() throws {
        func path(_ typed: String?, _ environment: [String: String]) throws -> String {
            var values = CommandLineValues()
            values.set(.state, typed)
            let settings = try Settings.load(commandLine: values, configurationFile: nil, environment: environment)
            return try settings.stateFolder(environment: environment).path
        }
        let all = ["LATCHKEY_STATE": "/nonexistent/e", "XDG_STATE_HOME": "/nonexistent/x", "HOME": "/nonexistent/h"]
        #expect(try path("/nonexistent/t", all) == "/nonexistent/t")
        #expect(try path(nil, all) == "/nonexistent/e")
        #expect(try path(nil, all.filter { $0.key != "LATCHKEY_STATE" }) == "/nonexistent/x/latchkey")
        #expect(try path(nil, ["HOME": "/nonexistent/h"]) == "/nonexistent/h/.local/state/latchkey")
        #expect(throws: ProgramError.self) { try path(nil, [:]) }
    }

    @Test func `a state folder is made private, narrowed when empty, and refused when others could read it`()
        async throws
    {
        try await withFolder { folder in
            func mode(_ path: String) throws -> Int? {
                (try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber)?.intValue
            }
            let fresh = StateFolder(folder + "/a/b")
            try fresh.create()
            #expect(try mode(fresh.path) == 0o700)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: fresh.path)
            try fresh.create()
            #expect(try mode(fresh.path) == 0o700)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: fresh.path)
            try "x".write(toFile: fresh.path + "/other", atomically: true, encoding: .utf8)
            #expect(await sentence { try fresh.create() }.contains("chmod 700"))
            #expect(try mode(fresh.path) == 0o755)
            try "x".write(toFile: folder + "/file", atomically: true, encoding: .utf8)
            #expect(await sentence { try StateFolder(folder + "/file").create() }.hasSuffix("is not a folder"))
        }
    }
}
