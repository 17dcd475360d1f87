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
            type: "urn:schemas-upnp-org:device:DigitalSecurityCamera:1", name: "Latchkey demo camera",
            manufacturer: "Latchkey", model: "Demo camera", udn: udn
        ) {
            Self.imageService(
                "DigitalSecurityCameraStillImage", kind: "Image", encoding: "JPEG", resource: "snapshot.jpg"
            )
            Self.imageService(
                "DigitalSecurityCameraMotionImage", kind: "Video", encoding: "MJPEG", resource: "video.mjpg"
            )
            HostedIcon(
                mimeType: "image/jpeg", width: 64, height: 64, depth: 24,
                bytes: TestPicture(columns: 8, rows: 8).jpeg(frame: 3)
            )
            HostedResource(name: "snapshot.jpg") { try await snapshot($0) }
            HostedResource(name: "video.mjpg") { try await video($0) }
        }
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

    /// Both services have the same shape, for still and for moving pictures.
    private static func imageService(_ type: String, kind: String, encoding: String, resource: String) -> HostedService
    {
        let encodings = HostedVariable("AvailableEncodings", encoding, evented: true)
        let defaultEncoding = HostedVariable("DefaultEncoding", encoding, allowedValues: [encoding], evented: true)
        let resolutions = HostedVariable("AvailableResolutions", "320x240", evented: true)
        let defaultResolution = HostedVariable(
            "DefaultResolution", "320x240", allowedValues: ["320x240"], evented: true
        )
        let url = HostedVariable("\(kind)URL", "")
        @Sendable func resourceURL(_ call: ActionInvocation) throws -> String {
            guard let url = call.resourceURL(resource) else { throw UPnPFault(.actionFailed) }
            say("camera \(kind.lowercased()) url")
            return "\(url)"
        }
        return HostedService("urn:schemas-upnp-org:service:\(type):1") {
            HostedAction("GetAvailableEncodings", out: encodings.argument("RetAvailableEncodings")) { encodings.value }
            HostedAction("GetDefaultEncoding", out: defaultEncoding.argument("RetEncoding")) { defaultEncoding.value }
            HostedAction("GetAvailableResolutions", out: resolutions.argument("RetAvailableResolutions")) {
                resolutions.value
            }
            HostedAction("GetDefaultResolution", out: defaultResolution.argument("RetResolution")) {
                defaultResolution.value
            }
            HostedAction(
                "Get\(kind)URL", in: defaultEncoding.argument("ReqEncoding"),
                defaultResolution.argument("ReqResolution"), out: url.argument("Ret\(kind)URL")
            ) { (call: ActionInvocation, _: String, _: String) in try resourceURL(call) }
            HostedAction("GetDefault\(kind)URL", out: url.argument("Ret\(kind)URL")) { (call: ActionInvocation) in
                try resourceURL(call)
            }
        }
    }
}
