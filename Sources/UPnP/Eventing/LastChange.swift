/// The `LastChange` variable of AVTransport and RenderingControl: an XML document, escaped into the
/// variable's value, that tells what changed per instance and, for some variables, per channel.
///
/// ```xml
/// <Event xmlns="urn:schemas-upnp-org:metadata-1-0/RCS/"><InstanceID val="0">
///   <Volume channel="Master" val="3"/></InstanceID></Event>
/// ```
public enum LastChange {
    /// The most variables that a merged value keeps.
    public static let maximumVariables = 4096

    /// What a subscriber has to hear that knows neither `state` nor `change`: all that `state` told, with
    /// what `change` tells anew.
    ///
    /// Both are values, unescaped. Variables are the same if instance, name and channel are; namespaces
    /// are not compared, because devices have them wrong. When either value is no such document, or the
    /// result would be too large to be read again, the result is `change` as it is.
    public static func merge(state: String, change: String) -> String {
        guard let newer = document(change), let older = document(state) else { return change }
        var result = newer
        var instances: [String: Int] = [:]
        var merged: [XMLElement] = []
        for instance in older.all("InstanceID") + newer.all("InstanceID") {
            let key = instance.attribute("val") ?? ""
            if let index = instances[key] {
                merged[index] = merge(merged[index], instance)
            } else {
                instances[key] = merged.count
                merged.append(merge(withoutContent(instance), instance))
            }
        }
        guard merged.reduce(0, { $0 + $1.children.count }) <= maximumVariables else { return change }
        result.children = merged.map(XMLNode.element)
        let text = result.serialized(declaration: false)
        // The limits of reading hold for what will be merged next, too.
        guard let readAgain = try? XMLElement(parsing: text.utf8), readAgain.name == "Event" else { return change }
        return text
    }

    private struct Variable: Hashable {
        let name: String
        let channel: String?
    }

    private static func document(_ text: String) -> XMLElement? {
        guard let element = try? XMLElement(parsing: text.utf8), element.name == "Event",
            element.elements.allSatisfy({ $0.name == "InstanceID" })
        else { return nil }
        return element
    }

    private static func withoutContent(_ instance: XMLElement) -> XMLElement {
        var empty = instance
        empty.children = []
        return empty
    }

    private static func merge(_ older: XMLElement, _ newer: XMLElement) -> XMLElement {
        var result = withoutContent(newer)
        var places: [Variable: Int] = [:]
        for variable in older.elements + newer.elements {
            let key = Variable(
                name: variable.name, channel: variable.attribute("channel") ?? variable.attribute("Channel"))
            if let place = places[key] {
                result.children[place] = .element(variable)
            } else {
                places[key] = result.children.count
                result.children.append(.element(variable))
            }
        }
        return result
    }
}
