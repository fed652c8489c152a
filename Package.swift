// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "FrameInspect",
    products: [
        .library(name: "FrameInspect", targets: ["FrameInspect"]),
        .library(name: "GuestMemory", targets: ["GuestMemory"]),
        .library(name: "QMP", targets: ["QMP"]),
        .library(name: "GDBRemote", targets: ["GDBRemote"]),
        .library(name: "KernelImage", targets: ["KernelImage"]),
        .library(name: "CallGraph", targets: ["CallGraph"]),
        .executable(name: "inspectd", targets: ["inspectd"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        // Floor C: doors to system libraries.
        .systemLibrary(name: "CElfutils", pkgConfig: "libdw", providers: [.apt(["libdw-dev"])]),
        .systemLibrary(name: "CCapstone", pkgConfig: "capstone", providers: [.apt(["libcapstone-dev"])]),
        .target(name: "CGuestMemory"),
        .target(name: "CRestorer"),
        .target(name: "CFindings"),
        .target(name: "CAssets"),

        // Floor 0: each knows one subject and none of the others.
        .target(name: "GuestMemory", dependencies: ["CGuestMemory", systemPackage], swiftSettings: strict),
        .target(name: "SocketTransport", dependencies: [nioPosix], swiftSettings: strict),
        .target(name: "QMP", dependencies: ["SocketTransport", nioCore, nioPosix], swiftSettings: strict),
        .target(name: "GDBRemote", dependencies: ["SocketTransport", nioCore, nioPosix], swiftSettings: strict),
        .target(name: "KernelImage", dependencies: ["CElfutils", systemPackage], swiftSettings: strict),

        // Floor 1: what a piece of machine code can reach.
        .target(name: "CallGraph", dependencies: ["CCapstone", "KernelImage"], swiftSettings: strict),

        // Floor 2: the product.
        .target(
            name: "FrameInspect",
            dependencies: [
                "CRestorer", "CGuestMemory", "GuestMemory", "SocketTransport", "QMP", "GDBRemote", "KernelImage",
                "CallGraph", nioCore, nioPosix, systemPackage,
            ],
            resources: [.embedInCode("Profile/Resources/strat9.json")],
            swiftSettings: strict),

        // Floor 3: the program.
        .executableTarget(
            name: "inspectd",
            dependencies: [
                "CAssets", "CFindings", "CallGraph",
                "FrameInspect", "GuestMemory", "QMP", "GDBRemote", "SocketTransport", argumentParser, systemPackage,
                nioCore, nioPosix,
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Yams", package: "Yams"),
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            exclude: ["Daemon/API/openapi.json", "Page"], swiftSettings: strict),

        // The program of the guide; a test holds the guide and the README against it.
        .executableTarget(
            name: "CountPinned", dependencies: ["FrameInspect", "QMP", systemPackage], path: "Examples/CountPinned",
            swiftSettings: strict),

        // Benchmarks, run by scripts/bench.
        .executableTarget(
            name: "TableScanBenchmark", dependencies: ["FrameInspect", "GuestMemory", "QMP", systemPackage],
            path: "Benchmarks/TableScan", swiftSettings: strict),
        .executableTarget(
            name: "HookProofBenchmark", dependencies: ["CallGraph", "KernelImage"], path: "Benchmarks/HookProof",
            swiftSettings: strict),

        // Tests.
        .target(
            name: "GuestTesting", dependencies: [systemPackage, "GuestMemory", nioCore, nioPosix],
            path: "Tests/GuestTesting", swiftSettings: strict),
        .testTarget(
            name: "GuestMemoryTests", dependencies: ["GuestMemory", "GuestTesting", systemPackage],
            swiftSettings: strict),
        .testTarget(
            name: "QMPTests", dependencies: ["QMP", "SocketTransport", "GuestTesting"], swiftSettings: strict),
        .testTarget(
            name: "GDBRemoteTests", dependencies: ["GDBRemote", "SocketTransport", "GuestTesting", nioEmbedded],
            swiftSettings: strict),
        .testTarget(name: "KernelImageTests", dependencies: ["KernelImage", "GuestTesting"], swiftSettings: strict),
        .testTarget(
            name: "CallGraphTests", dependencies: ["CallGraph", "KernelImage", "GuestTesting"], swiftSettings: strict),
        .testTarget(
            name: "FrameInspectTests", dependencies: ["FrameInspect", "CallGraph", "GuestTesting", systemPackage],
            swiftSettings: strict),
        .testTarget(
            name: "InspectdTests",
            dependencies: [
                "inspectd", "FrameInspect", "GuestMemory", "GuestTesting", "QMP", argumentParser,
                .product(name: "GRDB", package: "GRDB.swift"), .product(name: "Logging", package: "swift-log"),
            ],
            exclude: ["Support/peer.py", "Support/validate.py"], swiftSettings: strict),
        .testTarget(
            name: "GuestTests",
            dependencies: [
                "FrameInspect", "GuestMemory", "GuestTesting", "QMP", "GDBRemote", "KernelImage", "CallGraph",
                "SocketTransport", systemPackage,
            ],
            swiftSettings: strict),
    ]
)
