import Testing
import UPnP

@Suite("Documents of DeviceProtection")
struct ProtectionDocumentTests {
    @Test func `the protocols are read in any order and written in the schema's`() throws {
        let text = """
            <SupportedProtocols><Login><Name> PKCS5 </Name></Login><Introduction><Name>WPS</Name></Introduction>\
            </SupportedProtocols>
            """
        let read = try SupportedProtocols(parsing: text)
        #expect(read == SupportedProtocols())
        let written = read.serialized()
        let end = "<Introduction><Name>WPS</Name></Introduction><Login><Name>PKCS5</Name></Login></SupportedProtocols>"
        #expect(written.hasSuffix(end), "\(written)")
        #expect(written.contains("xmlns=\"urn:schemas-upnp-org:gw:DeviceProtection\""))
    }

    @Test func `an ACL is written as the schema orders it`() throws {
        let acl = ACLDocument(
            identities: [
                .init(user: "Ann & Bob", roles: ["Public", "Admin"]),
                .init(controlPoint: "id", name: "phone", alias: "mine", introduced: true, roles: ["Basic"]),
            ], roles: ["Public", "Basic", "Admin"])
        let text = acl.serialized()
        #expect(
            text.hasSuffix(
                """
                <ACL xmlns="urn:schemas-upnp-org:gw:DeviceProtection"><Identities><User><Name>Ann &amp; Bob</Name>\
                <RoleList>Public Admin</RoleList></User><CP introduced="1"><Name>phone</Name><Alias>mine</Alias>\
                <ID>id</ID><RoleList>Basic</RoleList></CP></Identities><Roles><Role><Name>Public</Name></Role><Role>\
                <Name>Basic</Name></Role><Role><Name>Admin</Name></Role></Roles></ACL>
                """), "\(text)")
        #expect(try ACLDocument(parsing: text) == acl)
    }

    @Test func `an identity is one user or one control point, and no more`() throws {
        let user = try IdentityDocument(parsing: "<Identity><User><Name>Ann</Name></User></Identity>")
        #expect(user.identity.kind == .user && user.identity.name == "Ann")
        for bad in [
            "<Identity/>", "<Identity><CP><Name>no id</Name></CP></Identity>",
            "<Identity><User><Name>A</Name></User><User><Name>B</Name></User></Identity>",
        ] {
            #expect(throws: ProtectionDocumentError.notOneIdentity) { try IdentityDocument(parsing: bad) }
        }
        #expect(throws: ProtectionDocumentError.unexpected("ACL")) { try IdentityDocument(parsing: "<ACL/>") }
        #expect(throws: ProtectionDocumentError.malformed(.documentType)) {
            try IdentityDocument(parsing: "<!DOCTYPE a []><Identity/>")
        }
    }

    @Test func `a list of too many is refused rather than cut`() {
        let user = "<User><Name>u</Name></User>"
        let many = String(repeating: user, count: ProtectionDocument.maximumIdentities + 1)
        #expect(throws: ProtectionDocumentError.tooMany("identities")) {
            try IdentityListDocument(parsing: "<Identities>\(many)</Identities>")
        }
    }

    @Test func `roles of an identity list mean nothing`() throws {
        let list = try IdentityListDocument(
            parsing:
                "<Identities><CP introduced=\"1\"><Name>n</Name><ID>i</ID><RoleList>Admin</RoleList></CP></Identities>")
        #expect(list.identities.first?.roles == nil)
        #expect(list.identities.first?.introduced == true)
        #expect(!list.serialized().contains("RoleList"))
    }
}
