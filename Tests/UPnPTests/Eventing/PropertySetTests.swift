import NetworkTypes
import Testing
import UPnP

@Suite("Property sets")
struct PropertySetTests {
    @Test func `A property set is written as the standard shows and read back`() throws {
        let set = PropertySet([
            EventProperty("Volume", "3"), EventProperty("LastChange", Samples.lastChange), EventProperty("Empty", ""),
        ])
        let text = set.serialized()
        #expect(
            text.contains(
                "<e:propertyset xmlns:e=\"urn:schemas-upnp-org:event-1-0\"><e:property><Volume>3</Volume></e:property>")
        )
        #expect(try PropertySet(parsing: text.utf8) == set)
        #expect(set["LastChange"] == Samples.lastChange && set["None"] == nil)
    }

    @Test func `Wrong namespaces, several variables in a property and forgotten escaping are accepted`() throws {
        let text =
            "<propertyset><property><A>1</A><B>2</B></property><property/><property><C><Event a='1'/></C></property></propertyset>"
        #expect(
            try PropertySet(parsing: text.utf8).properties
                == [EventProperty("A", "1"), EventProperty("B", "2"), EventProperty("C", "<Event a=\"1\"/>")])
    }

    @Test func `What is no property set is refused`() {
        #expect(throws: PropertySetError.unexpectedRoot("root")) { _ = try PropertySet(parsing: "<root/>".utf8) }
        #expect(throws: PropertySetError.xml(.empty)) { _ = try PropertySet(parsing: "".utf8) }
        let many = "<propertyset><property>" + String(repeating: "<a/>", count: 1025) + "</property></propertyset>"
        #expect(throws: PropertySetError.tooManyProperties) { _ = try PropertySet(parsing: many.utf8) }
    }

    @Test func `Damaged events never trap, and what is accepted reads the same when written`() throws {
        var generator = SeededGenerator(seed: 21)
        let sample = Array(
            PropertySet([EventProperty("A", "x<y"), EventProperty("LastChange", Samples.lastChange)]).serialized().utf8)
        var accepted = 0
        for round in 0..<2000 {
            var bytes = sample
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
                    in: .min ... .max, using: &generator)
            }
            guard let set = try? PropertySet(parsing: bytes) else { continue }
            accepted += 1
            #expect(try PropertySet(parsing: set.serialized().utf8) == set, "seed 21, round \(round)")
        }
        #expect(accepted > 100)
    }
}

@Suite("LastChange")
struct LastChangeTests {
    private func event(_ content: String) -> String {
        "<Event xmlns=\"urn:schemas-upnp-org:metadata-1-0/RCS/\">\(content)</Event>"
    }

    @Test func `The newest value of each variable and channel is kept, and the rest stays`() throws {
        let state = event(
            "<InstanceID val=\"0\"><Volume channel=\"Master\" val=\"3\"/><Volume channel=\"LF\" val=\"4\"/><Mute channel=\"Master\" val=\"0\"/></InstanceID>"
        )
        let change = event(
            "<InstanceID val=\"0\"><Volume channel=\"Master\" val=\"9\"/><Brightness val=\"1\"/></InstanceID>")
        #expect(
            LastChange.merge(state: state, change: change)
                == event(
                    "<InstanceID val=\"0\"><Volume channel=\"Master\" val=\"9\"/><Volume channel=\"LF\" val=\"4\"/>"
                        + "<Mute channel=\"Master\" val=\"0\"/><Brightness val=\"1\"/></InstanceID>"))
    }

    @Test func `Instances are kept apart and escaped metadata survives`() throws {
        let metadata = XMLElement(
            "CurrentTrackMetaData", attributes: [XMLAttribute("val", value: "<DIDL-Lite a=\"&amp;\">ü</DIDL-Lite>")])
        let state = event("<InstanceID val=\"1\">\(metadata.serialized(declaration: false))</InstanceID>")
        let merged = LastChange.merge(state: state, change: event("<InstanceID val=\"0\"><A val=\"1\"/></InstanceID>"))
        let root = try XMLElement(parsing: merged.utf8)
        #expect(root.all("InstanceID").map { $0.attribute("val") } == ["1", "0"])
        let kept = try #require(root.first("InstanceID")?.first("CurrentTrackMetaData"))
        #expect(kept.attribute("val") == "<DIDL-Lite a=\"&amp;\">ü</DIDL-Lite>")
    }

    @Test(arguments: ["", "broken", "<Event", "<Other/>", "<!DOCTYPE Event><Event/>", "<Event><Unknown/></Event>"])
    func `When either value is no such document the newest wins whole`(text: String) {
        #expect(LastChange.merge(state: text, change: Samples.lastChange) == Samples.lastChange)
        #expect(LastChange.merge(state: Samples.lastChange, change: text) == text)
    }

    @Test func `A state that would grow for ever is given up`() {
        var state = event("<InstanceID val=\"0\"/>")
        for round in 0..<50 {
            let variables = (0..<100).map { "<V\(round)x\($0) val=\"1\"/>" }.joined()
            state = LastChange.merge(state: state, change: event("<InstanceID val=\"0\">\(variables)</InstanceID>"))
        }
        #expect(state.utf8.count < 200_000)
        #expect(state.contains("V49x99") && !state.contains("V0x0 "))
    }

    @Test func `Merging agrees with a dictionary`() throws {
        var generator = SeededGenerator(seed: 4)
        var model: [String: String] = [:]
        var state = event("")
        for round in 0..<200 {
            var content = ""
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let instance = Int.random(in: 0...1, using: &generator)
                let name = ["Volume", "Mute"][Int.random(in: 0...1, using: &generator)]
                let channel = [nil, "Master", "LF"][Int.random(in: 0...2, using: &generator)]
                let value = String(Int.random(in: 0...99, using: &generator))
                model["\(instance)/\(name)/\(channel ?? "-")"] = value
                let attribute = channel.map { " channel=\"\($0)\"" } ?? ""
                content += "<InstanceID val=\"\(instance)\"><\(name)\(attribute) val=\"\(value)\"/></InstanceID>"
            }
            state = LastChange.merge(state: state, change: event(content))
            var read: [String: String] = [:]
            for instance in try XMLElement(parsing: state.utf8).elements {
                for variable in instance.elements {
                    read[
                        "\(instance.attribute("val") ?? "")/\(variable.name)/\(variable.attribute("channel") ?? "-")"] =
                        variable.attribute("val")
                }
            }
            #expect(read == model, "seed 4, round \(round)")
        }
    }
}
