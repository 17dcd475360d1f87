internal import NIOCore
internal import NIOHTTP2

extension ConnectionSettings {
    /// RFC 9113 §6.9.2. More is given to each stream as it begins: a larger initial window would make
    /// NIOHTTP2 give room by itself to the streams that are older than the peer's SETTINGS acknowledgement.
    static let defaultWindow = 65_535

    var connection: NIOHTTP2Handler.ConnectionConfiguration {
        var configuration = NIOHTTP2Handler.ConnectionConfiguration()
        configuration.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: streams),
            HTTP2Setting(parameter: .initialWindowSize, value: min(streamWindow, Self.defaultWindow)),
            HTTP2Setting(parameter: .maxFrameSize, value: max(maximumFrame, 16 << 10)),
            HTTP2Setting(parameter: .maxHeaderListSize, value: 16 << 10),
            HTTP2Setting(parameter: .enablePush, value: 0),
        ]
        configuration.targetWindowSize = connectionWindow
        configuration.maximumBufferedControlFrames = 1_000
        // Resets are limited by rate; a limit on their sum would end every connection that lives long enough.
        configuration.maximumConnectionGlitches = .max
        configuration.maximumRecentlyResetStreams = 64
        configuration.maximumSequentialEmptyDataFrames = 8
        // Pings and their answers come a few in this time; NIOHTTP2 keeps a place for each that may come.
        configuration.controlFrameRateLimit.maximumCount = 64
        configuration.controlFrameRateLimit.windowLength = .seconds(10)
        return configuration
    }

    var stream: NIOHTTP2Handler.StreamConfiguration {
        var configuration = NIOHTTP2Handler.StreamConfiguration()
        // None: NIOHTTP2 would give room for what it has delivered, and what waits in it until it is
        // asked for makes it copy its whole buffer at each read. Whoever reads a body gives the room.
        configuration.targetWindowSize = 0
        configuration.outboundBufferSizeHighWatermark = sendBuffer
        configuration.outboundBufferSizeLowWatermark = sendBuffer / 2
        configuration.streamResetFrameRateLimit.maximumCount = resets
        configuration.streamResetFrameRateLimit.windowLength = resetWindow
        configuration.streamErrorRateLimit.maximumCount = resets
        configuration.streamErrorRateLimit.windowLength = resetWindow
        return configuration
    }
}
