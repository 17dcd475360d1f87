import HTTPTypes
import NIOCore
import UPnP

/// The service descriptions of home devices, for the form of requests. Bounded, and read again when a device's
/// description changes.
actor ServiceDescriptions {
    private struct Key: Hashable {
        let udn: String
        let revision: Int
        let url: HTTPURL
    }

    private static let most = 512
    private var known: [Key: SCPD?] = [:]

    /// The description of a service; nil for one that cannot be read. Then the form of its requests is not checked, and
    /// policy alone decides.
    func description(
        of service: HomeService, of device: KnownDevice,
        fetch: @Sendable (HTTPURL) async throws -> (head: HTTPResponse, body: ByteBuffer)
    ) async -> SCPD? {
        guard let url = service.scpdURL else { return nil }
        let key = Key(udn: device.udn, revision: device.revision, url: url)
        if let found = known[key] { return found }
        var read: SCPD?
        do {
            let (head, body) = try await fetch(url)
            if head.status == .ok { read = try SCPD(parsing: body.readableBytesView) }
        } catch {
            // Some devices have none, or one that nobody can read.
            read = nil
        }
        if known.count >= Self.most { known = [:] }
        known[key] = .some(read)
        return read
    }
}

extension ActionRequest {
    /// The request as a service description has it: its arguments in that order, and no others.
    ///
    /// Two parsers that disagree about a request are how a call is slipped past the one that decides; so a name
    /// that differs from another, or from the description's, in case only is refused.
    /// - Parameter description: Nil where the description does not have the action or could not be read.
    func checked(against description: ActionDescription?) throws(UPnPFault) -> ActionRequest {
        var folded: Set<String> = []
        for argument in arguments where !folded.insert(argument.name.lowercased()).inserted {
            throw UPnPFault(.invalidArgs, description: "Two arguments have the same name but for upper and lower case.")
        }
        guard let description else { return self }
        let names = description.inArguments.map(\.name)
        guard arguments.allSatisfy({ names.contains($0.name) }) else {
            throw UPnPFault(.invalidArgs, description: "An argument is not in the service's description.")
        }
        var request = self
        request.arguments = names.compactMap { name in arguments.first { $0.name == name } }
        return request
    }
}
