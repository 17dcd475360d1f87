internal import NIOCore
internal import NIOHPACK
internal import NIOHTTP2

/// Answers an exchange of a peer that may not come in: 403 and why (RFC 9457).
final class RefusalHandler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private let sentence: String

    init(_ sentence: String) {
        self.sentence = sentence
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .headers(let frame) = unwrapInboundIn(data) else { return }
        let body = Problem.refused(sentence)
        let headers: HPACKHeaders = [
            ":status": "403", "content-type": Problem.mediaType, "content-length": "\(body.readableBytes)",
        ]
        context.write(wrapOutboundOut(.headers(.init(headers: headers))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.data(.init(data: .byteBuffer(body), endStream: true))), promise: nil)
        if !frame.endStream {
            // The rest of the request is not wanted (RFC 9113 §8.1).
            context.writeAndFlush(wrapOutboundOut(.rstStream(.noError)), promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}

/// Ends a refused connection on its first error.
final class RefusedConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .goAway = unwrapInboundIn(data).payload else { return }
        ConnectionCore.closeBeneathTLS(context.channel)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !(error is NIOHTTP2Errors.StreamClosed) { ConnectionCore.closeBeneathTLS(context.channel) }
    }
}

/// Problem details as JSON (RFC 9457), as much of them as the transport itself sends.
enum Problem {
    static let mediaType = "application/problem+json"

    static func refused(_ sentence: String) -> ByteBuffer {
        ByteBuffer(string: #"{"type":"https://latchkey/refused","title":""# + escaped(sentence) + #"","status":403}"#)
    }

    /// The title of a document that `refused` made; nil if there is none.
    static func title(_ body: ByteBuffer) -> String? {
        let text = String(buffer: body)
        guard let key = text.firstRange(of: #""title":""#) else { return nil }
        var title = ""
        var rest = text[key.upperBound...].makeIterator()
        while let character = rest.next() {
            switch character {
            case "\"": return title
            case "\\": if let next = rest.next() { title.append(next) }
            default: title.append(character)
            }
        }
        return nil
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case _ where scalar.value < 0x20: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
