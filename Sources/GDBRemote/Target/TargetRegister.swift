/// One register, as the target's description has it.
public struct TargetRegister: Hashable, Sendable {
    /// Its name, such as `rip`; unique within the target.
    public var name: String
    /// Its number in `p` and in stop replies.
    public var number: Int
    /// Its size in bits.
    public var bits: Int
    /// Its type, such as `int64`, `data_ptr` or `i386_eflags`.
    public var type: String
    /// Its group, such as `general` or `float`; empty where none is said.
    public var group: String
    /// The feature that it belongs to, such as `org.gnu.gdb.i386.core`.
    public var feature: String
    /// Where it begins in the reply to `g`, in bytes.
    public var offset: Int

    /// Its size in whole bytes.
    public var size: Int { (bits + 7) / 8 }
}
