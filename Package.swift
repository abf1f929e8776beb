// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
//
// One target per concern, in floors: a target depends on targets of lower floors only, and
// targets of one floor never on one another. ARCHITECTURE.md draws the same picture in words.
import PackageDescription

/// Settings of every Swift target that runs on the full runtime.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// For targets that call Linux interfaces glibc only declares under `_GNU_SOURCE`.
let gnu: [SwiftSetting] = strict + [.unsafeFlags(["-Xcc", "-D_GNU_SOURCE"])]

/// The shim runs once per container, so it is compiled without the Swift runtime and linked
/// statically: 0.7 MB resident instead of 4 MB and more (docs/adr/0004).
let embedded: [SwiftSetting] = [
    .enableExperimentalFeature("Embedded"),
    .treatAllWarnings(as: .error),
    .unsafeFlags(["-wmo", "-Osize", "-parse-as-library", "-Xcc", "-DULLAGE_SHIM"]),
]

let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "ullage",
    products: [
        .executable(name: "ullage", targets: ["ullage"]),
        .executable(name: "ullage-shim", targets: ["ullage-shim"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-system.git", from: "1.8.1"),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1",
            traits: []),
        .package(
            url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(
            url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        // Floor 0: the kernel, the vocabulary, the C libraries.
        .target(name: "CLinux"),
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CSnappy", providers: [.apt(["libsnappy-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .target(name: "CRE2", linkerSettings: [.linkedLibrary("re2")]),
        .target(name: "Linux", dependencies: ["CLinux", system], swiftSettings: gnu),
        .target(name: "Model", swiftSettings: strict),

        // Floor 1: bytes to model and back.
        .target(name: "Chart", swiftSettings: strict),
        .target(
            name: "Codecs", dependencies: ["CSnappy", "CZlib", "Model"], swiftSettings: strict),
        .target(name: "Matching", dependencies: ["CRE2", "Model"], swiftSettings: strict),
        .target(name: "YAML", dependencies: ["CYAML"], swiftSettings: strict),

        // Floor 2: sources, stores, query languages, the embedded runtime.
        .target(
            name: "Collectors", dependencies: ["Linux", "Model", system], swiftSettings: gnu),
        .target(
            name: "Discovery", dependencies: ["Codecs", "Linux", "Model", system, logging],
            swiftSettings: gnu),
        .target(
            name: "Events", dependencies: ["CLinux", "Codecs", "Linux", "Model"],
            swiftSettings: gnu),
        .target(
            name: "Logs", dependencies: ["CLinux", "Codecs", "Linux", "Model", system],
            swiftSettings: gnu),
        .target(
            name: "LogStore",
            dependencies: ["CLinux", "CZstd", "Codecs", "Linux", "Matching", "Model", system],
            swiftSettings: gnu),
        .target(
            name: "Pipeline", dependencies: ["Codecs", "Matching", "Model"],
            swiftSettings: strict),
        .target(
            name: "Outputs",
            dependencies: [
                "Codecs", "Linux", "Matching", "Model",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ], swiftSettings: gnu),
        .target(
            name: "PromQL", dependencies: ["Matching", "Model"], swiftSettings: gnu),
        .target(
            name: "Runtime", dependencies: ["CLinux", "Linux", "Matching", "Model", system],
            swiftSettings: gnu),
        .target(
            name: "SeriesStore",
            dependencies: ["CSQLite", "Codecs", "Linux", "Matching", "Model", system],
            swiftSettings: gnu),

        .target(
            name: "Templates", dependencies: ["Codecs", "Matching", "Model"], swiftSettings: gnu),

        // Floor 3: what works on stores and languages.
        .target(
            name: "Interchange",
            dependencies: ["CLinux", "Codecs", "Linux", "Logs", "Model", "SeriesStore"],
            swiftSettings: gnu),
        .target(
            name: "LogQL",
            dependencies: [
                "Codecs", "Linux", "Matching", "Model", "Pipeline", "PromQL", "Templates",
            ],
            swiftSettings: gnu),
        .target(
            name: "Rules",
            dependencies: [
                "Codecs", "Linux", "Matching", "Model", "PromQL", "Templates", "YAML",
            ],
            swiftSettings: gnu),
        .target(
            name: "Notify",
            dependencies: [
                "CLinux", "Codecs", "Linux", "Matching", "Model", logging,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ], swiftSettings: gnu),

        // Floor 4: serving.
        .target(
            name: "HTTPAPI",
            dependencies: [
                "Codecs", "Interchange", "Linux", "LogQL", "LogStore", "Matching", "Model",
                "Outputs", "Pipeline", "PromQL", "Rules",
                logging,
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ], swiftSettings: gnu),

        // Floor 5: configuration.
        .target(
            name: "Config",
            dependencies: ["Matching", "Model", "Notify", "Outputs", "Pipeline", "PromQL", "YAML"],
            swiftSettings: strict),

        // Floor 6: the composition root.
        .target(
            name: "Agent",
            dependencies: [
                "CLinux", "Codecs", "Collectors", "Config", "Discovery", "Events", "HTTPAPI",
                "Interchange", "Linux", "LogQL", "LogStore", "Logs", "Matching", "Model", "Notify",
                "Outputs", "Pipeline", "PromQL", "Rules",
                "Runtime", "SeriesStore", logging,
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ], swiftSettings: gnu),

        // Floor 7: the programs.
        .executableTarget(
            name: "ullage",
            dependencies: [
                "Agent", "Chart", "Codecs", "Config", "Interchange", "Linux", "LogStore", "Logs",
                "Matching", "Model", "Pipeline", "Outputs", "PromQL", "Rules", "Runtime",
                "SeriesStore",
                system,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ], swiftSettings: gnu),
        .executableTarget(
            name: "ullage-shim", dependencies: ["CLinux", "CZlib"], swiftSettings: embedded,
            linkerSettings: [
                .unsafeFlags([
                    "-Xclang-linker", "-static", "-enable-experimental-feature", "Embedded",
                ])
            ]),

        // Measures the series store from within; not part of the product.
        .executableTarget(
            name: "series-bench",
            dependencies: ["CLinux", "Linux", "Model", "PromQL", "SeriesStore"],
            path: "Benchmarks/SeriesBench", swiftSettings: gnu),
        // Measures sampling and /metrics from within; not part of the product.
        .executableTarget(
            name: "sampling-bench",
            dependencies: ["CLinux", "Collectors", "Linux", "Model", "SeriesStore"],
            path: "Benchmarks/SamplingBench", swiftSettings: gnu),
        // Measures the rule engine from within; not part of the product.
        .executableTarget(
            name: "rules-bench",
            dependencies: ["CLinux", "Model", "PromQL", "Rules", "SeriesStore"],
            path: "Benchmarks/RulesBench", swiftSettings: gnu),

        // Tests, one target for each that has behaviour of its own.
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
        .testTarget(name: "TidyTests", swiftSettings: strict),
        .testTarget(name: "ModelTests", dependencies: ["Model"], swiftSettings: strict),
        .testTarget(name: "ChartTests", dependencies: ["Chart"], swiftSettings: strict),
        .testTarget(
            name: "OpenMetricsTests", dependencies: ["Codecs", "Model"], swiftSettings: strict),
        .testTarget(
            name: "InterchangeTests",
            dependencies: ["Codecs", "Interchange", "Model", "SeriesStore", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "ConfigTests", dependencies: ["Config", "Notify", "Outputs", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "CollectorsTests", dependencies: ["Collectors", "Linux", "Model", "TestSupport"],
            swiftSettings: gnu),
        .testTarget(
            name: "DiscoveryTests",
            dependencies: ["Codecs", "Discovery", "Linux", "Model", "TestSupport"],
            swiftSettings: gnu),
        .testTarget(
            name: "EventsTests", dependencies: ["Codecs", "Events", "Model", "TestSupport"],
            swiftSettings: gnu),
        .testTarget(
            name: "LinuxTests", dependencies: ["Linux", "TestSupport", system], swiftSettings: gnu),
        .testTarget(name: "EndToEndTests", dependencies: ["TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "LogsTests",
            dependencies: ["Codecs", "LogStore", "Logs", "Model", "TestSupport", system],
            swiftSettings: gnu),
        .testTarget(name: "CodecsTests", dependencies: ["Codecs"], swiftSettings: strict),
        .target(
            name: "QueryTestSupport", dependencies: ["Matching", "Model"],
            path: "Tests/QueryTestSupport", swiftSettings: strict),
        .testTarget(
            name: "MatchingTests", dependencies: ["Matching", "Model"], swiftSettings: strict),
        .testTarget(
            name: "NotifyTests",
            dependencies: [
                "Codecs", "Linux", "Model", "Notify", "TestSupport", logging,
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ], swiftSettings: strict),
        .testTarget(
            name: "PromQLTests", dependencies: ["Model", "PromQL", "QueryTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "ConformanceTests",
            dependencies: ["Matching", "Model", "PromQL", "QueryTestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "LogQLTests",
            dependencies: ["Codecs", "LogQL", "LogStore", "Model", "PromQL", "TestSupport"],
            swiftSettings: gnu),
        .testTarget(
            name: "PipelineTests", dependencies: ["Model", "Pipeline", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "LogStoreTests",
            dependencies: ["LogStore", "Logs", "Model", "TestSupport", system],
            swiftSettings: gnu),
        .testTarget(
            name: "OutputsTests",
            dependencies: [
                "Codecs", "Matching", "Model", "Outputs", "SeriesStore", "TestSupport",
            ], swiftSettings: gnu),
        .testTarget(
            name: "HTTPAPITests",
            dependencies: [
                "Codecs", "HTTPAPI", "LogStore", "Matching", "Model", "PromQL", "Rules",
                "TestSupport", logging,
            ],
            swiftSettings: gnu),
        .testTarget(
            name: "SeriesStoreTests",
            dependencies: ["CSQLite", "Codecs", "Model", "SeriesStore", "TestSupport"],
            swiftSettings: gnu),
        .testTarget(
            name: "TemplatesTests", dependencies: ["Model", "Templates", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "RulesTests",
            dependencies: ["Model", "PromQL", "Rules", "SeriesStore", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "RuntimeTests",
            dependencies: ["Linux", "Model", "Runtime", "TestSupport"],
            swiftSettings: gnu),
    ]
)
