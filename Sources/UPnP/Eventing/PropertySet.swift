/// A variable of an event and its value.
public struct EventProperty: Hashable, Sendable {
    /// The variable's name.
    public var name: String
    /// The value as text, unescaped.
    public var value: String

    /// Makes a property.
    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// The body of an event message (UDA 2.0 §4.3.2).
public struct PropertySet: Hashable, Sendable {
    /// The namespace of property sets.
    public static let namespace = "urn:schemas-upnp-org:event-1-0"
    /// The most properties that are read.
    public static let maximumProperties = 1024

    /// The variables that changed, in order.
    public var properties: [EventProperty]

    /// Makes a property set.
    public init(_ properties: [EventProperty] = []) { self.properties = properties }

    /// Parses a message.
    ///
    /// Lenient: namespaces are not compared, a property may hold several variables, and a value with
    /// elements in it is taken for one that the device forgot to escape.
    public init(parsing body: some Sequence<UInt8>, limits: XMLLimits = XMLLimits()) throws(PropertySetError) {
        let element: XMLElement
        do { element = try XMLElement(parsing: body, limits: limits) } catch { throw .xml(error) }
        guard element.name == "propertyset" else { throw .unexpectedRoot(element.name) }
        properties = []
        for property in element.all("property") {
            for variable in property.elements {
                guard properties.count < Self.maximumProperties else { throw .tooManyProperties }
                let isPlain = variable.elements.isEmpty
                properties.append(
                    EventProperty(variable.name, isPlain ? variable.text : variable.innerSerialized))
            }
        }
    }

    /// The message.
    public func serialized() -> String {
        XMLElement(
            "propertyset", prefix: "e", namespaceURI: Self.namespace,
            children: properties.map { property in
                .element(
                    XMLElement(
                        "property", prefix: "e", namespaceURI: Self.namespace,
                        children: [.element(XMLElement(property.name, text: property.value))]))
            }
        ).serialized()
    }

    /// The bytes of all names and values.
    var size: Int { properties.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count } }

    /// The value of the last property of that name.
    public subscript(name: String) -> String? { properties.last { $0.name == name }?.value }
}

/// Why an event message was refused.
public enum PropertySetError: Error, Hashable, Sendable {
    /// Not XML that we read.
    case xml(XMLError)
    /// XML, but not a property set; the root element's name.
    case unexpectedRoot(String)
    /// More than ``PropertySet/maximumProperties``.
    case tooManyProperties
}

extension PropertySetError: CustomStringConvertible {
    /// What happened, in a sentence.
    public var description: String {
        switch self {
        case .xml(let error): error.description
        case .unexpectedRoot(let name): "The event's root element is <\(name)> and not <propertyset>."
        case .tooManyProperties: "The event has more than \(PropertySet.maximumProperties) properties."
        }
    }
}
