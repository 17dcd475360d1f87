import Glibc
import NetworkTypes
import UPnP

/// Reads and answers datagrams without a network around it, for counting what each costs:
///
///     ssdp-parse-bench alive COUNT HEADERS     parse an ssdp:alive of that many headers
///     ssdp-parse-bench search COUNT HEADERS    parse an M-SEARCH of that many headers
///     ssdp-parse-bench unknown COUNT HEADERS   refuse a request of that many headers
///     ssdp-parse-bench answer COUNT DEVICES    parse an M-SEARCH and make its answer, one of so many devices
///
/// COUNT 0 measures the program's start, to be subtracted.
struct SSDPParseBench {
    var count: Int

    static func datagram(_ kind: String, headers: Int) -> [UInt8] {
        let own =
            switch kind {
            case "alive":
                [
                    "NOTIFY * HTTP/1.1", "HOST: 239.255.255.250:1900", "CACHE-CONTROL: max-age=1800",
                    "LOCATION: http://192.0.2.17:49152/rootDesc.xml", "SERVER: Linux/6.1 UPnP/2.0 Product/1.0",
                    "NT: urn:schemas-upnp-org:device:DimmableLight:1", "NTS: ssdp:alive",
                    "USN: uuid:9a3e7c50-1111-4222-8333-444455556666::urn:schemas-upnp-org:device:DimmableLight:1",
                    "BOOTID.UPNP.ORG: 17", "CONFIGID.UPNP.ORG: 4",
                ]
            case "search":
                [
                    "M-SEARCH * HTTP/1.1", "HOST: 239.255.255.250:1900", "MAN: \"ssdp:discover\"", "MX: 3",
                    "ST: urn:schemas-upnp-org:device:DimmableLight:1",
                ]
            default: ["GET / HTTP/1.1", "HOST: 239.255.255.250:1900"]
            }
        let more = (own.count - 1..<max(headers, own.count - 1)).map { "X-VENDOR-HEADER-\($0): a value of some length" }
        return Array(((own + more).joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }

    func parse(_ kind: String, headers: Int) -> Int {
        let datagram = Self.datagram(kind, headers: headers)
        var read = 0
        for _ in 0..<count where (try? SSDPMessage(parsing: datagram)) != nil { read += 1 }
        return read
    }

    func answer(devices: Int) -> Int {
        var configuration = AdvertiserConfiguration()
        (configuration.sourceBurst, configuration.globalBurst) = (1 << 40, 1 << 40)
        configuration.byebyeFirst = false
        var advertiser = Advertiser(configuration: configuration)
        var rng = SeededGenerator(seed: 1)
        var now = ContinuousClock.now
        for index in 0..<devices {
            let root = AdvertisedDevice(
                udn: "uuid:9a3e7c50-1111-4222-8333-\(444_455_550_000 + index)",
                deviceType: "urn:schemas-upnp-org:device:\(index == 0 ? "DimmableLight" : "Other"):1",
                serviceTypes: ["urn:schemas-upnp-org:service:SwitchPower:1"])
            let advertisement = Advertisement(
                root: root, location: "http://192.0.2.17:49152/\(index).xml", server: "Linux/6.1 UPnP/2.0 Product/1.0",
                bootID: 1, configID: 1)
            advertiser.add(advertisement, now: now, using: &rng)
        }
        for _ in 0..<3 {
            now += .milliseconds(300)
            _ = advertiser.tick(now: now, using: &rng)
        }
        let datagram = Self.datagram("search", headers: 4)
        let asker = SocketEndpoint(.v4(IPv4Address(192, 0, 2, 50)), port: 40_000)
        var answered = 0
        for _ in 0..<count {
            guard case .search(let search)? = try? SSDPMessage(parsing: datagram) else { continue }
            advertiser.handle(search, from: asker, wasMulticast: false, now: now, using: &rng)
            now += .milliseconds(100)
            answered += advertiser.tick(now: now, using: &rng).count
        }
        return answered
    }
}

let arguments = CommandLine.arguments.dropFirst()
guard arguments.count == 3, let kind = arguments.first, let count = Int(CommandLine.arguments[2]),
    let size = Int(CommandLine.arguments[3])
else {
    print("usage: ssdp-parse-bench alive|search|unknown|answer COUNT HEADERS-OR-DEVICES")
    exit(2)
}
let bench = SSDPParseBench(count: count)
let clock = ContinuousClock()
var done = 0
let elapsed = clock.measure { done = kind == "answer" ? bench.answer(devices: size) : bench.parse(kind, headers: size) }
let each = count > 0 ? Int(elapsed / .nanoseconds(1)) / count : 0
print("\(kind) \(size): \(count) datagrams, \(done) done, \(each) ns each")
