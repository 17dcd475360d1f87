// swift-tools-version: 6.2
import PackageDescription

// Programs on the public API of Latchkey's libraries, as an app of yours would use them: in a package of
// its own, with a dependency on this one.
let latchkey: [Target.Dependency] = [
    .product(name: "UPnP", package: "latchkey"), .product(name: "NIOUPnP", package: "latchkey"),
]
let groups: Target.Dependency = .product(name: "Groups", package: "latchkey")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .treatAllWarnings(as: .error), .enableUpcomingFeature("ExistentialAny"),
]

let package = Package(
    name: "latchkey-examples",
    dependencies: [
        .package(name: "latchkey", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        .target(
            name: "Support", dependencies: [.product(name: "UnixSignals", package: "swift-service-lifecycle")],
            path: "Support", swiftSettings: settings
        ),
        .executableTarget(
            name: "dimmable-light", dependencies: latchkey + ["Support"], path: "DimmableLight",
            exclude: ["README.md"], swiftSettings: settings
        ),
        .target(name: "FolderMedia", dependencies: latchkey, path: "MediaServer/FolderMedia", swiftSettings: settings),
        .executableTarget(
            name: "media-server", dependencies: latchkey + ["FolderMedia", "Support", arguments],
            path: "MediaServer/Program", swiftSettings: settings
        ),
        .executableTarget(
            name: "control-point", dependencies: latchkey + ["Support", arguments], path: "ControlPoint",
            exclude: ["README.md"], swiftSettings: settings
        ),
        .executableTarget(
            name: "ticker", dependencies: [groups, "Support"], path: "Ticker", exclude: ["README.md"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "bulletin-board", dependencies: [groups, "Support", arguments], path: "BulletinBoard",
            exclude: ["README.md"], swiftSettings: settings
        ),
        .executableTarget(
            name: "lights-and-sensors", dependencies: [groups, "Support", arguments], path: "LightsAndSensors",
            exclude: ["README.md"], swiftSettings: settings
        ),
        .testTarget(
            name: "GroupExampleTests", dependencies: ["ticker", "bulletin-board", "lights-and-sensors"],
            path: "GroupExampleTests", swiftSettings: settings
        ),
        .testTarget(
            name: "FolderMediaTests", dependencies: latchkey + ["FolderMedia"], path: "MediaServer/Tests",
            swiftSettings: settings
        ),
    ]
)
