// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// Why a command ends without success: a sentence for people, a code for scripts.
struct Failure: Error, CustomStringConvertible {
    /// The exit codes of sysexits(3), which ArgumentParser's 64 for usage belongs to.
    enum Code: Int32 {
        /// The answer is no: not found, a check failed.
        case no = 1
        /// The command line asks for something that cannot be.
        case usage = 64
        /// The input is bad.
        case badData = 65
        /// The agent cannot be reached.
        case unavailable = 69
        /// Something went wrong that should not.
        case software = 70
        /// A file could not be read or written.
        case io = 74
        /// The user may not do this.
        case permission = 77
        /// The configuration is bad.
        case configuration = 78
        /// It took too long.
        case timeout = 124
    }

    let code: Int32
    let description: String

    init(_ code: Code, _ description: String) {
        self.code = code.rawValue
        self.description = description
    }

    /// A failure with a code of another convention, such as Docker's 125 to 127 for `run`.
    init(code: Int32, _ description: String) {
        self.code = code
        self.description = description
    }

    /// Writes the sentence to stderr and gives ArgumentParser the code to exit with.
    func report() -> ExitCode {
        Terminal.writeError("ullage: \(description)\n")
        return ExitCode(code)
    }
}

/// Runs a command's body so that a `Failure` exits with its own code instead of 1.
func reportingFailures<T>(_ body: () async throws -> T) async throws -> T {
    do { return try await body() } catch let failure as Failure { throw failure.report() }
}
