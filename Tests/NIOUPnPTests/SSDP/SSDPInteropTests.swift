import Foundation
import NIOUPnP
import NetworkTypes
import Testing
import UPnP

extension `SSDP driver` {
    /// Against a control point that nobody here wrote, on the standard port.
    @Suite(
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/gssdp-discover"), "needs gupnp-tools"),
        .timeLimit(.minutes(1))
    ) struct `SSDP and gssdp` {
        @Test func `it finds the device by each kind of target, and sees it leave`() async throws {
            var configuration = TestInterface.configuration()
            configuration.group.port = 1900
            let advertiser = TestInterface.advertiser(configuration)
            let host = try TestInterface.ipv4.address
            try await withServices([advertiser.run]) {
                _ = try await advertiser.addresses.first("is up") { $0 != nil }
                advertiser.add(TestInterface.advertisement("light", host: host))
                for target in ["upnp:rootdevice", "ssdp:all", "urn:schemas-upnp-org:service:SwitchPower:1"] {
                    let output = try await discover(target, seconds: 3)
                    #expect(output.contains("uuid:light::"), "\(target): \(output)")
                    #expect(output.contains("http://\(host):8080/light.xml"))
                }
                async let watching = discover("upnp:rootdevice", seconds: 3)
                _ = try await advertiser.observations.first("hears the search") {
                    if case .search = $0.message { true } else { false }
                }
                // Found first, so that there is something to leave: found within MX.
                try await Task.sleep(for: .seconds(1))
                advertiser.remove(udn: "uuid:light", announceByebye: true)
                let output = try await watching
                #expect(output.contains("resource unavailable"), "\(output)")
            }
        }

        private func discover(_ target: String, seconds: Int) async throws -> String {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/gssdp-discover")
            process.arguments = ["-i", TestInterface.name, "-t", target, "-n", "\(seconds)", "-m", "all"]
            let pipe = Pipe()
            process.standardOutput = pipe
            process.standardError = pipe
            try process.run()
            return try await withCheckedThrowingContinuation { continuation in
                DispatchQueue.global().async {
                    let data = pipe.fileHandleForReading.readDataToEndOfFile()
                    continuation.resume(returning: String(decoding: data, as: UTF8.self))
                }
            }
        }
    }
}
