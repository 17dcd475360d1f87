import AccessPolicy
import HTTPTypes
import NIOCore
import NIOUPnP
import Tunnel
import UPnP

/// Descriptions and SCPDs, translated and with only what the policy lets the client see.
struct DocumentProxy: Sendable {
    let requester: HomeRequester

    /// The translated description of a device. The gateway's own copy serves: it was fetched when the device
    /// appeared, and a changed one would have come as a change.
    func description(of device: KnownDevice, context: AccessContext) throws -> String {
        try context.require(.describe, on: device)
        let filter = DescriptionFilter(
            allowsPresentation: context.permits(.presentation, on: device),
            includesService: { context.permits(.describe, on: device, service: $0) })
        return try OutboundTranslator(context.translation(of: device)).description(
            device.device.description, from: device.device.location, filter: filter)
    }

    /// The translated SCPD behind `resource`.
    func serviceDescription(
        at resource: SealedResource, of device: KnownDevice, context: AccessContext
    ) async throws -> String {
        guard let service = device.service(describedAt: resource.url) else {
            throw Problem(.notFound, "\(device.name) no longer has this service.", status: 404)
        }
        try context.require(.describe, on: device, service: service.serviceType)
        let (head, body) = try await requester.document(resource, of: device, in: context.home, limit: 256 << 10)
        guard head.status == .ok else {
            throw Problem(.device, "\(device.name) did not give its service description.", status: 502)
        }
        do {
            let document = try XMLElement(parsing: body.readableBytesView)
            return try OutboundTranslator(context.translation(of: device)).serviceDescription(
                document, includesAction: { context.shows(action: $0, of: service.serviceType, on: device) })
        } catch {
            throw Problem(.device, "The service description of \(device.name) cannot be read.", status: 502)
        }
    }
}
