import Foundation
import NIOUPnP
import NetworkTypes
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
                    let output = try await discover(target, seconds: 3)
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
