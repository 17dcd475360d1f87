internal import Glibc
internal import NIOCore
internal import NIOPosix

/// The kernel's messages about links and addresses, rtnetlink(7). What they say is not read: they say that the
/// table is worth another look.
enum RouteSocket {
    private static let family: UInt16 = 16
    /// RTMGRP_LINK, RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR.
    private static let groups: UInt32 = 0x1 | 0x10 | 0x100
    /// `struct sockaddr_nl`, for which Swift's Glibc has no name.
    private static let addressBytes = 12

    static func open(
        on eventLoop: any EventLoop, message: @escaping @Sendable () -> Void, closed: @escaping @Sendable () -> Void
    ) async throws -> any Channel {
        let descriptor = try bind()
        do {
            let channel = try await NIOPipeBootstrap(group: eventLoop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Handler(message: message, closed: closed))
                    }
                }
                .takingOwnershipOfDescriptor(input: descriptor).get()
            return channel
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    private static func bind() throws -> CInt {
        let type = CInt(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = Glibc.socket(CInt(family), type, 0)
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket(AF_NETLINK)") }
        // A full buffer loses messages and is no error: those that are left say the same.
        var noOverrunErrors: CInt = 1
        setsockopt(descriptor, 270, 5, &noOverrunErrors, socklen_t(MemoryLayout<CInt>.size))
        var address = [UInt8](repeating: 0, count: addressBytes)
        let bound = address.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: family, as: UInt16.self)
            bytes.storeBytes(of: groups, toByteOffset: 8, as: UInt32.self)
            return bytes.withMemoryRebound(to: sockaddr.self) {
                Glibc.bind(descriptor, $0.baseAddress, socklen_t(addressBytes))
            }
        }
        guard bound == 0 else {
            let error = IOError(errnoCode: errno, reason: "bind(AF_NETLINK)")
            Glibc.close(descriptor)
            throw error
        }
        return descriptor
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let message: @Sendable () -> Void
        private let closed: @Sendable () -> Void

        init(message: @escaping @Sendable () -> Void, closed: @escaping @Sendable () -> Void) {
            self.message = message
            self.closed = closed
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { message() }

        func channelInactive(context: ChannelHandlerContext) {
            closed()
            context.fireChannelInactive()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
