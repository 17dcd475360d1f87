import HTTPTypes
import NIOCore
import NetworkTypes
import UPnP

/// A device description, and what came with it.
struct FetchedDescription: Sendable {
    var description: RootDescription
    /// Where it was asked for.
    var location: HTTPURL
    /// Where it was read from in the end, which its URLs are relative to.
    var url: HTTPURL
    /// `Application-URL` of the answer, as written (DIAL 2.2.1 §5.4).
    var applicationURL: String?
}

/// A state of a device's descriptions, by which they are known again (UDA 2.0 §1.2.2).
struct DeviceConfiguration: Hashable, Sendable {
    var udn: String
    var configID: UInt32
}

/// Reads documents from devices, which are not trusted: addresses, sizes and times are bounded, and one
/// server is asked for one document at a time.
actor DeviceFetcher {
    private struct DescriptionKey: Hashable {
        var configuration: DeviceConfiguration
        var path: String
    }

    private enum SCPDKey: Hashable {
        case configuration(DeviceConfiguration, path: String)
        case run(HTTPURL, bootID: UInt32?, configID: UInt32?)
    }

    private let configuration: ControlPointConfiguration
    private let client: HTTPClient
    private var busy: Set<SocketEndpoint> = []
    private var waiting: [SocketEndpoint: [CheckedContinuation<Void, Never>]] = [:]
    private var descriptions: DocumentCache<DescriptionKey, FetchedDescription>
    private var scpds: DocumentCache<SCPDKey, SCPD>

    init(configuration: ControlPointConfiguration, client: HTTPClient) {
        self.configuration = configuration
        self.client = client
        self.descriptions = DocumentCache(limit: configuration.cachedDescriptions)
        self.scpds = DocumentCache(limit: configuration.cachedSCPDs)
    }

    /// Reads a device description, or returns the one that was read before from a device that announces the
    /// same configuration at the same path, be it after a restart or at another address.
    func description(
        at location: HTTPURL, peer: SocketEndpoint, of identity: DeviceConfiguration? = nil
    ) async throws -> FetchedDescription {
        let key = identity.map { DescriptionKey(configuration: $0, path: location.pathAndQuery) }
        if let key, let known = descriptions[key]?.moved(to: location) { return known }
        var fetched: FetchedDescription
        do {
            fetched = try await readDescription(at: location, peer)
        } catch  where Self.isCutOff(error) {
            // Some televisions answer the first request with nothing, or with a part.
            try await Task.sleep(for: configuration.cutOffPause)
            do { fetched = try await readDescription(at: location, peer) } catch {
                throw Self.readable(error, location)
            }
        } catch {
            throw Self.readable(error, location)
        }
        if !configuration.keepsDocuments { fetched.description = fetched.description.withoutDocument() }
        // A device whose document does not say the number that its announcements say does not mean it.
        if let key, fetched.description.configID == Int(key.configuration.configID) { descriptions[key] = fetched }
        return fetched
    }

    private func readDescription(at location: HTTPURL, _ peer: SocketEndpoint) async throws -> FetchedDescription {
        let document = try await document(at: location, peer, limit: configuration.descriptionBytes)
        let description = try RootDescription(
            parsing: document.bytes.readableBytesView, limits: configuration.descriptionLimits)
        return FetchedDescription(
            description: description, location: location, url: document.url,
            applicationURL: document.fields[.applicationURL])
    }

    /// Whether an attempt ended before the document did.
    private static func isCutOff(_ error: any Error) -> Bool {
        switch error {
        case DescriptionError.xml(.empty), DescriptionError.xml(.truncated): true
        case let error as HTTPTransportError: error.code == .connectionClosed
        default: false
        }
    }

    private static func readable(_ error: any Error, _ url: HTTPURL) -> any Error {
        switch error {
        case let error as HTTPTransportError: ControlPointError(error, url)
        case let error as DescriptionError:
            ControlPointError(.malformed, "The description at \(url) cannot be read. \(error)")
        default: error
        }
    }

    /// Reads a service description, or returns the one read before from the same configuration, or the same
    /// run, of the device.
    func scpd(at url: HTTPURL, peer: SocketEndpoint, of device: RootDevice) async throws -> SCPD {
        let key: SCPDKey? =
            if let identity = device.configuration {
                .configuration(identity, path: url.pathAndQuery)
            } else if device.bootID != nil || device.configID != nil {
                .run(url, bootID: device.bootID, configID: device.configID)
            } else {
                // Nothing says that the document is still the same.
                nil
            }
        if let key, let known = scpds[key] { return known }
        let scpd: SCPD
        do {
            let document = try await document(at: url, peer, limit: configuration.scpdBytes)
            scpd = try SCPD(parsing: document.bytes.readableBytesView, limits: configuration.descriptionLimits)
        } catch {
            throw Self.readable(error, url)
        }
        if let key { scpds[key] = scpd }
        return scpd
    }

    /// Reads a picture; the media type is what the device says.
    func icon(at url: HTTPURL, peer: SocketEndpoint) async throws -> (mimeType: String?, bytes: ByteBuffer) {
        do {
            let document = try await document(at: url, peer, limit: configuration.iconBytes)
            return (document.fields[.contentType], document.bytes)
        } catch {
            throw Self.readable(error, url)
        }
    }

    // MARK: Documents

    private struct Document {
        var url: HTTPURL
        var fields: HTTPFields
        var bytes: ByteBuffer
    }

    /// The most redirects that are followed.
    private static let redirects = 2

    private func document(at url: HTTPURL, _ peer: SocketEndpoint, limit: Int) async throws -> Document {
        await acquire(peer)
        defer { release(peer) }
        var url = url
        for _ in 0...Self.redirects {
            try Task.checkCancellation()
            let endpoint = SocketEndpoint(peer.address, port: url.port, zone: peer.zone)
            switch try await get(url, endpoint, limit: limit) {
            case .document(let document): return document
            case .redirect(let target):
                // UDA 2.0 §2.11 allows a redirect; rule 5 of upnp.md §4.2 keeps it on the device.
                guard let next = url.resolving(target), next.scheme == "http", next.ipAddress == peer.address else {
                    throw ControlPointError(.notAddressable, "\(url) redirects to another host.")
                }
                url = next
            }
        }
        throw ControlPointError(.notAddressable, "\(url) redirects once more, after \(Self.redirects) redirects.")
    }

    private enum Answer {
        case document(Document)
        case redirect(String)
    }

    private func get(_ url: HTTPURL, _ endpoint: SocketEndpoint, limit: Int) async throws -> Answer {
        var limits = HTTPClientLimits()
        limits.totalTime = configuration.fetchTime
        limits.headTime = configuration.fetchTime
        var request = configuration.request(.get, url)
        request.headerFields[.acceptEncoding] = "gzip, deflate"
        request.headerFields[.acceptLanguage] = configuration.acceptLanguage
        return try await client.withResponse(request, to: endpoint, limits: limits) { response, body in
            switch response.status.code {
            case 200:
                let bytes = try await body.collect(upTo: limit, coding: response.headerFields[.contentEncoding])
                return .document(Document(url: url, fields: response.headerFields, bytes: bytes))
            case 307: return .redirect(response.headerFields[.location] ?? "")
            case let status:
                throw ControlPointError(.httpStatus(status), "\(url) was answered with status \(status).")
            }
        }
    }

    private func acquire(_ peer: SocketEndpoint) async {
        guard !busy.insert(peer).inserted else { return }
        await withCheckedContinuation { waiting[peer, default: []].append($0) }
    }

    private func release(_ peer: SocketEndpoint) {
        guard var queue = waiting[peer] else {
            busy.remove(peer)
            return
        }
        let next = queue.removeFirst()
        waiting[peer] = queue.isEmpty ? nil : queue
        next.resume()
    }
}

