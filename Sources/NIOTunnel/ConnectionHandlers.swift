internal import NIOCore
internal import NIOHTTP2
internal import Tunnel

/// Between TLS and HTTP/2: notes that the peer lives, and the connection's end before its streams learn of it.
final class ActivityHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let core: ConnectionCore
    /// When NIOSSL's buffer was last filled, until its unused part has been given back; the handshake counts.
    private var lastLarge: NIODeadline? = .now()

    init(core: ConnectionCore) {
        self.core = core
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        core.heard()
        let bytes = unwrapInboundIn(data)
        guard bytes.readableBytes <= 4 << 10 else {
            lastLarge = .now()
            context.fireChannelRead(data)
            return
        }
        // NIOHTTP2 holds on to the first bytes it reads. While they are part of NIOSSL's buffer, the next
        // read makes that one a second 32 KiB: an idle connection would pay it for a ping.
        var copy = context.channel.allocator.buffer(capacity: bytes.readableBytes)
        copy.writeImmutableBuffer(bytes)
        if let lastLarge, NIODeadline.now() - lastLarge > .seconds(1) {
            self.lastLarge = nil
            SparseBuffers.release(unusedPartOf: bytes)
        }
        context.fireChannelRead(wrapInboundOut(copy))
    }

    func channelInactive(context: ChannelHandlerContext) {
        core.inactive()
        context.fireChannelInactive()
    }
}

/// Between TCP and TLS of a session's first connection: gives back what NIOSSL's write buffer does not need.
final class ThriftHandler: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var lastLarge: NIODeadline? = .now()

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let bytes = unwrapOutboundIn(data)
        if bytes.readableBytes > 2 << 10 {
            lastLarge = .now()
        } else if let lastLarge, NIODeadline.now() - lastLarge > .seconds(1) {
            self.lastLarge = nil
            SparseBuffers.release(unusedPartOf: bytes)
        }
        context.write(data, promise: promise)
    }
}

/// Behind HTTP/2: the frames of the connection itself, its errors, and room to write.
final class ControlFrameHandler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame

    private let core: ConnectionCore

    init(core: ConnectionCore) {
        self.core = core
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .goAway(_, let code, _) = unwrapInboundIn(data).payload else { return }
        core.connection?.close(CarrierEnd(goAway: code))
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        core.pump()
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !error.isOfOneStream else { return }
        core.connection?.close(.failed("The connection failed: \(error)"))
    }
}

extension Error {
    /// NIOHTTP2 reports an error of a stream to its connection too, where it changes nothing: the stream
    /// has been told, and frames that cross a reset on the wire are no fault.
    fileprivate var isOfOneStream: Bool {
        switch self {
        case is NIOHTTP2Errors.StreamClosed, is NIOHTTP2Errors.NoSuchStream, is NIOHTTP2Errors.StreamError,
            is NIOHTTP2Errors.BadStreamStateTransition, is NIOHTTP2Errors.MaxStreamsViolation,
            is NIOHTTP2Errors.ContentLengthViolated, is NIOHTTP2Errors.ContentLengthHeadersMismatch,
            is NIOHTTP2Errors.ContentLengthHeaderNegative, is NIOHTTP2Errors.ContentLengthHeaderMalformedValue,
            is NIOHTTP2Errors.MissingPseudoHeader, is NIOHTTP2Errors.DuplicatePseudoHeader,
            is NIOHTTP2Errors.PseudoHeaderAfterRegularHeader, is NIOHTTP2Errors.UnknownPseudoHeader,
            is NIOHTTP2Errors.UnsupportedPseudoHeader, is NIOHTTP2Errors.InvalidPseudoHeaders,
            is NIOHTTP2Errors.InvalidPseudoHeaderValue, is NIOHTTP2Errors.MissingHostHeader,
            is NIOHTTP2Errors.DuplicateHostHeader, is NIOHTTP2Errors.EmptyPathHeader,
            is NIOHTTP2Errors.InvalidStatusValue, is NIOHTTP2Errors.TrailersWithoutEndStream,
            is NIOHTTP2Errors.InvalidHTTP2HeaderFieldName, is NIOHTTP2Errors.InvalidHTTP2HeaderFieldValue,
            is NIOHTTP2Errors.ForbiddenHeaderField:
            true
        default: false
        }
    }
}
