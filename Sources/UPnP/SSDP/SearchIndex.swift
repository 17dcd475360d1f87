/// Finds what answers a search without looking at each target.
struct SearchIndex: Sendable {
    /// A target of the device at that position.
    struct Match: Hashable, Sendable {
        var device: Int
        var answer: AnsweredDevice.Answer
    }

    private struct Place: Sendable {
        var device: Int
        var target: Int
        /// 0 for what has no version.
        var version: Int
    }

    private let all: [Place]
    /// By a type without its version, or by the very text of what has none.
    private let places: [Substring: [Place]]
    private let devices: [UInt64: Int]

    init(_ devices: [AnsweredDevice]) {
        var all: [Place] = []
        var places: [Substring: [Place]] = [:]
        for (index, device) in devices.enumerated() {
            for (target, advertised) in device.targets.enumerated() {
                let (key, version) =
                    SearchTarget.splitType(advertised.notificationType) ?? (advertised.notificationType[...], 0)
                let place = Place(device: index, target: target, version: version)
                all.append(place)
                places[key, default: []].append(place)
            }
        }
        self.all = all
        self.places = places
        self.devices = Dictionary(uniqueKeysWithValues: devices.enumerated().map { ($1.id, $0) })
    }

    /// Where the device with that id is.
    func device(_ id: UInt64) -> Int? { devices[id] }

    /// Hands over what matches the text of an ST, in the order of the sets, until `body` returns false.
    func forEachMatch(_ text: String, _ body: (Match) -> Bool) {
        if text == "ssdp:all" {
            for place in all {
                guard body(Match(device: place.device, answer: .init(target: place.target))) else { return }
            }
            return
        }
        let (key, version) = SearchTarget.splitType(text) ?? (text[...], 0)
        for place in places[key] ?? [] where place.version >= version && (place.version > 0) == (version > 0) {
            let asked = place.version == version ? 0 : version
            guard body(Match(device: place.device, answer: .init(target: place.target, version: asked))) else { return }
        }
    }
}
