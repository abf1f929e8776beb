// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The functions of libsystemd that read journals (sd-journal(3)).
///
/// The library is opened when it is first asked for and not linked, so that the programs start where
/// there is none. Journals are read by nobody else's code, as systemd asks: their format goes on
/// changing.
struct SystemdLibrary: Sendable {
    typealias Journal = OpaquePointer
    typealias Pointer<Value> = UnsafeMutablePointer<Value>
    typealias Text = UnsafePointer<CChar>
    typealias Call = @convention(c) (Journal) -> Int32
    typealias CallWithText = @convention(c) (Journal, Text) -> Int32

    let open: @convention(c) (Pointer<Journal?>, Int32) -> Int32
    let openDirectory: @convention(c) (Pointer<Journal?>, Text, Int32) -> Int32
    let close: @convention(c) (Journal) -> Void
    let next: Call
    let seekHead: Call
    let seekTime: @convention(c) (Journal, UInt64) -> Int32
    let seekCursor: CallWithText
    let testCursor: CallWithText
    let cursor: @convention(c) (Journal, Pointer<Pointer<CChar>?>) -> Int32
    let realtime: @convention(c) (Journal, Pointer<UInt64>) -> Int32
    let restartData: @convention(c) (Journal) -> Void
    let enumerateData: @convention(c) (Journal, Pointer<UnsafeRawPointer?>, Pointer<Int>) -> Int32
    let setDataThreshold: @convention(c) (Journal, Int) -> Int32
    let descriptor: Call
    let process: Call

    /// `SD_JOURNAL_LOCAL_ONLY`.
    static let localOnly: Int32 = 1

    /// The library of this process; nil where there is none, or one without these functions.
    static let shared = SystemdLibrary()

    private init?() {
        guard let library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL) else { return nil }
        func find<Function>(_ name: String) -> Function? {
            // What dlsym(3) finds under a function's name is that function.
            dlsym(library, "sd_journal_" + name).map { unsafeBitCast($0, to: Function.self) }
        }
        guard let open: @convention(c) (Pointer<Journal?>, Int32) -> Int32 = find("open"),
            let openDirectory: @convention(c) (Pointer<Journal?>, Text, Int32) -> Int32 =
                find("open_directory"),
            let close: @convention(c) (Journal) -> Void = find("close"),
            let next: Call = find("next"), let seekHead: Call = find("seek_head"),
            let seekTime: @convention(c) (Journal, UInt64) -> Int32 = find("seek_realtime_usec"),
            let seekCursor: CallWithText = find("seek_cursor"),
            let testCursor: CallWithText = find("test_cursor"),
            let cursor: @convention(c) (Journal, Pointer<Pointer<CChar>?>) -> Int32 =
                find("get_cursor"),
            let realtime: @convention(c) (Journal, Pointer<UInt64>) -> Int32 =
                find("get_realtime_usec"),
            let restartData: @convention(c) (Journal) -> Void = find("restart_data"),
            let enumerateData:
                @convention(c) (Journal, Pointer<UnsafeRawPointer?>, Pointer<Int>) -> Int32 =
                find("enumerate_available_data") ?? find("enumerate_data"),
            let setDataThreshold: @convention(c) (Journal, Int) -> Int32 =
                find("set_data_threshold"),
            let descriptor: Call = find("get_fd"), let process: Call = find("process")
        else { return nil }
        self.open = open
        self.openDirectory = openDirectory
        self.close = close
        self.next = next
        self.seekHead = seekHead
        self.seekTime = seekTime
        self.seekCursor = seekCursor
        self.testCursor = testCursor
        self.cursor = cursor
        self.realtime = realtime
        self.restartData = restartData
        self.enumerateData = enumerateData
        self.setDataThreshold = setDataThreshold
        self.descriptor = descriptor
        self.process = process
    }
}
