/// What is known of the stub during one controller's time, and what the controller changed at it.
struct ProxySession {
    /// Whether the guest ran before the controller came; nil until known.
    var ran: Bool?
    /// Whether the stub is QEMU's.
    var isQEMU = false
    /// Whether memory was read by physical address when the controller came.
    var initialPhysical = false
    /// Whether the controller reads by physical address.
    var controllerPhysical = false
    /// Whether the stub does now.
    var stubPhysical = false
    /// The thread of the controller's registers and memory, as an `Hg`; nil where unknown.
    var controllerThread: [UInt8]?
    /// The stub's at this moment; nil where unknown.
    var stubThread: [UInt8]?
    /// The stub's process number for the machine.
    var process: UInt64?
    /// What the stub says it can do.
    var features: [UInt8]?
    /// What the controller set and did not remove.
    var breakpoints: [[UInt8]] = []
    /// The latest stop reply.
    var lastStop: RawPacket?
    /// The stop reply that came by itself at the connection.
    var unaskedStop: RawPacket?
    /// Since when the controller has been asking for the list of threads, in which the stub has one place for everybody.
    var listingSince: UInt64?
    /// Whether the controller detached, so that the guest runs.
    var hasLeft = false
    /// Whether a monitor command may have resumed the guest.
    var mayRun = false
    /// Whether the guest's machine has ended.
    var hasEnded = false
    var version = ""
    var status = ""
    /// Whether the stub is left as the controller left it.
    var isLeftAsItIs = false
    /// Whether the packets that put the guest back are on their way.
    var isPuttingBack = false
    /// Whether it is put back although the stub has not answered everything.
    var isForced = false
    /// Whether the guest was stopped to be put back.
    var wasInterrupted = false

    /// The packet that lets the guest go; QEMU removes all breakpoints for it.
    var farewell: String {
        if let process { return "D;" + HexText.text(process) }
        return isQEMU ? "D;1" : "D"
    }
}
