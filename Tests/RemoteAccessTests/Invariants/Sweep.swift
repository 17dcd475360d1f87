import HTTPTypes
import NIOCore
import NIOUPnP
import Testing
import Tunnel
import UPnP

@testable import RemoteAccess

/// Asks for everything that a device has, and expects what is permitted and nothing else.
struct Sweep: Sendable {
    let street: Street
    let burglar: Burglar
    let permitted: Set<Wish>
    var via = "own"
    let note: String

    /// What is announced to the session: the devices of which something is permitted, with those of their services.
    func announcements(_ targets: [Target]) async throws {
        let announced = try await burglar.announced()
        #expect(Set(announced.map(\.root.udn)) == Set(permitted.map(\.udn)), "\(note)")
        for device in announced {
            let services = permitted.filter { $0.udn == device.root.udn && $0.kind != .media }.map(\.service)
            #expect(Set(device.root.serviceTypes) == Set(services), "\(note): \(device.friendlyName)")
        }
    }

    func everything(of target: Target) async throws {
        try await description(of: target)
        for service in target.device.services {
            let type = service.serviceType
            try await serviceDescription(service, of: target)
            let path = try burglar.path(.control, service.controlURL, of: target.udn)
            let content = try target.media.map { try burglar.path(.media, $0, of: target.udn) } ?? "/"
            let issued = "http://\(Burglar.authority)\(content)"
            for action in target.descriptions[type]?.actions.map(\.name) ?? [] {
                let wish = Wish(udn: target.udn, service: type, kind: .action(action))
                let before = street.acts.lines.count
                let status = try await burglar.call(
                    target.request(action, of: type, issued: issued), at: path, via: via)
                expect(status, wish)
                if !permitted.contains(wish) { #expect(street.acts.lines.count == before, "\(note): \(wish) was done") }
            }
            if let url = service.eventSubURL {
                let wish = Wish(udn: target.udn, service: type, kind: .events)
                expect(try await burglar.subscribe(burglar.path(.event, url, of: target.udn), via: via), wish)
            }
        }
        if let url = target.media {
            let (status, body) = try await burglar.ask(.get, burglar.path(.media, url, of: target.udn), via: via)
            let wish = Wish(udn: target.udn, service: "", kind: .media)
            expect(status, wish)
            #expect((String(buffer: body) == "this is item22") == permitted.contains(wish), "\(note): \(wish)")
        }
    }

    private func expect(_ status: Int, _ wish: Wish) {
        #expect((status == 200) == permitted.contains(wish), "\(note): \(wish) was answered with \(status)")
    }

    private func description(of target: Target) async throws {
        let path = try burglar.path(.description, target.device.device.location, of: target.udn)
        let (status, body) = try await burglar.ask(.get, path, via: via)
        let own = permitted.filter { $0.udn == target.udn }
        #expect((status == 200) == !own.isEmpty, "\(note): the description of \(target.device.name) has \(status)")
        guard status == 200 else {
            #expect(!String(buffer: body).contains(target.udn), "\(note)")
            return
        }
        let root = try RootDescription(parsing: body.readableBytesView)
        let services = Set(own.filter { $0.kind != .media }.map(\.service))
        #expect(Set(root.device.services.map(\.serviceType)) == services, "\(note): \(target.device.name)")
    }

    private func serviceDescription(_ service: HomeService, of target: Target) async throws {
        guard let url = service.scpdURL else { return }
        let (status, body) = try await burglar.ask(
            .get, burglar.path(.serviceDescription, url, of: target.udn), via: via)
        let own = permitted.filter { $0.udn == target.udn && $0.service == service.serviceType }
        #expect((status == 200) == !own.isEmpty, "\(note): the description of \(service.serviceType) has \(status)")
        let actions = own.compactMap { wish -> String? in if case .action(let name) = wish.kind { name } else { nil } }
        guard status == 200 else { return }
        let shown = try SCPD(parsing: body.readableBytesView).actions.map(\.name)
        #expect(Set(shown) == Set(actions), "\(note): \(service.serviceType)")
    }
}

extension Burglar {
    /// The path of what an action tells a URL of.
    func located(_ action: String, of device: KnownDevice) async throws -> String {
        let service = try #require(device.services.first)
        let request = ActionRequest(serviceType: service.serviceType, action: action, arguments: [])
        let (_, body) = try await ask(
            .post, path(.control, service.controlURL, of: device.udn), soapAction: request.soapActionHeader,
            body: ByteBuffer(string: request.serialized()))
        let text = String(buffer: body)
        let url = try #require(text.firstMatch(of: /http:\/\/198\.51\.100\.1:8080(\/m\/[^<]+)</), "\(text)")
        return String(url.1)
    }

    /// Reads a stream until it ends.
    func stream(_ path: String, _ began: @escaping @Sendable () -> Void) async throws {
        var request = HTTPRequest(method: .get, scheme: "https", authority: "gateway", path: path)
        request.headerFields[.latchkeySession] = session
        request.headerFields[.latchkeyVia] = "own"
        try await carrier.withExchange(request, trafficClass: .media) { exchange in
            try await exchange.finish()
            _ = try await exchange.response()
            var isFirst = true
            for try await _ in exchange.body {
                if isFirst { began() }
                isFirst = false
            }
        }
        throw CancellationError()
    }
}
