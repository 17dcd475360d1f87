internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import NetworkTypes

/// A UDP socket. Datagrams of one size and one way leave in one call, and arrive so, where the kernel can (`UDP_SEGMENT`,
/// `UDP_GRO`).
final class UDPOutlet: DatagramOutlet {
    private let channel: any Channel
    let local: SocketAddress
    private weak var endpoint: QUICEndpoint?

    init(_ channel: any Channel, local: SocketAddress, endpoint: QUICEndpoint) {
        self.channel = channel
        self.local = local
        self.endpoint = endpoint
    }

    /// Opens a socket on a loop, whose datagrams go to `endpoint`.
    static func open(_ address: SocketAddress, endpoint: QUICEndpoint) -> EventLoopFuture<any DatagramOutlet> {
        let loop = endpoint.loop
        let bound = NIOLoopBound(endpoint, eventLoop: loop)
        let opened = DatagramBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try setOptions(channel, address)
                    try channel.pipeline.syncOperations.addHandler(UDPHandler(bound.value))
                }
            }
            .bind(to: address)
        let promise = loop.makePromise(of: (any DatagramOutlet).self)
        opened.assumeIsolated().whenComplete { result in
            promise.assumeIsolated().completeWith(
                result.flatMap { channel in
                    Result {
                        let handler = try channel.pipeline.syncOperations.handler(type: UDPHandler.self)
                        let outlet = UDPOutlet(channel, local: channel.localAddress ?? address, endpoint: endpoint)
                        handler.outlet = outlet
                        return outlet
                    }
                })
        }
        return promise.futureResult
    }

    private static func setOptions(_ channel: any Channel, _ address: SocketAddress) throws {
        guard let options = channel.syncOptions else { return }
        try options.setOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 64 << 10))
        if System.supportsUDPReceiveOffload {
            try? options.setOption(.datagramReceiveOffload, value: true)
            try? options.setOption(.datagramReceiveSegmentSize, value: true)
        }
        // As much as the host grants: a burst of a whole window is no reason to lose datagrams.
        try? options.setOption(.socketOption(.so_rcvbuf), value: 4 << 20)
        try? options.setOption(.socketOption(.so_sndbuf), value: 1 << 20)
        try options.setOption(.writeBufferWaterMark, value: .init(low: 128 << 10, high: 256 << 10))
        #if os(Linux)
            // IP_MTU_DISCOVER (10) and IPV6_MTU_DISCOVER (23), PROBE (3): datagrams are never fragmented (RFC 9000
            // §14.2), and their size is found by probing alone.
            switch address {
            case .v4: try? options.setOption(.ipOption(.init(rawValue: 10)), value: 3)
            case .v6:
                try? options.setOption(
                    ChannelOptions.Types.SocketOption(level: .ipv6, name: .init(rawValue: 23)), value: 3)
            default: break
            }
        #endif
    }

    var ends: (local: SocketEndpoint, remote: SocketEndpoint)? { nil }
    var isWritable: Bool { channel.isWritable }
    var maximumDatagramSize: Int? { nil }

    func write(_ datagrams: ByteBuffer, segment: Int, to remote: SocketAddress) {
        guard datagrams.readableBytes > segment else {
            channel.write(AddressedEnvelope(remoteAddress: remote, data: datagrams), promise: nil)
            return
        }
        guard System.supportsUDPSegmentationOffload, endpoint?.mayBatch == true else {
            var rest = datagrams
            while let datagram = rest.readSlice(length: min(segment, rest.readableBytes)), datagram.readableBytes > 0 {
                channel.write(AddressedEnvelope(remoteAddress: remote, data: datagram), promise: nil)
            }
            return
        }
        let metadata = AddressedEnvelope<ByteBuffer>.Metadata(
            ecnState: .transportNotCapable, packetInfo: nil, segmentSize: segment)
        let written = channel.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenFailure { [weak endpoint] error in
            // A device that computes no checksums refuses with EIO. NIO has closed the socket; the next one does without.
            if let error = error as? IOError, error.errnoCode == EIO || error.errnoCode == EINVAL {
                endpoint?.mayBatch = false
            }
        }
        channel.write(AddressedEnvelope(remoteAddress: remote, data: datagrams, metadata: metadata), promise: written)
    }

    func flush() { channel.flush() }
    func close() { channel.close(promise: nil) }
}

/// Hands a socket's datagrams to its endpoint.
final class UDPHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let endpoint: QUICEndpoint
    var outlet: UDPOutlet?

    init(_ endpoint: QUICEndpoint) {
        self.endpoint = endpoint
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let outlet else { return }
        let envelope = unwrapInboundIn(data)
        let now = QUICConnection.now
        let segment = max(envelope.metadata?.segmentSize ?? envelope.data.readableBytes, 1)
        envelope.data.withUnsafeReadableBytes { bytes in
            endpoint.receive(
                bytes, segment: segment, local: outlet.local, remote: envelope.remoteAddress, now: now)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        endpoint.settle()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { endpoint.resume() }
    }

    /// An unreachable peer, and such: QUIC learns of it by silence.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}

    func channelInactive(context: ChannelHandlerContext) {
        if let outlet { endpoint.lost(outlet) }
        outlet = nil
        context.fireChannelInactive()
    }
}
