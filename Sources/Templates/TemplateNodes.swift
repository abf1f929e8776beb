// SPDX-License-Identifier: Apache-2.0

/// A part of a parsed template.
indirect enum TemplateNode: Sendable {
    case text(String)
    /// A pipeline whose value is written, unless it declares or assigns.
    case action(Pipeline)
    case branch(Branch)
    /// `template`: the name, what becomes the dot, where it stands.
    case call(String, Pipeline?, Range<Int>)
    case breakLoop
    case continueLoop

    /// `if`, `with` or `range` with its lists.
    struct Branch: Sendable {
        enum Kind: Sendable { case condition, scope, loop }
        let kind: Kind
        let pipeline: Pipeline
        let body: [TemplateNode]
        let otherwise: [TemplateNode]
    }

    /// Commands, each given the value of the one before it as its last argument.
    struct Pipeline: Sendable {
        /// Variables that take the value.
        var variables: [String] = []
        /// Whether they are there already.
        var isAssignment = false
        var commands: [Command] = []
        var range = 0..<0
    }

    /// Operands side by side: a value, or a function with its arguments.
    struct Command: Sendable {
        var operands: [Operand] = []
        var range = 0..<0
    }

    /// A value as written, and its bytes in the template.
    struct Operand: Sendable {
        indirect enum Kind: Sendable {
            case dot
            case none
            case boolean(Bool)
            case integer(Int64, text: String)
            case number(Double, text: String)
            case string(String)
            case function(String)
            /// `.A.B` of the dot.
            case field([String])
            /// `$x.A.B`.
            case variable(String, [String])
            /// `(...).A.B`.
            case chain(Operand, [String])
            case pipeline(Pipeline)
        }

        let kind: Kind
        /// The bytes of it.
        let range: Range<Int>
        /// Where messages say it is.
        let position: Int
    }
}
