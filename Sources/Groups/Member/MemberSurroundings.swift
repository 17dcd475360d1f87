package import Logging
package import NIOCore
import NIOPosix
package import NIOUPnP
import SUPnP

/// What the members of one process share: its event loops, the search for controllers, and how many of them register
/// at one time.
package struct MemberSurroundings: Sendable {
    /// What members live on.
    package let eventLoopGroup: any EventLoopGroup
    /// Where they log.
    package let logger: Logger
    /// Bounds how many of them register at one time: stretching a code takes a core for a while, and whoever waits
    /// for it longer than the key manager's patience begins again.
    let registrations: TaskGate
    /// Looks for controllers for all of them, run by their owner; nil when each looks for itself.
    let finder: ControllerFinder?
    /// Follows the interfaces for all of them, run by their owner; nil when each does so itself.
    let monitor: InterfaceMonitor?

    /// Surroundings of one member.
    package init(eventLoopGroup: (any EventLoopGroup)? = nil, logger: Logger) {
        self.eventLoopGroup = eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton
        self.logger = logger
        registrations = TaskGate(limit: 8, queue: 1)
        finder = nil
        monitor = nil
    }

    /// Surroundings of many members: whoever makes them runs `finder`, if there is one, and `monitor`. `registrations`
    /// is how many of them register at one time; most of a registration is waiting, where codes are stretched quickly.
    package init(
        sharing finder: ControllerFinder?, monitor: InterfaceMonitor, eventLoopGroup: any EventLoopGroup,
        registrations: Int = 8, logger: Logger
    ) {
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
        self.registrations = TaskGate(limit: registrations, queue: .max)
        self.finder = finder
        self.monitor = monitor
    }
}

/// Hears everything of one member: on its event loop and without a buffer that may overflow, so it must not wait.
package struct MemberObserver: Sendable {
    /// Something has happened to the membership.
    package var event: @Sendable (GroupEvent) -> Void = { _ in }
    /// A service comes or goes.
    package var service: @Sendable (GroupServiceChange) -> Void = { _ in }

    /// Hears nothing.
    package init() {}
}
