// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The shim's side of the pipe to `ullage run`: `ok`, or an exit code and why.
enum Starter {
    private static let descriptor: Int32 = 3

    /// The container runs; the starter may go.
    static func succeed() {
        var message = Message()
        message.add("ok\n")
        message.write(to: descriptor)
        message.free()
        close(descriptor)
    }

    /// Says why the container cannot run, and ends the shim.
    static func fail(code: Int32, doing what: StaticString, error: Int32) -> Never {
        var message = Message()
        message.add(what)
        fail(code: code, message, error: error)
    }

    /// As above, with a reason put together by the caller; an error of 0 adds nothing.
    static func fail(code: Int32, _ reason: Message, error: Int32) -> Never {
        var line = Message()
        line.add(Int64(code))
        line.add(" ")
        var reason = reason
        line.add(reason.cString())
        if error != 0, let text = strerror(error) {
            line.add(": ")
            line.add(UnsafePointer(text))
        }
        line.add("\n")
        line.write(to: descriptor)
        line.write(to: 2)
        exit(code)
    }
}
