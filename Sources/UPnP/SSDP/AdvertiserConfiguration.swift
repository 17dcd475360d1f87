/// Timing and limits of an ``Advertiser``.
public struct AdvertiserConfiguration: Sendable, Hashable {
    /// The group's `address:port`, written into HOST.
    public var host = "239.255.255.250:1900"
    /// The first set waits a random time up to this (UDA 2.0 §1.2.2: 100 ms).
    public var initialDelay: Duration = .milliseconds(100)
    /// How often a set is sent when a device is added: 1 to 3 (UDA 2.0 §1.2.2); anything else counts as those.
    public var repetitions = 3
    /// Between two repetitions.
    public var repetitionInterval: Duration = .milliseconds(300)
    /// How often a byebye set is sent; the first goes out at once.
    public var byebyeRepetitions = 2
    /// Whether byebyes precede a device's first set, for the case that an earlier run left no byebye (UDA 2.0
    /// §1.2.2). Not for a stand-in of a device that may be on the link itself.
    public var byebyeFirst = true
    /// The longest MX that is honoured, seconds (UDA 2.0 §1.3.3: 5).
    public var longestWait = 5
    /// A unicast search is answered within a random time up to this; UDA 2.0 §1.3.3 allows 1 s.
    public var unicastDelay: Duration = .milliseconds(100)
    /// Answers that are due within so much of each other leave together, none later than its time: one wake-up
    /// and one system call for many.
    public var answerCoalescing: Duration = .milliseconds(10)
    /// Answers to one address: how many at once.
    public var sourceBurst = 400
    /// Answers to one address: how many a second from then on.
    public var sourceRate = 100
    /// Answers to all: how many at once.
    public var globalBurst = 2000
    /// Answers to all: how many a second from then on.
    public var globalRate = 500
    /// How many bytes the answers to one search may have together. The default is room for one answer of each of
    /// ``maximumDevices``.
    public var answerBytesPerSearch = 128 * 1024
    /// Whether a search with TCPPORT is answered by ``Advertiser/Transmission/stream(_:to:)``.
    public var answersOverTCP = true
    /// Searches answered over TCP: how many at once; the others are answered by datagrams.
    public var streamBurst = 16
    /// Searches answered over TCP: how many a second from then on.
    public var streamRate = 4
    /// How many addresses the source limit tells apart.
    public var maximumSources = 256
    /// How many answers may wait for their time.
    public var pendingAnswers = 2048
    /// How many root devices are advertised.
    public var maximumDevices = 256
    /// How many messages of a device's set are sent.
    public var maximumTargets = 128

    /// UDA's timing, and limits for a busy home.
    public init() {}

    var repetitionsAllowed: Int { min(max(repetitions, 1), 3) }
}
