import AccessPolicy
import PolicyFile
import Testing

let examplePolicy = """
    # Who may do what in our house.
    policy: 1
    groups:
      family: [alice, bob]
    rooms:
      living-room: ["uuid:00000000-0000-0000-0000-000000000001", "Living*"]
    rules:
      - name: evening-volume
        permit: [SetVolume, GetVolume]
        who: [group:family, role:latchkey:guest, "Bob's phone"]
        via: [own-host, 192.0.2.0/24, 2001:db8::1]
        device: {type: "MediaRenderer:2", room: living-room}
        service: RenderingControl
        arguments:
          DesiredVolume: {max: 40}
          Channel: Master
        when: {days: [mon-fri, sun], hours: ["07:00-22:00", "23:00-01:30"]}
        until: 2026-12-31
        consent: first-use
      - name: films
        preset: watch
        who: everyone
      - {name: no-deletion, deny: ["Destroy*", "action:media"], until: 2027-01-01T18:30}
      - name: one-shelf
        permit: [Browse, Search]
        below: "64$2"
        device: {udn: ["uuid:00000000-0000-0000-0000-000000000002"], name: "NAS \\"big\\" # 1"}
    """

@Suite("A policy's text")
struct PolicyTextTests {
    @Test(arguments: ["192.0.2.20", "192.0.2.0/24", "2001:db8::1"])
    func `an address among the clients is told to stand under via`(address: String) throws {
        let text = "policy: 1\nrules:\n  - name: a\n    permit: everything\n    who: [\"\(address)\"]\n"
        let errors = #expect(throws: PolicyTextErrors.self) { _ = try PolicyText.parse(text) }
        #expect(errors?.errors.first?.line == 5 && errors?.errors.first?.message.contains("under via") == true)
        let named = text.replacing("\"\(address)\"", with: "\"client:\(address)\"")
        #expect(throws: Never.self) { _ = try PolicyText.parse(named) }
    }

