// SPDX-License-Identifier: Apache-2.0

import Foundation
import Model
import Outputs
import SeriesStore
import TestSupport
import Testing

/// The daemons that receive syslog on most hosts, as they are packaged.
@Suite("rsyslog and syslog-ng")
struct SyslogReceiverTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory("syslog") }

    /// Where `scripts/install-deps.sh test` unpacks syslog-ng, which cannot be installed beside
    /// rsyslog.
    static let unpacked = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: ".build/peers/syslog-ng").path

    enum Transport: CaseIterable {
        case plain, tls, relp
    }

    @Test(
        "rsyslog stores every line as it was",
        .enabled(if: contents("/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_ossl.so") != nil),
        arguments: Transport.allCases)
    func rsyslog(transport: Transport) throws {
        let tls = try directory.certificate("logs.test")
        let module = transport == .relp ? "imrelp" : "imtcp"
        let secured =
            transport == .tls
            ? #"StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="anon""# : ""
        let port = Server.freePort()
        let config = try directory.write(
            """
            global(workDirectory="\(directory.path)" net.enableDNS="off"
              parser.escapeControlCharactersOnReceive="off" defaultNetstreamDriverCAFile="\(tls.file)"
              defaultNetstreamDriverCertFile="\(tls.file)" defaultNetstreamDriverKeyFile="\(tls.key)")
            module(load="\(module)" \(secured))
            input(type="\(module)" port="\(port)")
            template(name="t" type="list") {
              property(name="hostname") constant(value=" ") property(name="app-name")
              constant(value=" ") property(name="msg") constant(value="\\n")
            }
            action(type="omfile" file="\(directory.appending("out"))" template="t")

            """, to: "rsyslog.conf")
        let pid = directory.appending("pid")
        let server = try Server("/usr/sbin/rsyslogd", port: port) { _ in
            ["-n", "-f", config, "-i", pid]
        }
        try ship(
            to: server, by: transport == .relp ? .relp : .syslog,
            ca: transport == .tls ? tls.file : nil)
    }

    @Test(
        "syslog-ng stores every line as it was",
        .enabled(if: contents(unpacked + "/usr/sbin/syslog-ng") != nil),
        arguments: [Transport.plain, .tls])
    func syslogNG(transport: Transport) throws {
        let tls = try directory.certificate("logs.test")
        let secured = """
            transport("tls") tls(key-file("\(tls.key)") cert-file("\(tls.file)")
              peer-verify(optional-untrusted))
            """
        let port = Server.freePort()
        let config = try directory.write(
            """
            @version: 3.35
            options { keep-hostname(yes); use-dns(no); };
            source s {
              syslog(ip("127.0.0.1") port(\(port)) \(transport == .tls ? secured : #"transport("tcp")"#));
            };
            destination d { file("\(directory.appending("out"))" template("$HOST $PROGRAM $MSG\\n")); };
            log { source(s); destination(d); };

            """, to: "syslog-ng.conf")
        let root = Self.unpacked
        let libraries = ["usr/lib/syslog-ng", "usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"]
        let server = try Server("/usr/bin/env", port: port) { _ in
            [
                "LD_LIBRARY_PATH=" + libraries.map { "\(root)/\($0)" }.joined(separator: ":"),
                "\(root)/usr/sbin/syslog-ng", "--foreground", "--no-caps",
                "--module-path=\(root)/usr/lib/syslog-ng/3.38", "--cfgfile=\(config)",
                "--persist-file=\(directory.appending("persist"))",
                "--pidfile=\(directory.appending("pid"))",
                "--control=\(directory.appending("control"))",
            ]
        }
        try ship(to: server, by: .syslog, ca: transport == .tls ? tls.file : nil)
    }

    /// Sends the lines of both containers, and compares what the server's file has with them.
    private func ship(to server: Server, by kind: SinkOptions.Kind, ca: String?) throws {
        var target = try StreamTarget(address: "127.0.0.1:\(server.port)")
        if let ca {
            target.tls = TLSOptions()
            target.tls?.caFile = ca
            target.tls?.serverName = "logs.test"
        }
        var options = SinkOptions(name: "sink", kind: kind, destination: .stream(target))
        options.delivery = .hasty
        options.wire.host = "host-1"
        let store = try SeriesStore.open(directory: directory.appending("empty"))
        let delivery = try Delivery.make(
            options, stores: ShipStores(feed: store, logs: FewLogs()),
            directory: directory.appending("ship")
        ) { _ in }
        delivery.start()
        defer { delivery.stop() }
        #expect(eventually { stored().count >= 50 }, "\(delivery.snapshot())")
        for (origin, name) in ["web", #"o"ther"#].enumerated() {
            let head = Array("host-1 \(name) ".utf8)
            let mine = stored().filter { $0.starts(with: head) }.map {
                Array($0.dropFirst(head.count))
            }
            #expect(mine == (0..<25).map { FewLogs().line($0, origin) })
        }
        withExtendedLifetime(server) {}
    }

    private func stored() -> [[UInt8]] {
        let file = URL(filePath: directory.appending("out"))
        return ((try? Data(contentsOf: file)) ?? Data()).split(
            separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
        ).dropLast().map { Array($0) }
    }
}
