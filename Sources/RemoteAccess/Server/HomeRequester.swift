import HTTPTypes
import NIOCore
package import NIOUPnP
import NetworkTypes
import UPnP

/// The gateway's only way to devices.
package struct HomeRequester: Sendable {
    private let client: HTTPClient
    private let nested: NestedAuthorization?

    /// - Parameter nested: How devices with DeviceProtection are called; without it they are called as anybody would.
    package init(client: HTTPClient, nested: NestedAuthorization? = nil) {
        self.client = client
        self.nested = nested
    }

    /// Requests `resource` of a device, from the gateway's own address, with the device's own `Host`, and
    /// only where the map says that the resource still is (design invariant 2).
    func withResponse<Result: Sendable>(
        _ method: HTTPRequest.Method, _ resource: SealedResource, of device: KnownDevice, in home: HomeMap,
        fields: HTTPFields = [:], body: ByteBuffer? = nil, limits: HTTPClientLimits = .init(),
        for caller: NestedAuthorization.Caller? = nil, _ use: (HTTPResponse, HTTPBody) async throws -> Result
    ) async throws -> Result {
        guard let endpoint = home.endpoint(for: resource) else {
            throw Problem(.notFound, "The device no longer serves this at its address.", status: 404)
        }
        if let nested, let caller, let body, resource.kind == .control, device.device.secureLocation != nil,
            device.isProtected, let service = device.service(controlledAt: resource.url)
        {
            return try await nested.withResponse(
                body, fields: fields, service: service, of: device, for: caller, limits: limits, use)
        }
        let request = HTTPRequest(
            method: method, scheme: "http", authority: resource.url.authority, path: resource.url.pathAndQuery,
            headerFields: fields)
        do {
            return try await client.withResponse(
                request, body: body, to: endpoint, from: device.device.interface.address, limits: limits, use)
        } catch let error as HTTPTransportError {
            // The message may name the device's address, which must not leave the home.
            throw Problem(
                .device, "\(device.name) did not answer: \(error.code.rawValue).",
                status: error.code == .timedOut ? 504 : 502)
        }
    }

    /// Fetches a whole document.
    func document(
        _ resource: SealedResource, of device: KnownDevice, in home: HomeMap, fields: HTTPFields = [:], limit: Int
    ) async throws -> (head: HTTPResponse, body: ByteBuffer) {
        var limits = HTTPClientLimits()
        limits.totalTime = .seconds(30)
        return try await withResponse(.get, resource, of: device, in: home, fields: fields, limits: limits) {
            head, body in
            (head, try await body.collect(upTo: limit))
        }
    }
}