extension FetchedDescription {
    /// The same at another location, be it another address or another port of the same; nil where it would have to be
    /// read anew: what is in it is not all relative, or the device has sent us elsewhere for it.
    fileprivate func moved(to location: HTTPURL) -> FetchedDescription? {
        if location == self.location || location == url { return self }
        guard url == self.location, applicationURL == nil, description.urlBase == nil,
            url.pathAndQuery == location.pathAndQuery
        else { return nil }
        var moved = self
        moved.location = location
        moved.url = location
        return moved
    }
}

extension RootDevice {
    /// What its documents are known again by; nil unless announcements and description agree on a number.
    var configuration: DeviceConfiguration? {
        guard let configID, description.configID == Int(configID) else { return nil }
        return DeviceConfiguration(udn: udn, configID: configID)
    }
}

extension HTTPField.Name {
    fileprivate static let applicationURL = HTTPField.Name("Application-URL") ?? .location
}

extension ControlPointConfiguration {
    /// A request to a device, with the fields that every request of a control point has (UDA 2.0 §2.1).
    func request(_ method: HTTPRequest.Method, _ url: HTTPURL) -> HTTPRequest {
        var request = HTTPRequest(
            method: method, scheme: "http", authority: url.authority, path: url.pathAndQuery
        )
        request.headerFields[.userAgent] = userAgent
        if let name = HTTPField.Name("CPFN.UPNP.ORG") { request.headerFields[name] = friendlyName }
        if let controlPointUUID, let name = HTTPField.Name("CPUUID.UPNP.ORG") {
            request.headerFields[name] = controlPointUUID
        }
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
