import NIOCore
import NetworkTypes
import RelayProtocol
import Testing

@Suite("ClientHello")
struct ClientHelloTests {
    @Test("A plain hello is read as it was written")
    func plain() {
        var random = SeededGenerator(seed: 1)
        let ticket = RelayTicket(using: &random)
        var reader = ClientHelloReader()
        let step = reader.feed(PlainHello.record(ticket: ticket, purpose: .answer, using: &random))
        #expect(step == .hello(ClientHello(serverName: "\(ticket).relay.invalid", protocols: ["latchkey-answer/1"])))
        #expect(RelayTicket(serverName: "\(ticket).relay.invalid") == ticket)
    }
}
