import Testing
import UPnP

@Suite("DIDL-Lite")
struct DIDLLiteTests {
    private static let page = """
        <DIDL-Lite xmlns="urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/" xmlns:d="http://purl.org/dc/elements/1.1/" \
        xmlns:upnp="urn:schemas-upnp-org:metadata-1-0/upnp/" xmlns:dlna="urn:schemas-dlna-org:metadata-1-0/">
        <container id="64" parentID="0" restricted="1" childCount="2" searchable="1"><d:title>Browse &amp; more</d:title>\
        <upnp:class> object.container.storageFolder </upnp:class></container>
        <item id="64$1" parentID="64" restricted="true" refID="2$5"><d:title>Ümläut</d:title>\
        <upnp:class>object.item.audioItem.musicTrack</upnp:class><d:creator>A</d:creator>\
        <upnp:artist role="AlbumArtist">B</upnp:artist><upnp:artist role="Composer">C</upnp:artist>\
        <upnp:albumArtURI dlna:profileID="JPEG_TN">http://192.0.2.7/a.jpg</upnp:albumArtURI>\
        <res size="4294967296" duration="1:02:03.500" bitrate="16000" resolution="640x480" nrAudioChannels="2" \
        protocolInfo="http-get:*:audio/mpeg:DLNA.ORG_PN=MP3;DLNA.ORG_OP=01"> http://192.0.2.7/1.mp3 </res></item>
        </DIDL-Lite>
        """

    @Test func `a server's page is read with its namespaces, whatever their prefixes`() throws {
        let objects = try DIDLLite(parsing: Self.page).objects
        #expect(objects.map(\.id) == ["64", "64$1"])
        let container = objects[0]
        #expect(container.kind == .container)
        #expect(container.title == "Browse & more")
        #expect(container.objectClass == "object.container.storageFolder")
        #expect(container.childCount == 2)
        #expect(container.isSearchable == true)
        let track = objects[1]
        #expect(track.isRestricted)
        #expect(track.referenceID == "2$5")
        #expect(track["dc:creator"] == "A")
        #expect(track.values(of: "upnp:artist") == ["B", "C"])
        #expect(track.values(of: "upnp:artist@role") == ["AlbumArtist", "Composer"])
        #expect(track["upnp:albumArtURI@dlna:profileID"] == "JPEG_TN")
        let resource = try #require(track.resources.first)
        #expect(resource.uri == "http://192.0.2.7/1.mp3")
        #expect(resource.size == 4_294_967_296)
        #expect(resource.duration == .milliseconds(3_723_500))
        #expect(resource.bitrate == 16000)
        #expect(resource.resolution == .init(width: 640, height: 480))
        #expect(resource.audioChannels == 2)
        #expect(resource.protocolInfo.contentFormat == "audio/mpeg")
        #expect(resource.protocolInfo.additionalInfo == "DLNA.ORG_PN=MP3;DLNA.ORG_OP=01")
        #expect(track.isDerived(from: "object.item.audioItem"))
        #expect(!track.isDerived(from: "object.item.audio"))
    }

    @Test func `what was read is written and read again as the same`() throws {
        let page = try DIDLLite(parsing: Self.page)
        #expect(try DIDLLite(parsing: page.serialized()) == page)
    }

