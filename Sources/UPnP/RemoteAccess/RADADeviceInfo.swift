/// `deviceInfo` of the namespace `urn:schemas-upnp-org:ra:dads`: a root device as one network tells another of it.
package struct RADADeviceInfo: Hashable, Sendable {
    /// The root device's UUID, without `uuid:`.
    package var uuid: String
    /// `CACHE-CONTROL: max-age` of its announcements, in seconds; nil where it was not said.
    package var maxAge: Int?
    /// Where its description is; empty in filters.
    package var descriptionDocument: String
    /// Its `SERVER`.
    package var server: String?
    /// Further SSDP headers, as attributes whose names are the headers', such as `bootid.upnp.org`.
    package var headers: [XMLAttribute]
    /// The credentials that an `accessControl` names; nil without one.
    package var credentials: [String]?

    /// Makes an entry.
    package init(
        uuid: String, maxAge: Int? = nil, descriptionDocument: String = "", server: String? = nil,
        headers: [XMLAttribute] = [], credentials: [String]? = nil
    ) {
        self.uuid = uuid
        self.maxAge = maxAge
        self.descriptionDocument = descriptionDocument
        self.server = server
        self.headers = headers
        self.credentials = credentials
    }
}

extension RADADeviceInfo {
    private static let ownAttributes: Set<String> = ["uuid", "cache-control", "descriptionDocument", "server"]

    /// Reads `deviceInfo`.
    init(_ element: XMLElement) throws(RemoteAccessDocumentError) {
        guard let uuid = element.attribute("uuid").flatMap(RADAText.uuid) else { throw .missing("deviceInfo@uuid") }
        self.uuid = uuid
        maxAge = try element.attribute("cache-control").map(RADAText.maxAge) ?? nil
        descriptionDocument = try RADAText.bounded(element.attribute("descriptionDocument") ?? "")
        server = try element.attribute("server").map(RADAText.bounded)
        headers = element.attributes.filter { !Self.ownAttributes.contains($0.name) && $0.prefix == nil }
        guard headers.count <= RemoteAccessDocumentLimits.headers else { throw .tooMuch("headers") }
        for header in headers { _ = try RADAText.bounded(header.value) }
        credentials = try element.first("accessControl").map { (control) throws(RemoteAccessDocumentError) in
            let access = control.all("access")
            guard access.count <= RemoteAccessDocumentLimits.credentials else { throw .tooMuch("access") }
            var all: [String] = []
            for entry in access {
                all.append(try RADAText.bounded(XMLText.trimmed(entry.attribute("credentialID") ?? "")))
            }
            return all
        }
    }

    /// `deviceInfo` as it is written.
    var element: XMLElement {
        var attributes = [XMLAttribute("uuid", value: uuid)]
        // The exact value of the header, as the conformance documents have it (upnp.md §1.7.1).
        if let maxAge { attributes.append(XMLAttribute("cache-control", value: "max-age=\(maxAge)")) }
        if !descriptionDocument.isEmpty {
            attributes.append(XMLAttribute("descriptionDocument", value: descriptionDocument))
        }
        if let server { attributes.append(XMLAttribute("server", value: server)) }
        var element = DADSDocument.element("deviceInfo", attributes + headers)
        if let credentials {
            let access = credentials.map { DADSDocument.element("access", [XMLAttribute("credentialID", value: $0)]) }
            element.children = [.element(DADSDocument.element("accessControl", [], access))]
        }
        return element
    }
}

/// Why one of the Remote Access documents was refused.
package enum RemoteAccessDocumentError: Error, Hashable, Sendable {
    /// Not XML that we read.
    case xml(XMLError)
    /// The root element, or the one below it, is not one of this document.
    case otherDocument(String)
    /// An element or attribute that must be there; its name.
    case missing(String)
    /// A value that means nothing; the element or attribute that has it.
    case invalid(String)
    /// More than ``RemoteAccessDocumentLimits`` allows; of what.
    case tooMuch(String)
}

/// The bounds of the Remote Access documents: a home's devices, and a peer that means no good.
package enum RemoteAccessDocumentLimits {
    /// Devices in one list, and virtual devices.
    package static let devices = 512
    /// Credentials of one device.
    package static let credentials = 64
    /// Filters in one list, and remote networks.
    package static let networks = 64
    /// Further headers of one device.
    package static let headers = 16
    /// Bytes of one text.
    package static let text = 2_048
    /// Of each document.
    package static let xml = XMLLimits(
        bytes: 512 << 10, depth: 24, attributes: 32, elements: 20_000, text: 512 << 10, markup: 32 << 10)
}

/// Values of the Remote Access documents that are spelt in several ways.
package enum RADAText {
    /// A UUID without `uuid:` and blanks; nil when nothing is left, or when it is no word.
    package static func uuid(_ text: String) -> String? {
        var text = XMLText.trimmed(text)
        while text.lowercased().hasPrefix("uuid:") { text = String(text.dropFirst(5)) }
        let isWord = text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
        return text.isEmpty || text.utf8.count > 256 || !isWord ? nil : text
    }

    /// The seconds of `cache-control`: `1800`, `max-age=1800`, with blanks wherever; nil when it is empty.
    static func maxAge(_ text: String) throws(RemoteAccessDocumentError) -> Int? {
        let compact = text.filter { !$0.isWhitespace }.lowercased()
        if compact.isEmpty { return nil }
        let parts = compact.split(separator: ",").compactMap { part -> Int? in
            if part.hasPrefix("max-age=") { return Int(part.dropFirst(8)) }
            return Int(part)
        }
        guard let seconds = parts.first, (0...Int(Int32.max)).contains(seconds) else { throw .invalid("cache-control") }
        return seconds
    }

    static func bounded(_ text: String) throws(RemoteAccessDocumentError) -> String {
        guard text.utf8.count <= RemoteAccessDocumentLimits.text else { throw .tooMuch("text") }
        return text
    }
}
