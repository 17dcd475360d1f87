import Foundation
import Logging
import NIOPosix
import NIOUPnP
import NetworkTypes
import Synchronization
import Testing
import UPnP

extension `SSDP driver` {
    /// Against a control point that nobody here wrote, on the standard port.
    @Suite(
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/gssdp-discover"), "needs gupnp-tools"),
        .timeLimit(.minutes(3))
    ) struct `SSDP and gssdp` {
        @Test func `it finds the device by each kind of target, and sees it leave`() async throws {
            var configuration = TestInterface.configuration()
            configuration.group.port = 1900
            let advertiser = TestInterface.advertiser(configuration)
            let host = try TestInterface.ipv4.address
            try await withServices([advertiser.run]) {
                _ = try await advertiser.links.first("is up") { !$0.isEmpty }
                advertiser.add(TestInterface.advertisement("light", host: host))
                for target in ["upnp:rootdevice", "ssdp:all", "urn:schemas-upnp-org:service:SwitchPower:1"] {
                    // An answer may take the three seconds of its MX.
                    let output = try await discover(target, seconds: 5)
                    #expect(output.contains("uuid:light::"), "\(target): \(output)")
                    #expect(output.contains("http://\(host):8080/light.xml"))
                }
                let watcher = try watcher("upnp:rootdevice", seconds: 40)
                let began = ContinuousClock.now
                var output = ""
                for await text in watcher.output {
                    output += text
                    if output.contains("uuid:light::") { advertiser.remove(udn: "uuid:light", announceByebye: true) }
                    if output.contains("resource unavailable") { break }
                }
                // At its own end it calls everything unavailable, so it must be told apart.
                #expect(ContinuousClock.now - began < .seconds(20))
                watcher.process.terminate()
            }
        }

        /// A running gssdp-discover and what it prints.
        private func watcher(_ target: String, seconds: Int) throws -> (process: Process, output: AsyncStream<String>) {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/gssdp-discover")
            process.arguments = ["-i", TestInterface.name, "-t", target, "-n", "\(seconds)", "-m", "all"]
            let pipe = Pipe()
            process.standardOutput = pipe
            let (output, continuation) = AsyncStream.makeStream(of: String.self)
            pipe.fileHandleForReading.readabilityHandler = { handle in
                let data = handle.availableData
                guard !data.isEmpty else {
                    handle.readabilityHandler = nil
                    continuation.finish()
                    return
                }
                continuation.yield(String(decoding: data, as: UTF8.self))
            }
            // Another test's child may hold the pipe's other end open, so its end is not waited for alone.
            process.terminationHandler = { _ in
                DispatchQueue.global().asyncAfter(deadline: .now() + 0.2) { continuation.finish() }
            }
            try process.run()
            return (process, output)
        }

        private func discover(_ target: String, seconds: Int) async throws -> String {
            var output = ""
            for await text in try watcher(target, seconds: seconds).output { output += text }
            return output
        }
    }
}

extension `SSDP driver` {
    /// The same library over IPv6, which its tool does not offer: driven from Python.
    @Suite(.enabled(if: GSSDPBrowser.isInstalled, "needs python3-gi and gir1.2-gssdp-1.6"), .timeLimit(.minutes(2)))
    struct `SSDP and gssdp over IPv6` {
        @Test func `beside us on the host and from the neighbour, it finds the device and sees it leave`() async throws
        {
            try await TestWire.with { wire in
                var configuration = TestInterface.configuration()
                configuration.group.port = 1900
                configuration.families = .ipv6
                let advertiser = SSDPAdvertiser(
                    interfaces: .named([wire.name]), configuration: configuration,
                    eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"))
                try await withServices([advertiser.run]) {
                    _ = try await advertiser.links.first("is up") { $0.count == 2 }
                    for (own, far) in [(wire.ownLocal, wire.farLocal), (wire.own6, wire.far6)] {
                        let location = "http://\(own.uriHost):8080/light.xml"
                        advertiser.add(TestInterface.advertisement("light", host: own))
                        let neighbour = try await wire.neighbour.perform { [farName = wire.farName] in
                            try GSSDPBrowser(on: farName, address: far)
                        }
                        for browser in [try GSSDPBrowser(on: wire.name, address: own), neighbour] {
                            var found = false
                            for await line in browser.lines where line == "+ uuid:light::upnp:rootdevice \(location)" {
                                found = true
                                break
                            }
                            #expect(found, "\(own)")
                        }
                        // A browser that begins after the announcements is answered; this one also sees the end.
                        let last = try GSSDPBrowser(on: wire.name, address: own)
                        for await line in last.lines {
                            if line.hasPrefix("+") { advertiser.remove(udn: "uuid:light", announceByebye: true) }
                            if line == "- uuid:light::upnp:rootdevice" { break }
                        }
                        #expect(advertiser.udns.isEmpty)
                        last.stop()
                    }
                }
            }
        }
    }
}

/// A control point of gssdp in a process of its own, which prints what comes and goes.
final class GSSDPBrowser: Sendable {
    static var isInstalled: Bool {
        FileManager.default.fileExists(atPath: "/usr/lib/python3/dist-packages/gi/__init__.py")
            && FileManager.default.fileExists(
                atPath: "/usr/lib/x86_64-linux-gnu/girepository-1.0/GSSDP-1.6.typelib")
    }

    private static let script = """
        import sys, gi
        gi.require_version("GSSDP", "1.6")
        from gi.repository import GSSDP, Gio, GLib
        address = Gio.InetAddress.new_from_string(sys.argv[2])
        client = GSSDP.Client.new_full(sys.argv[1], address, 0, GSSDP.UDAVersion.VERSION_1_1)
        browser = GSSDP.ResourceBrowser.new(client, "upnp:rootdevice")
        browser.connect("resource-available", lambda b, usn, where: print("+", usn, where[0], flush=True))
        browser.connect("resource-unavailable", lambda b, usn: print("-", usn, flush=True))
        browser.set_active(True)
        loop = GLib.MainLoop()
        GLib.timeout_add_seconds(20, loop.quit)
        loop.run()
        """

    /// What it prints, until it ends.
    let lines: AsyncStream<String>
    private let process: Process

    init(on interface: String, address: IPAddress) throws {
        process = Process()
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments = ["-c", Self.script, interface, "\(address)"]
        let pipe = Pipe()
        process.standardOutput = pipe
        let (lines, continuation) = AsyncStream.makeStream(of: String.self)
        self.lines = lines
        let buffer = Mutex("")
        pipe.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            guard !data.isEmpty else {
                handle.readabilityHandler = nil
                continuation.finish()
                return
            }
            buffer.withLock { text in
                text += String(decoding: data, as: UTF8.self)
                while let end = text.firstIndex(of: "\n") {
                    continuation.yield(String(text[..<end]))
                    text.removeSubrange(...end)
                }
            }
        }
        process.terminationHandler = { _ in
            DispatchQueue.global().asyncAfter(deadline: .now() + 0.2) { continuation.finish() }
        }
        try process.run()
    }

    func stop() { process.terminate() }

    deinit { if process.isRunning { process.terminate() } }
}