    @Test(
        "What real servers get wrong is read as far as it can be",
        arguments: [
            // No namespace declared at all.
            "<DIDL-Lite><item id='1' parentID='0' restricted='1'><dc:title>T</dc:title><upnp:class>object.item</upnp:class></item></DIDL-Lite>",
            // No class, no parent, sizes that are no numbers.
            "<DIDL-Lite xmlns:dc='http://purl.org/dc/elements/1.1/'><item id='1'><dc:title>T</dc:title><res size='-1' duration='?' bitrate='' protocolInfo='x'/></item></DIDL-Lite>",
            // Two titles, an object without an id, a trailing NUL.
            "<DIDL-Lite xmlns:dc='http://purl.org/dc/elements/1.1/'><item/><item id='1'><dc:title>T</dc:title><dc:title>U</dc:title></item></DIDL-Lite>\0",
            // Two prefixes for one namespace, which would be one attribute twice.
            "<DIDL-Lite xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:e='http://purl.org/dc/elements/1.1/'><item id='1'><dc:title e:x='1'>T</dc:title><res dc:y='1' size='x'>u</res></item></DIDL-Lite>",
        ])
    func quirks(text: String) throws {
        let page = try DIDLLite(parsing: text)
        #expect(page.objects.map(\.id) == ["1"])
        #expect(page.objects.map(\.title) == ["T"])
        #expect(try DIDLLite(parsing: page.serialized()) == page)
    }

    @Test func `what is no DIDL-Lite is refused with a sentence`() {
        #expect(throws: DIDLError.unexpectedRoot("html")) { try DIDLLite(parsing: "<html/>") }
        #expect(throws: DIDLError.xml(.documentType)) { try DIDLLite(parsing: "<!DOCTYPE x><DIDL-Lite/>") }
        #expect(throws: DIDLError.xml(.empty)) { try DIDLLite(parsing: "") }
    }

    @Test func `a vendor's own metadata keeps the namespaces that were declared around it`() throws {
        let text = """
            <DIDL-Lite xmlns="urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/" xmlns:r="urn:schemas-rinconnetworks-com:metadata-1-0/">\
            <item id="1" parentID="0" restricted="1"><desc id="cdudn" nameSpace="x"><r:token>RINCON</r:token></desc></item></DIDL-Lite>
            """
        let page = try DIDLLite(parsing: text)
        let descriptor = try #require(page.objects.first?.descriptors.first)
        #expect(descriptor.first("token")?.namespaceURI == "urn:schemas-rinconnetworks-com:metadata-1-0/")
        #expect(try DIDLLite(parsing: page.serialized()) == page)
    }

    @Test func `a filter leaves out what was not asked for, and never what every object has`() throws {
        let page = try DIDLLite(parsing: Self.page)
        let bare = try DIDLLite(parsing: page.serialized(filter: PropertyFilter("")))
        #expect(bare.objects.map(\.title) == page.objects.map(\.title))
        #expect(bare.objects.map(\.objectClass) == page.objects.map(\.objectClass))
        #expect(bare.objects.allSatisfy { $0.properties.isEmpty && $0.resources.isEmpty && $0.childCount == nil })

        let some = try DIDLLite(
            parsing: page.serialized(filter: PropertyFilter("upnp:artist, res@size,container@childCount")))
        #expect(some.objects[0].childCount == 2)
        #expect(some.objects[1].properties.map(\.value) == ["B", "C"])
        #expect(some.objects[1].values(of: "upnp:artist@role").isEmpty)
        #expect(some.objects[1].resources.first?.size == 4_294_967_296)
        #expect(some.objects[1].resources.first?.duration == nil)
        #expect(some.objects[1].resources.first?.protocolInfo.scheme == "http-get")
    }

    @Test(
        "Durations are read in both forms of the standard",
        arguments: [
            ("0:00:00", 0), ("0:03:25.4", 205_400), ("12:00:01.123456", 43_201_123), ("0:00:10.1/4", 10_250),
            ("0:60:00", nil), ("1:2", nil), ("0:00:01.", nil), ("-1:00:00", nil), ("0:00:01.4/4", nil),
            ("99999999999:00:00", nil), ("", nil),
        ] as [(String, Int?)])
    func durations(text: String, milliseconds: Int?) throws {
        let didl = "<DIDL-Lite><item id='1'><res protocolInfo='a:b:c:d' duration='\(text)'/></item></DIDL-Lite>"
        let resource = try #require(try DIDLLite(parsing: didl).objects.first?.resources.first)
        #expect(resource.duration == milliseconds.map { .milliseconds($0) })
    }
}
