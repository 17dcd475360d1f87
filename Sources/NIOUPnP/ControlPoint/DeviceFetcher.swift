import HTTPTypes
import NIOCore
import NetworkTypes
import UPnP

/// Reads documents from devices, which are not trusted: addresses, sizes and times are bounded, and one
/// device is asked for one document at a time.
actor DeviceFetcher {
    private struct SCPDKey: Hashable {
        var url: HTTPURL
        var bootID: UInt32?
        var configID: UInt32?
    }

    private let configuration: ControlPointConfiguration
    private let client: HTTPClient
    private var busy: Set<IPAddress> = []
    private var waiting: [(address: IPAddress, continuation: CheckedContinuation<Void, Never>)] = []
    private var scpds: [SCPDKey: SCPD] = [:]
    private var scpdOrder: [SCPDKey] = []

    init(configuration: ControlPointConfiguration, client: HTTPClient) {
        self.configuration = configuration
        self.client = client
    }

    /// Reads a device description.
    func description(at location: HTTPURL) async throws -> RootDescription {
        let bytes = try await document(at: location, limit: configuration.descriptionBytes)
        do {
            return try RootDescription(parsing: bytes.readableBytesView, limits: configuration.descriptionLimits)
        } catch {
            throw ControlPointError(.malformed, "The description at \(location) cannot be read. \(error)")
        }
    }

    /// Reads a service description, or returns the one read before from the same run of the device.
    func scpd(at url: HTTPURL, bootID: UInt32?, configID: UInt32?) async throws -> SCPD {
        let key = SCPDKey(url: url, bootID: bootID, configID: configID)
        // Without either number nothing says that the document is still the same.
        let isCacheable = bootID != nil || configID != nil
        if isCacheable, let known = scpds[key] { return known }
        let bytes = try await document(at: url, limit: configuration.scpdBytes)
        let scpd: SCPD
        do {
            scpd = try SCPD(parsing: bytes.readableBytesView, limits: configuration.descriptionLimits)
        } catch {
            throw ControlPointError(.malformed, "The service description at \(url) cannot be read. \(error)")
        }
        if isCacheable, scpds.updateValue(scpd, forKey: key) == nil {
            scpdOrder.append(key)
            if scpdOrder.count > configuration.cachedSCPDs { scpds[scpdOrder.removeFirst()] = nil }
        }
        return scpd
    }

    private func document(at url: HTTPURL, limit: Int) async throws -> ByteBuffer {
        guard let endpoint = url.endpoint else {
            throw ControlPointError(.notAddressable, "\(url) has no literal address.")
        }
        await acquire(endpoint.address)
        defer { release(endpoint.address) }
        try Task.checkCancellation()
        let first = try await get(url, endpoint, limit: limit)
        guard case .redirect(let target) = first else { return try first.document(url) }
        // UDA 2.0 §2.11 allows a redirect; rule 5 of upnp.md §4.2 keeps it on the device.
        guard let next = url.resolving(target), next.scheme == "http", let nextEndpoint = next.endpoint,
            nextEndpoint.address == endpoint.address
        else { throw ControlPointError(.notAddressable, "\(url) redirects to another host.") }
        return try await get(next, nextEndpoint, limit: limit).document(next)
    }

    private enum Answer {
        case document(ByteBuffer)
        case redirect(String)
        case status(Int)

        func document(_ url: HTTPURL) throws -> ByteBuffer {
            switch self {
            case .document(let bytes): return bytes
            case .redirect: throw ControlPointError(.notAddressable, "\(url) redirects once more.")
            case .status(let status):
                throw ControlPointError(.httpStatus(status), "\(url) was answered with status \(status).")
            }
        }
    }

    private func get(_ url: HTTPURL, _ endpoint: SocketEndpoint, limit: Int) async throws -> Answer {
        var limits = HTTPClientLimits()
        limits.totalTime = configuration.fetchTime
        limits.headTime = configuration.fetchTime
        do {
            return try await client.withResponse(
                configuration.request(.get, url), to: endpoint, limits: limits
            ) { response, body in
                switch response.status.code {
                case 200: .document(try await body.collect(upTo: limit))
                case 301, 302, 307, 308: .redirect(response.headerFields[.location] ?? "")
                default: .status(response.status.code)
                }
            }
        } catch let error as HTTPTransportError {
            throw ControlPointError(error, url)
        }
    }

    private func acquire(_ address: IPAddress) async {
        guard !busy.insert(address).inserted else { return }
        await withCheckedContinuation { waiting.append((address, $0)) }
    }

    private func release(_ address: IPAddress) {
        if let next = waiting.firstIndex(where: { $0.address == address }) {
            waiting.remove(at: next).continuation.resume()
        } else {
            busy.remove(address)
        }
    }
}

extension ControlPointConfiguration {
    /// A request to a device, with the fields that every request of a control point has (UDA 2.0 §2.1).
    func request(_ method: HTTPRequest.Method, _ url: HTTPURL) -> HTTPRequest {
        var request = HTTPRequest(
            method: method, scheme: "http", authority: url.authority, path: url.pathAndQuery
        )
        request.headerFields[.userAgent] = userAgent
        if let name = HTTPField.Name("CPFN.UPNP.ORG") { request.headerFields[name] = friendlyName }
        return request
    }
}

extension ControlPointError {
    /// A transport failure while talking to `url`.
    init(_ error: HTTPTransportError, _ url: HTTPURL) {
        switch error.code {
        case .malformedMessage, .bodyTooLarge: self.init(.malformed, "\(url): \(error.message).")
        default: self.init(.unreachable, "\(url): \(error.message).")
        }
    }
}
