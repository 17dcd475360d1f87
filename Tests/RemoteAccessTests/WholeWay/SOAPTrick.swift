import Foundation
import HTTPTypes
import NIOCore
import NIOUPnP
import NetworkTypes
import Testing
import UPnP

/// Requests that two parsers could read differently: each tries to set the volume to 41 or more where 40 is permitted, or
/// is only oddly written.
enum SOAPTrick {
    typealias Trick = (name: String, body: [UInt8], isDone: Bool)

    static func all(_ type: String) -> [Trick] {
        func envelope(
            _ arguments: String, action: String = "SetVolume", before: String = "", after: String = ""
        ) -> String {
            """
            <?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>\(before)\
            <u:\(action) xmlns:u="\(type)">\(arguments)</u:\(action)>\(after)</s:Body></s:Envelope>
            """
        }
        let rest = "<InstanceID>0</InstanceID><Channel>Master</Channel>"
        func volume(_ text: String) -> String { "\(rest)<DesiredVolume>\(text)</DesiredVolume>" }
        let plain = envelope(volume("40"))
        let texts: [(String, String, Bool)] = [
            ("as usual", plain, true),
            ("another order", envelope("<DesiredVolume>40</DesiredVolume>\(rest)"), true),
            ("too loud", envelope(volume("41")), false),
            ("first loud, then soft", envelope("\(volume("99"))<DesiredVolume>40</DesiredVolume>"), false),
            ("first soft, then loud", envelope("\(volume("40"))<DesiredVolume>99</DesiredVolume>"), false),
            (
                "the same name in a namespace",
                envelope("\(volume("40"))<x:DesiredVolume xmlns:x=\"urn:x\">99</x:DesiredVolume>"), false
            ),
            ("the same name in lower case", envelope("\(volume("40"))<desiredvolume>99</desiredvolume>"), false),
            ("only in lower case", envelope("\(rest)<desiredvolume>40</desiredvolume>"), false),
            ("an argument that the service does not have", envelope("\(volume("40"))<Volume>99</Volume>"), false),
            ("an element within an argument", envelope(volume("40<b>99</b>")), false),
            ("a comment within the number", envelope(volume("4<!-- -->0")), true),
            ("CDATA", envelope(volume("<![CDATA[40]]>")), true),
            ("loud CDATA", envelope(volume("<![CDATA[4]]>1")), false),
            ("a reference", envelope(volume("&#52;0")), true),
            ("a loud reference", envelope(volume("4&#x31;")), false),
            (
                "an entity of its own",
                plain.replacingOccurrences(of: "?><s:", with: "?><!DOCTYPE s [<!ENTITY v \"99\">]><s:"), false
            ),
            ("text beside the arguments", envelope("41 \(volume("40")) 41"), true),
            ("an attribute", envelope("\(rest)<DesiredVolume value=\"99\">40</DesiredVolume>"), true),
            (
                "two actions",
                envelope(volume("40"), after: "<u:SetVolume xmlns:u=\"\(type)\">\(volume("99"))</u:SetVolume>"), false
            ),
            (
                "two bodies",
                plain.replacingOccurrences(
                    of: "</s:Body>",
                    with: "</s:Body><s:Body><u:SetVolume xmlns:u=\"\(type)\">\(volume("99"))</u:SetVolume></s:Body>"),
                false
            ),
            (
                "a body in the header",
                plain.replacingOccurrences(
                    of: "<s:Body>", with: "<s:Header><s:Body>\(volume("99"))</s:Body></s:Header><s:Body>"), true
            ),
            ("another action than the header says", envelope(volume("40"), action: "SetMute"), false),
            ("an action in lower case", envelope(volume("40"), action: "setVolume"), false),
            ("another document after it", plain + plain.replacingOccurrences(of: "40", with: "99"), true),
            (
                "another namespace for the action",
                plain.replacingOccurrences(
                    of: "xmlns:u=\"\(type)\"",
                    with: "xmlns:u=\"\(type.replacingOccurrences(of: "Rendering", with: "Other"))\""), false
            ),
            ("a sign", envelope(volume("+40")), true),
            ("octal", envelope(volume("0100")), false),
            ("hexadecimal", envelope(volume("0x63")), false),
            ("negative", envelope(volume("-1")), false),
            ("a fraction", envelope(volume("40.9")), false),
            ("a full-width digit", envelope(volume("\u{FF14}0")), false),
            ("too large for the type", envelope(volume("65636")), false),
            ("empty", envelope(volume("")), false),
        ]
        var tricks: [Trick] = texts.map { ($0.0, Array($0.1.utf8), $0.2) }
        tricks.append(("a mark of order", [0xEF, 0xBB, 0xBF] + Array(plain.utf8), true))
        for (name, volume, isDone) in [("soft", "40", true), ("loud", "41", false)] {
            let text = envelope("\(rest)<DesiredVolume>\(volume)</DesiredVolume>")
            let units = [0xFEFF] + Array(text.utf16)
            tricks.append(
                ("UTF-16, little end first, \(name)", units.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }, isDone))
            tricks.append(
                ("UTF-16, big end first, \(name)", units.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }, isDone))
        }
        return tricks
    }
}

extension App {
    /// Posts a body as it is and answers the status.
    func post(_ body: [UInt8], to url: HTTPURL, soapAction: String) async throws -> Int {
        var request = HTTPRequest(method: .post, scheme: "http", authority: url.authority, path: url.pathAndQuery)
        request.headerFields[.contentType] = "text/xml"
        request.headerFields[try #require(HTTPField.Name("SOAPACTION"))] = soapAction
        return try await controlPoint.client.withResponse(
            request, body: ByteBuffer(bytes: body), to: try #require(url.endpoint)
        ) { head, _ in head.status.code }
    }
}
