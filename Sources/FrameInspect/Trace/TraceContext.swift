/// Where and when something was seen: a processor that stood still at a breakpoint.
public struct TraceContext: Hashable, Sendable {
    /// A register and its value.
    public struct Register: Hashable, Sendable {
        /// Its name, such as `rdi`.
        public var name: String
        /// Its value.
        public var value: UInt64

        /// A register.
        public init(_ name: String, _ value: UInt64) {
            self.name = name
            self.value = value
        }
    }

    /// Number of the vCPU, from 0.
    public var cpu: Int
    /// Seconds since the trace began.
    public var time: Double
    /// The registers that say most: `rip`, `rsp`, `rdi`, `eflags`.
    public var registers: [Register]
    /// The functions on the stack; none where no backtrace was wanted.
    public var backtrace: Backtrace

    /// A moment of a processor.
    public init(cpu: Int, time: Double, registers: [Register] = [], backtrace: Backtrace = .none) {
        self.cpu = cpu
        self.time = time
        self.registers = registers
        self.backtrace = backtrace
    }

    /// The value of a register; 0 where it is not among them.
    func register(_ name: String) -> UInt64 { registers.first { $0.name == name }?.value ?? 0 }

    /// Whether interrupts were enabled.
    public var interruptsEnabled: Bool { register("eflags") & 0x200 != 0 }
}
