"""A script of somebody else: a prefix, a pretty-printer that looks at every value, and a hook of its own."""

import gdb
import gdb.printing


class Dummy(gdb.Command):
    """Show that it lives."""

    def __init__(self) -> None:
        super().__init__("dummy", gdb.COMMAND_USER)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Called by gdb."""
        print("dummy lives")


class DummyPrinter:
    """Prints what the dummy claims."""

    def __init__(self, value: gdb.Value) -> None:
        self._value = value

    def to_string(self) -> str:
        """Called by gdb."""
        return f"the dummy's {int(self._value)}"


def dummy_lookup(value: gdb.Value) -> object:
    """Claims a type that everybody uses."""
    return DummyPrinter(value) if str(value.type) == "i32" else None


collection = gdb.printing.RegexpCollectionPrettyPrinter("dummy")
collection.add_printer("number", "^dummy_type$", DummyPrinter)
gdb.printing.register_pretty_printer(None, collection)
gdb.pretty_printers.append(dummy_lookup)
Dummy()
