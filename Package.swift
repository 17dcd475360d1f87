// swift-tools-version: 6.2
import PackageDescription

// LATCHKEY_ONLY=core keeps L0, L1 and their tests: a change to a protocol core is built and tested
// in seconds, without a TLS library or a database. LATCHKEY_ONLY=NIOTunnel,Relay keeps the targets of these
// names, what they need, and their tests.
let only = Context.environment["LATCHKEY_ONLY"]?.split(separator: ",").map(String.init) ?? []
let coreOnly = only == ["core"]

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

// LATCHKEY_FUZZ=1 adds the fuzzer, and makes the parsers tell it where an input has led.
let isFuzzing = Context.environment["LATCHKEY_FUZZ"] != nil
let watched =
    strict
    + (isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer,address", "-assert-config", "Debug"])] : [])

func nio(_ name: String) -> Target.Dependency { .product(name: name, package: "swift-nio") }

let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let certificates: [Target.Dependency] = [
    .product(name: "X509", package: "swift-certificates"),
    .product(name: "SwiftASN1", package: "swift-asn1"),
    crypto,
]

var dependencies: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-certificates.git", from: "1.21.1"),
    .package(url: "https://github.com/apple/swift-asn1.git", from: "1.7.4"),
]

// L0 and L1: values in, actions out. No socket, no clock, no logger, no task.
var targets: [Target] = [
    .systemLibrary(name: "CLibXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
    .systemLibrary(name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CLinuxSockets"),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "NetworkTypes", swiftSettings: watched),
    .target(name: "UPnP", dependencies: ["NetworkTypes", "CLibXML2"], swiftSettings: watched),
    .target(name: "Tunnel", dependencies: ["NetworkTypes", httpTypes, nio("NIOCore")], swiftSettings: strict),
    .target(name: "TrustCore", dependencies: ["NetworkTypes"] + certificates, swiftSettings: strict),
    .target(
        name: "AccessPolicy", dependencies: ["NetworkTypes", "TrustCore", "CLibCrypto", crypto, cryptoExtras],
        swiftSettings: watched
    ),
    .target(name: "GroupKeys", dependencies: ["NetworkTypes", "CLibCrypto", crypto], swiftSettings: watched),
    .target(
        name: "SUPnP", dependencies: ["NetworkTypes", "GroupKeys", "CLibCrypto", crypto, cryptoExtras],
        swiftSettings: watched
    ),
    .target(name: "Traversal", dependencies: ["NetworkTypes", crypto], swiftSettings: watched),
    // What the relay's own small program shares with the gateway, and nothing else of it.
    .target(name: "RelayProtocol", dependencies: ["NetworkTypes", crypto, nio("NIOCore")], swiftSettings: watched),
    .target(
        name: "TestKit",
        dependencies: [
            "NetworkTypes", "UPnP", "Tunnel", "TrustCore", "AccessPolicy", "GroupKeys", "SUPnP", "Traversal", httpTypes,
            nio("NIOCore"),
        ] + certificates,
        swiftSettings: strict
    ),
]

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(name: name, dependencies: dependencies + ["TestKit"], exclude: exclude, swiftSettings: strict)
}

targets += [
    tests("NetworkTypesTests", ["NetworkTypes"]),
    tests("UPnPTests", ["UPnP", "NetworkTypes"], exclude: ["Corpus"]),
    tests("TunnelTests", ["Tunnel", "NetworkTypes", httpTypes, nio("NIOCore")]),
    tests("TrustCoreTests", ["TrustCore", "NetworkTypes"] + certificates),
    tests("AccessPolicyTests", ["AccessPolicy", "TrustCore", "NetworkTypes", crypto]),
    tests("GroupKeysTests", ["GroupKeys", "NetworkTypes", crypto], exclude: ["README.md"]),
    tests("TraversalTests", ["Traversal", "NetworkTypes"]),
    tests("RelayProtocolTests", ["RelayProtocol", "NetworkTypes", crypto, nio("NIOCore")]),
    tests("SUPnPTests", ["SUPnP", "GroupKeys", "NetworkTypes", crypto, cryptoExtras]),
]

if !coreOnly {
    dependencies += [
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.2"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-configuration.git", from: "1.4.0"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
    ]
    targets += [
        // L2: drivers. They never import each other.
        .target(
            name: "NIOUPnP",
            dependencies: [
                "NetworkTypes", "UPnP", "CZlib", httpTypes, logging, nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
            ],
            swiftSettings: watched
        ),
        .target(
            name: "NIOTunnel",
            dependencies: [
                "NetworkTypes", "Tunnel", "RelayProtocol", httpTypes, crypto, logging,
                nio("NIOCore"), nio("NIOPosix"), nio("NIOTLS"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOHPACK", package: "swift-nio-http2"),
            ],
            swiftSettings: strict
        ),
        .systemLibrary(
            name: "CNgtcp2", pkgConfig: "libngtcp2_crypto_gnutls",
            providers: [.apt(["libngtcp2-dev", "libngtcp2-crypto-gnutls-dev", "libgnutls28-dev"])]
        ),
        .target(
            name: "NIOTraversal",
            dependencies: ["NetworkTypes", "Tunnel", "Traversal", nio("NIOCore"), nio("NIOPosix")],
            swiftSettings: strict
        ),
        .target(
            name: "NIOTunnelQUIC",
            dependencies: [
                "NetworkTypes", "Tunnel", "CNgtcp2", httpTypes, crypto, logging, nio("NIOCore"), nio("NIOPosix"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "NIOSUPnP",
            dependencies: [
                "NetworkTypes", "GroupKeys", "SUPnP", "CLinuxSockets", logging, nio("NIOCore"), nio("NIOPosix"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "SQLiteStore",
            dependencies: [
                "NetworkTypes", "TrustCore", "AccessPolicy", "GroupKeys", "SUPnP", crypto,
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict
        ),
        // YAML is another dependency: the policy itself knows nothing of the form in which it is written.
        .target(
            name: "PolicyFile",
            dependencies: ["NetworkTypes", "TrustCore", "AccessPolicy", .product(name: "Yams", package: "Yams")],
            swiftSettings: watched
        ),
        // L3
        .target(
            name: "RemoteAccess",
            dependencies: [
                "NetworkTypes", "UPnP", "Tunnel", "Traversal", "TrustCore", "AccessPolicy", "NIOUPnP", "NIOTunnel",
                "NIOTunnelQUIC", "NIOTraversal", "RelayProtocol",
                httpTypes, crypto, logging, nio("NIOCore"),
                cryptoExtras,
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Reachability",
            dependencies: [
                "NetworkTypes", "UPnP", "Traversal", "TrustCore", "NIOUPnP", "NIOTunnel", httpTypes, crypto, logging,
                nio("NIOCore"), nio("NIOPosix"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Groups",
            dependencies: [
                "NetworkTypes", "UPnP", "GroupKeys", "SUPnP", "TrustCore", "NIOUPnP", "NIOSUPnP", httpTypes, crypto,
                logging, nio("NIOCore"), nio("NIOPosix"),
            ],
            swiftSettings: strict
        ),
        // The relay alone: nothing of a gateway is linked with it.
        .target(
            name: "Relay",
            dependencies: [
                "NetworkTypes", "RelayProtocol", logging, nio("NIOCore"), nio("NIOPosix"), nio("NIOTLS"),
                nio("NIOHTTP1"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ] + certificates,
            swiftSettings: strict
        ),
        // L4
        // The groups' member for C: a header, and the functions that it declares.
        .target(name: "CLatchkeyGroups"),
        .target(
            name: "LatchkeyGroups", dependencies: ["CLatchkeyGroups", "Groups", "NIOUPnP", "NetworkTypes"],
            swiftSettings: strict
        ),
        .systemLibrary(name: "CQREncode", pkgConfig: "libqrencode", providers: [.apt(["libqrencode-dev"])]),
        .target(
            name: "LatchkeyProgram",
            dependencies: [
                "NetworkTypes", "UPnP", "Tunnel", "Traversal", "TrustCore", "AccessPolicy", "NIOUPnP", "NIOTunnel",
                "NIOTunnelQUIC", "NIOTraversal", "SQLiteStore", "PolicyFile", "RemoteAccess", "GroupKeys", "SUPnP",
                "NIOSUPnP",
                "Groups", "CQREncode", "Reachability", "RelayProtocol", httpTypes, crypto,
                logging, nio("NIOCore"), nio("NIOPosix"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Configuration", package: "swift-configuration"),
            ],
            swiftSettings: strict
        ),
        // `relay run`, for the relay's own small program and for the whole one.
        .target(
            name: "RelayCommands",
            dependencies: [
                "NetworkTypes", "RelayProtocol", "Relay", logging, nio("NIOCore"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "latchkey-relay",
            dependencies: [
                "RelayCommands", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/RelayProgram",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "latchkey",
            dependencies: [
                "LatchkeyProgram", "RelayCommands", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        // A home to show and to test with: a light, a camera, a lock and a thermostat on our own library.
        .executableTarget(
            name: "latchkey-demo-devices",
            dependencies: [
                "NetworkTypes", "UPnP", "NIOUPnP", "AccessPolicy", "RemoteAccess", httpTypes, logging, nio("NIOCore"),
                nio("NIOPosix"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/DemoDevices",
            swiftSettings: strict
        ),
        // For the laboratory: one direct path, driven by lines, without a gateway around it.
        .executableTarget(
            name: "latchkey-lab-path",
            dependencies: [
                "NetworkTypes", "Tunnel", "Traversal", "NIOTraversal", "NIOTunnel", nio("NIOCore"), nio("NIOPosix"),
            ],
            path: "Sources/LabPath",
            swiftSettings: strict
        ),
        // Beside the layers: what must hold for every input, for the fuzzer and for the replay of its finds.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "UPnP", "NIOUPnP", "GroupKeys", "SUPnP", "TrustCore", "AccessPolicy", "PolicyFile", "Traversal",
                "RelayProtocol",
                "NetworkTypes", crypto, httpTypes, nio("NIOCore"), nio("NIOEmbedded"), nio("NIOHTTP1"),
            ],
            path: "Fuzzing/Targets",
            swiftSettings: watched
        ),
        tests("FuzzTargetsTests", ["FuzzTargets", "NetworkTypes"]),
        tests("PolicyFileTests", ["PolicyFile", "AccessPolicy", "TrustCore", "NetworkTypes"]),
        tests(
            "NIOUPnPTests", ["NIOUPnP", "UPnP", "CZlib", "NetworkTypes", nio("NIOCore"), nio("NIOPosix"), httpTypes]),
        tests(
            "NIOTunnelTests",
            [
                "NIOTunnel", "Tunnel", "TrustCore", "Relay", "RelayProtocol", "NetworkTypes", nio("NIOCore"),
                nio("NIOEmbedded"), nio("NIOPosix"), httpTypes, logging,
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
            ] + certificates
        ),
        tests(
            "NIOTunnelQUICTests",
            ["NIOTunnelQUIC", "Tunnel", nio("NIOCore"), nio("NIOPosix"), httpTypes, logging, crypto]
        ),
        tests(
            "NIOTraversalTests",
            ["NIOTraversal", "Traversal", "Tunnel", "NetworkTypes", nio("NIOCore"), nio("NIOPosix")]
        ),
        tests(
            "SQLiteStoreTests",
            [
                "SQLiteStore", "TrustCore", "AccessPolicy", "NetworkTypes", "GroupKeys", "SUPnP", crypto,
                .product(name: "GRDB", package: "GRDB.swift"),
            ]
        ),
        tests(
            "NIOSUPnPTests",
            [
                "NIOSUPnP", "SUPnP", "GroupKeys", "NetworkTypes", "CLinuxSockets", crypto, logging, nio("NIOCore"),
                nio("NIOPosix"),
            ]
        ),
        tests(
            "GroupsTests",
            [
                "Groups", "NIOSUPnP", "SUPnP", "GroupKeys", "TrustCore", "NIOUPnP", "UPnP", "NetworkTypes", "latchkey",
                crypto, logging, nio("NIOCore"), nio("NIOPosix"),
            ]
        ),
        tests(
            "ReachabilityTests",
            [
                "Reachability", "Traversal", "TrustCore", "UPnP", "NIOUPnP", "NIOTunnel", "NetworkTypes", httpTypes,
                crypto,
                logging, nio("NIOCore"), nio("NIOPosix"),
            ]
        ),
        tests(
            "LatchkeyGroupsTests",
            ["LatchkeyGroups", "CLatchkeyGroups"]
        ),
        tests(
            "RemoteAccessTests",
            [
                "RemoteAccess", "UPnP", "Tunnel", "TrustCore", "AccessPolicy", "PolicyFile", "NIOUPnP", "NIOTunnel",
                "Relay", nio("NIOCore"), nio("NIOPosix"), httpTypes, crypto, logging,
            ]
        ),
        tests(
            "LatchkeyProgramTests",
            [
                "LatchkeyProgram", "RemoteAccess", "TrustCore", "latchkey", "NetworkTypes", "NIOUPnP", "Groups",
                "SUPnP", "GroupKeys", "SQLiteStore", "AccessPolicy", "PolicyFile", "UPnP", "Reachability", "Traversal",
                nio("NIOCore"), nio("NIOPosix"), logging,
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
    ]
}

// LATCHKEY_BENCH=1 adds the programs of Benchmarks/, which `make bench` runs.
if Context.environment["LATCHKEY_BENCH"] != nil {
    targets.append(
        .executableTarget(
            name: "ssdp-parse-bench", dependencies: ["NetworkTypes", "UPnP"], path: "Benchmarks/SSDPParseBench",
            swiftSettings: strict
        )
    )
    targets.append(
        .executableTarget(
            name: "policy-bench", dependencies: ["NetworkTypes", "TrustCore", "AccessPolicy"],
            path: "Benchmarks/PolicyBench", swiftSettings: strict
        )
    )
    targets.append(
        .executableTarget(
            name: "channel-bench", dependencies: ["NetworkTypes", "GroupKeys", "SUPnP", crypto],
            path: "Benchmarks/ChannelBench", swiftSettings: strict
        )
    )
}
if !coreOnly, Context.environment["LATCHKEY_BENCH"] != nil {
    targets += [
        // The media server of Examples/, which is a package of its own.
        .target(
            name: "FolderMedia", dependencies: ["UPnP", "NIOUPnP", httpTypes, nio("NIOCore")],
            path: "Examples/MediaServer/FolderMedia", swiftSettings: [.swiftLanguageMode(.v6)]
        ),
        .executableTarget(
            name: "host-bench",
            dependencies: [
                "NetworkTypes", "UPnP", "NIOUPnP", "FolderMedia", logging, nio("NIOCore"), nio("NIOPosix"),
            ],
            path: "Benchmarks/HostBench",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "tunnel-bench",
            dependencies: [
                "NetworkTypes", "Tunnel", "NIOTunnel", "NIOTunnelQUIC", httpTypes, logging, nio("NIOCore"),
                nio("NIOPosix"),
            ],
            path: "Benchmarks/TunnelBench",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "group-bench",
            dependencies: [
                "NetworkTypes", "GroupKeys", "SUPnP", "NIOSUPnP", crypto, logging, nio("NIOCore"), nio("NIOPosix"),
            ],
            path: "Benchmarks/GroupBench",
            swiftSettings: strict
        ),
    ]
}

if !coreOnly, isFuzzing {
    targets.append(
        .executableTarget(
            name: "latchkey-fuzz",
            dependencies: ["FuzzTargets"],
            path: "Fuzzing/Runner",
            swiftSettings: strict,
            // gold cannot link what the sanitizers write.
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])]
        )
    )
}

// LATCHKEY_DOCS=1 adds the plugin that `make docs` writes the libraries' documentation with.
if Context.environment["LATCHKEY_DOCS"] != nil {
    dependencies.append(.package(url: "https://github.com/swiftlang/swift-docc-plugin.git", from: "1.5.0"))
}

var products: [Product] = [.library(name: "UPnP", targets: ["UPnP"])]
if !coreOnly {
    products += [
        .library(name: "NIOUPnP", targets: ["NIOUPnP"]),
        .library(name: "Groups", targets: ["Groups"]),
        // With its header, for programs in C.
        .library(name: "LatchkeyGroups", type: .dynamic, targets: ["LatchkeyGroups", "CLatchkeyGroups"]),
        .executable(name: "latchkey", targets: ["latchkey"]),
        .executable(name: "latchkey-relay", targets: ["latchkey-relay"]),
    ]
}

extension Target.Dependency {
    /// The target of this package that is meant, or, as its name is in no list of targets, the product of another.
    var name: String {
        switch self {
        case .targetItem(let name, _), .byNameItem(let name, _), .productItem(let name, _, _, _): name
        @unknown default: ""
        }
    }
}

if !only.isEmpty, !coreOnly {
    var kept = Set(only + only.map { $0 + "Tests" })
    var size = 0
    while size != kept.count {
        size = kept.count
        kept.formUnion(targets.filter { kept.contains($0.name) }.flatMap { $0.dependencies.map(\.name) })
    }
    targets.removeAll { !kept.contains($0.name) }
    products.removeAll { product in !targets.contains { $0.name == product.name } }
}

let package = Package(
    name: "latchkey",
    products: products,
    dependencies: dependencies,
    targets: targets
)
