import Testing
import UPnP

@testable import RemoteAccess

@Suite("A service description shows the actions that may be called, and what they need")
struct ServiceDescriptionFilterTests {
    private let document = """
        <scpd xmlns="urn:schemas-upnp-org:service-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>
        <actionList>
        <action><name>GetVolume</name><argumentList><argument><name>CurrentVolume</name><direction>out</direction>
        <relatedStateVariable>Volume</relatedStateVariable></argument></argumentList></action>
        <action><name> SetMute </name><argumentList><argument><name>DesiredMute</name><direction>in</direction>
        <relatedStateVariable>Mute</relatedStateVariable></argument><argument><name>Channel</name><direction>in</direction>
        <relatedStateVariable>A_ARG_TYPE_Channel</relatedStateVariable></argument></argumentList></action>
        </actionList>
        <serviceStateTable>
        <stateVariable sendEvents="no"><name>Volume</name><dataType>ui2</dataType></stateVariable>
        <stateVariable sendEvents="no"><name>Mute</name><dataType>boolean</dataType></stateVariable>
        <stateVariable><name>A_ARG_TYPE_Channel</name><dataType>string</dataType></stateVariable>
        <stateVariable sendEvents="no"><name>Unused</name><dataType>string</dataType></stateVariable>
        </serviceStateTable></scpd>
        """

    private func filtered(_ text: String, _ isShown: (String) -> Bool) throws -> XMLElement {
        var element = try XMLElement(parsing: text.utf8)
        element.keepActions(where: isShown)
        return element
    }

    @Test(
        "An action goes with the variables that only it used; an evented variable stays, and so does one that was never used"
    )
    func oneGoes() throws {
        let scpd = try SCPD(filtered(document) { $0 == "GetVolume" })
        #expect(scpd.actions.map(\.name) == ["GetVolume"])
        #expect(scpd.stateVariables.map(\.name) == ["Volume", "A_ARG_TYPE_Channel", "Unused"])
    }

    @Test("Without any action there is no list, because an empty one is not valid")
    func allGo() throws {
        let element = try filtered(document) { _ in false }
        #expect(element.first("actionList") == nil)
        #expect(try SCPD(element).stateVariables.map(\.name) == ["A_ARG_TYPE_Channel", "Unused"])
    }

    @Test("Nothing changes when every action may be called")
    func allStay() throws {
        #expect(try filtered(document) { _ in true } == XMLElement(parsing: document.utf8))
    }

    @Test("What a reader might take for an action is shown only if it is one action with one name that may be called")
    func doubtful() throws {
        let twice = document.replacing(
            "<name> SetMute </name>", with: "<name>GetVolume</name><name>SetMute</name>"
        ).replacing("</actionList>", with: "<Action><name>SetMute</name></Action></actionList>")
        let element = try filtered(twice) { $0 == "GetVolume" }
        #expect(element.first("actionList")?.elements.count == 1)
        #expect(!element.serialized().contains("SetMute"))
    }
}
