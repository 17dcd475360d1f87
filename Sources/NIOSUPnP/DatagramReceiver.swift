internal import NIOCore
internal import NetworkTypes
internal import SUPnP

/// Whoever datagrams are for, on the event loop.
protocol DatagramSink: AnyObject {
    /// A datagram was received.
    func received(_ bytes: [UInt8], from source: SocketEndpoint)
    /// No more is there at the moment.
    func batchEnded()
}

/// Takes a socket's datagrams out of its channel.
final class DatagramReceiver: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let sink: any DatagramSink

    init(sink: any DatagramSink) { self.sink = sink }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        let bytes = envelope.data.readableBytesView
        // Longer ones were cut, and are nobody's.
        guard bytes.count <= WireSizes.maximumDatagram,
            let source = SocketEndpoint(socketAddress: envelope.remoteAddress), source.port != 0
        else { return }
        guard let size = envelope.metadata?.segmentSize, size > 0, size < bytes.count else {
            return sink.received(Array(bytes), from: source)
        }
        // A run of datagrams of one size, the last one shorter perhaps, which the system has left together.
        var rest = bytes
        while !rest.isEmpty {
            sink.received(Array(rest.prefix(size)), from: source)
            rest = rest.dropFirst(size)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { sink.batchEnded() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A datagram socket outlives a failed read; the channel closes itself when it cannot go on.
    }
}
