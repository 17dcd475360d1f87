import HTTPTypes
import NIOCore
import NIOUPnP
import Synchronization
import UPnP

/// A camera that films a moving bar and a counter (DigitalSecurityCamera:1).
struct DemoCamera {
    private static let framesPerSecond = 10
    private static let maximumStreams = 16

    private let start = ContinuousClock.now
    private let streams = StreamCount()

    private final class StreamCount: Sendable {
        private let count = Mutex(0)

        func enter(limit: Int) -> Bool {
            count.withLock { count in
                guard count < limit else { return false }
                count += 1
                return true
            }
        }

        func leave() { count.withLock { $0 -= 1 } }
    }

    func device(udn: String) -> HostedDevice {
        HostedDevice(
            udn: udn, deviceType: "urn:schemas-upnp-org:device:DigitalSecurityCamera:1",
            friendlyName: "Latchkey demo camera", manufacturer: "Latchkey", modelName: "Demo camera",
            services: [stillImage, motionImage],
            icons: [
                HostedIcon(
                    mimeType: "image/jpeg", width: 64, height: 64, depth: 24,
                    bytes: TestPicture(columns: 8, rows: 8).jpeg(frame: 3)
                )
            ],
            resources: [
                HostedResource(name: "snapshot.jpg") { try await snapshot($0) },
                HostedResource(name: "video.mjpg") { try await video($0) },
            ]
        )
    }

    private var frame: Int {
        let elapsed = ContinuousClock.now - start
        return Int(elapsed / .milliseconds(1000 / Self.framesPerSecond))
    }

    private func snapshot(_ exchange: HTTPServerExchange) async throws {
        say("camera snapshot")
        try await exchange.respond(
            .ok, headers: [.contentType: "image/jpeg", .cacheControl: "no-store"],
            body: TestPicture().jpeg(frame: frame)
        )
    }

    /// One part after another, as browsers and players take it, until the peer leaves.
    private func video(_ exchange: HTTPServerExchange) async throws {
        guard streams.enter(limit: Self.maximumStreams) else { return try await exchange.respond(.serviceUnavailable) }
        defer { streams.leave() }
        say("camera stream begins")
        defer { say("camera stream ends") }
        try await exchange.respond(
            HTTPResponse(
                status: .ok,
                headerFields: [.contentType: "multipart/x-mixed-replace; boundary=frame", .cacheControl: "no-store"]
            )
        )
        guard exchange.request.method == .get else { return try await exchange.finish() }
        let picture = TestPicture()
        while true {
            let jpeg = picture.jpeg(frame: frame)
            var part = ByteBuffer(
                string: "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: \(jpeg.readableBytes)\r\n\r\n"
            )
            part.writeImmutableBuffer(jpeg)
            part.writeStaticString("\r\n")
            try await exchange.send(part)
            try await Task.sleep(for: .milliseconds(1000 / Self.framesPerSecond))
        }
    }

    private var stillImage: HostedService {
        HostedService(
            serviceType: "urn:schemas-upnp-org:service:DigitalSecurityCameraStillImage:1",
            serviceID: "urn:upnp-org:serviceId:DigitalSecurityCameraStillImage",
            scpd: Self.imageShape("Image", encoding: "JPEG"),
            actions: Self.imageActions("Image", resource: "snapshot.jpg")
        )
    }

    private var motionImage: HostedService {
        HostedService(
            serviceType: "urn:schemas-upnp-org:service:DigitalSecurityCameraMotionImage:1",
            serviceID: "urn:upnp-org:serviceId:DigitalSecurityCameraMotionImage",
            scpd: Self.imageShape("Video", encoding: "MJPEG"),
            actions: Self.imageActions("Video", resource: "video.mjpg")
        )
    }

    /// Both services have the same shape, for still and for moving pictures.
    private static func imageShape(_ kind: String, encoding: String) -> SCPD {
        ServiceShape()
            .variable("AvailableEncodings", .string, evented: true, initial: encoding)
            .variable("DefaultEncoding", .string, evented: true, initial: encoding, allowed: [encoding])
            .variable("AvailableResolutions", .string, evented: true, initial: "320x240")
            .variable("DefaultResolution", .string, evented: true, initial: "320x240", allowed: ["320x240"])
            .variable("\(kind)URL", .string)
            .action("GetAvailableEncodings", out: [("RetAvailableEncodings", "AvailableEncodings")])
            .action("GetDefaultEncoding", out: [("RetEncoding", "DefaultEncoding")])
            .action("GetAvailableResolutions", out: [("RetAvailableResolutions", "AvailableResolutions")])
            .action("GetDefaultResolution", out: [("RetResolution", "DefaultResolution")])
            .action(
                "Get\(kind)URL", in: [("ReqEncoding", "DefaultEncoding"), ("ReqResolution", "DefaultResolution")],
                out: [("Ret\(kind)URL", "\(kind)URL")]
            )
            .action("GetDefault\(kind)URL", out: [("Ret\(kind)URL", "\(kind)URL")])
            .scpd
    }

    private static func imageActions(_ kind: String, resource: String) -> [String: HostedService.Action] {
        let url: HostedService.Action = { call in
            guard let url = call.resourceURL(resource) else { throw UPnPFault(.actionFailed) }
            say("camera \(kind.lowercased()) url")
            return [ActionArgument("Ret\(kind)URL", "\(url)")]
        }
        return [
            "GetAvailableEncodings": { $0.answer("RetAvailableEncodings", "AvailableEncodings") },
            "GetDefaultEncoding": { $0.answer("RetEncoding", "DefaultEncoding") },
            "GetAvailableResolutions": { $0.answer("RetAvailableResolutions", "AvailableResolutions") },
            "GetDefaultResolution": { $0.answer("RetResolution", "DefaultResolution") },
            "Get\(kind)URL": url,
            "GetDefault\(kind)URL": url,
        ]
    }
}
