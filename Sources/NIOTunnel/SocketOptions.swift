internal import Glibc
internal import NIOCore
internal import Tunnel

/// What TCP is told about a connection.
enum SocketOptions {
    /// Options of every connection of a tunnel, as its channel is made.
    static func apply(to channel: any Channel) throws {
        guard let options = channel.syncOptions else { return }
        try options.setOption(.tcpOption(.tcp_nodelay), value: 1)
        try options.setOption(.writeBufferWaterMark, value: .init(low: 32 << 10, high: 64 << 10))
        try options.setOption(
            .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 2048, maximum: 16 << 10))
        try options.setOption(.maxMessagesPerRead, value: 1)
    }

    /// Options that depend on what the connection is for.
    static func apply(_ settings: ConnectionSettings, _ purpose: ConnectionPurpose, to channel: any Channel) {
        guard let options = channel.syncOptions else { return }
        let high = settings.sendBuffer
        try? options.setOption(.writeBufferWaterMark, value: .init(low: high / 2, high: high))
        if purpose == .media {
            try? options.setOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 64 << 10, maximum: 128 << 10)
            )
        }
        #if os(Linux)
            // TCP_NOTSENT_LOWAT (25): little unsent data in the kernel, so that what is chosen last goes first.
            try? options.setOption(.tcpOption(.init(rawValue: 25)), value: settings.unsentLimit)
            // Best effort: many networks clear the mark. RFC 4594: low-latency data, and low priority (RFC 8622).
            let mark = purpose == .media ? 1 << 2 : 18 << 2
            // IP_TOS (1) and IPV6_TCLASS (67).
            switch channel.remoteAddress {
            case .v4: try? options.setOption(.ipOption(.init(rawValue: 1)), value: mark)
            case .v6:
                try? options.setOption(
                    ChannelOptions.Types.SocketOption(level: .ipv6, name: .init(rawValue: 67)), value: mark)
            default: break
            }
        #endif
    }

    /// Closing resets the connection and drops what was not sent (SO_LINGER with no time), also with a peer that
    /// takes nothing.
    static func resetAtClose(_ channel: any Channel) {
        // On the event loop it is done when this returns; a socket that is gone already needs it no more.
        _ = (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
    }
}