    @Test func `an example is read as it is meant`() throws {
        let document = try PolicyText.parse(examplePolicy)
        #expect(document.groups == [.init(name: "family", members: ["alice", "bob"])])
        #expect(document.rooms.map(\.name) == ["living-room"])
        #expect(document.rules.map(\.name) == ["evening-volume", "films", "no-deletion", "one-shelf"])
        #expect(document.rules.map(\.line) == [8, 20, 23, 24])
        let evening = try #require(document.rules.first)
        #expect(evening.operations == [.action("SetVolume"), .action("GetVolume")])
        #expect(evening.who.map(\.text) == ["group:family", "role:latchkey:guest", "Bob's phone"])
        #expect(evening.via.map(\.text) == ["own-host", "192.0.2.0/24", "2001:db8::1/128"])
        #expect(
            evening.arguments == [
                .init(name: "DesiredVolume", test: .range(min: nil, max: 40)),
                .init(name: "Channel", test: .oneOf(["Master"])),
            ])
        #expect(evening.when?.days == [.monday, .tuesday, .wednesday, .thursday, .friday, .sunday])
        #expect(evening.when?.hours == [.init(from: 420, to: 1320), .init(from: 1380, to: 90)])
        #expect(evening.until == PolicyInstant(year: 2026, month: 12, day: 31))
        #expect(evening.consent)
        #expect(document.rules[1].preset == .watch)
        #expect(document.rules[2].effect == .deny)
        #expect(document.rules[2].operations == [.actionPrefix("Destroy"), .action("media")])
        #expect(document.rules[3].below == ["64$2"])
        #expect(document.rules[3].device.name.map(\.text) == ["NAS \"big\" # 1"])
    }

    @Test func `what is written is read again as the same`() throws {
        let document = try PolicyText.parse(examplePolicy)
        let text = PolicyText.write(document)
        let again = try PolicyText.parse(text)
        #expect(again.withoutLines == document.withoutLines)
        #expect(PolicyText.write(again) == text)
    }

    @Test func `texts of every kind survive`() throws {
        let odd = [
            "a: b", "- x", "Tom & Jerry", "é“”", "it's", "\"", "\\", "#", "[", "{}", "yes", "null", "1.5", " a ",
            "a\u{2028}b", "\u{1F600}",
        ]
        let document = PolicyDocument(
            groups: [.init(name: "g", members: odd)], rooms: [.init(name: "1", devices: odd.map { NamePattern($0) })],
            rules: [
                .init(
                    name: "r", operations: [.action("A"), .action("iedia")],
                    who: [.group("g"), .client("everyone"), .client("group:x")],
                    device: .init(udn: odd), below: [])
            ])
        let again = try PolicyText.parse(PolicyText.write(document))
        #expect(again.withoutLines == document)
    }

    @Test(
        "a fault is told with its line, its column and what to write instead",
        arguments: [
            ("", 1, 1, "a policy begins with"),
            ("rules: []", 1, 1, "policy: 1 is missing"),
            ("policy: 2", 1, 9, "version 1"),
            ("policy: 1\nrulez: []", 2, 1, "did you mean rules?"),
            ("policy: 1\nrules:\n  - nam: a\n    permit: [X]", 3, 5, "did you mean name?"),
            ("policy: 1\nrules:\n  - name: a\n    permit: [X]\n    name: b", 3, 5, "only once"),
            (
                "policy: 1\nrules:\n  - name: a\n    permit: [X]\n  - name: a\n    deny: [X]", 5, 5,
                "taken by the rule of line 3"
            ),
            ("policy: 1\nrules:\n  - name: a", 3, 5, "one of permit, deny and preset"),
            ("policy: 1\nrules:\n  - name: a\n    permit: [X]\n    deny: [Y]", 3, 5, "only one of permit, deny"),
            ("policy: 1\nrules:\n  - name: a\n    permit: [evrything]", 4, 14, "did you mean everything?"),
            ("policy: 1\nrules:\n  - name: a\n    preset: wach", 4, 13, "did you mean watch?"),
            (
                "policy: 1\nrules:\n  - name: a\n    permit: [X]\n    who: [group:famly]\ngroups: {family: [a]}", 5, 11,
                "did you mean family?"
            ),
            (
                "policy: 1\ngroups: {family: [a]}\nrules:\n  - name: a\n    permit: [X]\n    who: family", 6, 10,
                "write group:family"
            ),
            ("policy: 1\nrules:\n  - name: a\n    permit: [X]\n    device: {room: attic}", 5, 20, "no room"),
            (
                "policy: 1\nrules:\n  - name: a\n    permit: [X]\n    device: {type: InternetGatewayDevice}", 5, 20,
                "never given"
            ),
            ("policy: 1\nrules:\n  - name: a\n    permit: [X]\n    service: WANIPConnection:1", 5, 14, "never given"),
            (
                "policy: 1\nrules:\n  - name: a\n    permit: [X]\n    arguments: {V: {min: 5, max: 4}}", 5, 20,
                "no number is"
            ),
            ("policy: 1\nrules:\n  - name: a\n    permit: [X]\n    arguments: {V: {max: -4}}", 5, 20, "needs a min"),
            ("policy: 1\nrules:\n  - name: a\n    permit: [X]\n    arguments: {V: {max: 4.5}}", 5, 26, "whole number"),
            (
                "policy: 1\nrules:\n  - name: a\n    permit: [everything]\n    arguments: {V: {max: 4}}", 5, 16,
                "name the actions"
            ),
            ("policy: 1\nrules:\n  - name: a\n    permit: [X]\n    below: a", 5, 12, "Browse, Search"),
            ("policy: 1\nrules:\n  - name: a\n    deny: [discover]", 4, 12, "denying everything"),
            ("policy: 1\nrules:\n  - name: a\n    permit: [X]\n    when: {hours: \"7-8\"}", 5, 19, "07:00-22:00"),
            (
                "policy: 1\nrules:\n  - name: a\n    permit: [X]\n    when: {hours: \"07:00-07:00\"}", 5, 19,
                "hours that end"
            ),
            ("policy: 1\nrules:\n  - name: a\n    permit: [X]\n    when: {days: [mo]}", 5, 19, "mon, tue"),
            ("policy: 1\nrules:\n  - name: a\n    permit: [X]\n    until: 2026-02-30", 5, 12, "no day"),
            ("policy: 1\nrules:\n  - name: a\n    permit: [X]\n    via: ownhost", 5, 10, "did you mean own-host?"),
            ("policy: 1\nrules:\n  - name: a\n    permit: [X]\n    who: []", 5, 10, "empty list"),
            ("policy: 1\nrules: [&a b]", 2, 9, "anchors"),
            ("policy: 1\nrules: [*a]", 2, 9, "not YAML"),
            ("policy: 1\nrules:\n\t- name: a", 3, 1, "not YAML"),
            ("policy: 1\n---\npolicy: 1", 2, 1, "not YAML"),
        ])
    func faults(text: String, line: Int, column: Int, fragment: String) throws {
        let errors = try #require(throws: PolicyTextErrors.self) { try PolicyText.parse(text) }.errors
        let fits = errors.contains { $0.line == line && $0.column == column && $0.message.contains(fragment) }
        #expect(fits, "\(errors)")
    }

    @Test func `all faults are told at once, by line`() throws {
        let text = "policy: 1\nrules:\n  - name: a b\n    permit: [X]\n    vai: x\n    until: never\n  - permit: []\n"
        let errors = try #require(throws: PolicyTextErrors.self) { try PolicyText.parse(text) }.errors
        #expect(errors.map(\.line) == [3, 5, 6, 7, 7])
    }

    @Test(
        "what would blow up is refused in time",
        arguments: [
            String(repeating: "[", count: 200_000), String(repeating: "- ", count: 200_000),
            String(repeating: "{a: ", count: 50_000), String(repeating: "? ", count: 50_000),
            "policy: 1\n" + String(repeating: "#", count: 1 << 20),
            "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n? *c : 1\n",
            "policy: 1\nrules: [" + String(repeating: "{}, ", count: 3000) + "]",
            "policy: 1\nrules:\n" + String(repeating: "  - {nme: x}\n", count: 2000),
        ])
    func bombs(text: String) {
        let errors = #expect(throws: PolicyTextErrors.self) { try PolicyText.parse(text) }?.errors ?? []
        #expect((1...64).contains(errors.count))
    }
}
