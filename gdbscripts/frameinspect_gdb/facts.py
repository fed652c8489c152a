"""What the image says of the kernel: anchors, layouts, and why something is not known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import gdb

from . import types
from .cells import CellPath, find
from .errors import Problem
from .image import Image
from .layout import Layout
from .profile import Profile
from .symbols import data_symbols, one, variable_type
from .trees import Number, RowPlace, TreeLayout, VectorLayout

Result = TypeVar("Result")


@dataclass(frozen=True)
class VtableLayout:
    """Where a vtable's parts are."""

    size: int
    alignment: int
    on_last_ref: int | None
    on_unmap: int | None
    reserved: RowPlace | None


@dataclass(frozen=True)
class ZoneLayout:
    """Where the allocator keeps its zones: offsets in allocator, zones and segments."""

    path: CellPath
    zones: RowPlace
    kind: Number
    segment_count: Number
    segments: Number
    segment_size: int
    segment_base: Number
    segment_pages: Number
    free_lists: RowPlace


@dataclass(frozen=True)
class CacheLayout:
    """Where the per-CPU caches are, and where a cache keeps its frames."""

    caches: RowPlace
    path: CellPath
    length: Number
    frames: RowPlace


@dataclass(frozen=True)
class OwnershipLayout:
    """Where ownership of blocks is recorded."""

    path: CellPath
    tree: TreeLayout
    base: Number
    order: Number
    state: Number
    refcount: Number
    pins: Number
    capabilities_offset: int
    capabilities: VectorLayout
    capability: Number


@dataclass(frozen=True)
class MappingLayout:
    """Where mappings of capabilities are recorded."""

    path: CellPath
    tree: TreeLayout
    capability: Number
    mappings: VectorLayout
    space: Number
    address: Number
    size: Number


class KernelFacts:
    """The facts of one image under one profile."""

    def __init__(self, profile: Profile, image: Image) -> None:
        self.profile = profile
        self.image = image
        #: Why a layout is not known, by its name.
        self.missing: dict[str, str] = {}
        self._cells: list[dict[str, Any]] = profile.tree.get("cells") or []
        symbols = data_symbols(image.path)
        #: Addresses of the anchors that the image has, and their full names.
        self.anchors: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._prefixes: list[str] = []
        for anchor, path in profile.anchors.items():
            symbol = one(path, anchor, symbols)
            if symbol is not None:
                self.anchors[anchor] = symbol.address
                self._names[anchor] = symbol.name
                prefix = symbol.name[: len(symbol.name) - len(path)]
                if prefix not in self._prefixes:
                    self._prefixes.append(prefix)
        self.has_symbols = bool(symbols)
        self._read_types()

    def anchor(self, name: str) -> int:
        """The address of an anchor."""
        if name not in self.anchors:
            path = self.profile.path_of(name)
            what = "no symbol " + path if self.has_symbols else "no symbols"
            raise Problem(
                f"the image {self.image.path} has {what}: give gdb the kernel's ELF file with symbols (`file KERNEL`)"
            )
        return self.anchors[name]

    def _read_types(self) -> None:
        profile = self.profile
        self.slot_type = self._find(profile.slot_type)
        if self.slot_type is None:
            self.origin = f"offsets of the profile: the image has no type {profile.slot_type}"
            self.layout = Layout(profile)
        else:
            self.origin = f"debug information of {self.slot_type.name}, {self.slot_type.sizeof} bytes"
            self.layout = Layout(profile, self.slot_type.sizeof, self._placements(self.slot_type))
        self.vtable = self._vtable()
        self.zones = self._learn("zones", self._zones)
        self.caches = self._learn("per-CPU caches", self._caches)
        self.ownership = self._learn("the ownership table", self._ownership)
        self.mappings = self._learn("the mapping index", self._mappings)
        #: Names of the types of the ownership table's keys and values.
        self.ownership_types = self._learn("types of ownership", self._ownership_types)

    def _find(self, path: str) -> gdb.Type | None:
        return types.find_type(path, self._prefixes) if self.has_symbols else None

    def _type(self, path: str) -> gdb.Type:
        found = self._find(path)
        if found is None:
            raise Problem(f"the debug information has no type {path}")
        return found

    def _variable(self, anchor: str) -> gdb.Type:
        found = variable_type(self._names[anchor]) if anchor in self._names else None
        if found is None:
            raise Problem(f"the debug information has no variable {self.profile.path_of(anchor)}")
        return found.strip_typedefs()

    def _learn(self, name: str, body: Callable[[], Result]) -> Result | None:
        try:
            return body()
        except (Problem, KeyError) as problem:
            self.missing[name] = (
                f"the profile does not describe {problem}" if isinstance(problem, KeyError) else str(problem)
            )
            return None

    def _placements(self, slot: gdb.Type) -> dict[str, tuple[int, int]]:
        """Where debug information says that the fields are; a field that this kernel does not have is left out."""
        result = {}
        for name, field in self.profile.fields.items():
            try:
                found = types.unwrapped(types.place(slot, field.member))
            except Problem:
                continue
            if found.type.sizeof in (1, 2, 4, 8):
                result[name] = (found.offset, found.type.sizeof)
        return result

    def _vtable(self) -> VtableLayout | None:
        names = self.profile.vtable
        if names is None:
            return None
        kind = self._find(names.type)
        if kind is None:
            reserved = names.reserved
            row = RowPlace(int(reserved["offset"]), 8, int(reserved["count"])) if reserved else None
            hooks = [field.offset if field else None for field in (names.on_last_ref, names.on_unmap)]
            return VtableLayout(names.size, names.alignment, hooks[0], hooks[1], row)
        hooks = [
            types.place(kind, field.member).offset if field else None for field in (names.on_last_ref, names.on_unmap)
        ]
        row = types.flat_array(types.place(kind, names.reserved["member"]))[0] if names.reserved else None
        return VtableLayout(kind.sizeof, names.alignment, hooks[0], hooks[1], row)

    def _zones(self) -> ZoneLayout:
        names = self.profile.tree["zones"]
        allocator, zone = self._type(names["allocatorType"]), self._type(names["zoneType"])
        segment = self._type(names["segmentType"])
        path, _ = find(
            self._cells,
            self._variable(names["allocator"]),
            "",
            lambda kind: types.has_path(kind, names["allocatorType"]),
        )
        zones, element = types.array(types.place(allocator, names["zones"]))
        if element.sizeof != zone.sizeof:
            raise Problem(f"{names['zones']} of {allocator.name} are no zones")
        return ZoneLayout(
            path=path,
            zones=zones,
            kind=types.number(zone, names["zone"]["kind"]),
            segment_count=types.number(zone, names["zone"]["segmentCount"]),
            segments=types.number(zone, names["zone"]["segments"]),
            segment_size=segment.sizeof,
            segment_base=types.number(segment, names["segment"]["base"]),
            segment_pages=types.number(segment, names["segment"]["pageCount"]),
            free_lists=types.flat_array(types.place(segment, names["segment"]["freeLists"]))[0],
        )

    def _caches(self) -> CacheLayout:
        names = self.profile.tree["frameCaches"]
        variable, cache = self._variable(names["anchor"]), self._type(names["type"])
        if not types.is_array(variable):
            raise Problem(f"{self.profile.path_of(names['anchor'])} is no array")
        element = variable.target().strip_typedefs()
        path, _ = find(self._cells, element, "", lambda kind: types.has_path(kind, names["type"]))
        frames, _ = types.flat_array(types.place(cache, names["frames"]))
        return CacheLayout(
            RowPlace(0, element.sizeof, types.array_count(variable)), path, types.number(cache, names["length"]), frames
        )

    def _map(self, anchor: str, path: str) -> tuple[CellPath, TreeLayout, gdb.Type, gdb.Type]:
        """The map behind an anchor: its place and form, and the types of its keys and values."""
        cell, kind = find(self._cells, self._variable(anchor), path, lambda kind: types.plain_name(kind) == "BTreeMap")
        root = types.place(kind, "root")
        some = types.variant(root.type, "Some")
        if some is not None:
            root = types.Member(root.offset + some.offset, some.type)
        node, height = types.place(root.type, "node"), types.number(root.type, "height")
        leaf = types.target(node.type, "a map's root")
        inner = types.target(types.place(leaf, "parent").type, "a node's parent")
        keys, key = types.array(types.place(leaf, "keys"))
        values, value = types.array(types.place(leaf, "vals"))
        edges, _ = types.array(types.place(inner, "edges"))
        if keys.count != values.count or edges.count != keys.count + 1 or edges.stride != 8:
            raise Problem(f"the nodes of {kind.name} have a form that is not a B-tree's")
        layout = TreeLayout(
            root_node=Number(root.offset + node.offset, 8),
            root_height=Number(root.offset + height.offset, height.width),
            length=types.number(kind, "length"),
            map_size=kind.sizeof,
            leaf_size=leaf.sizeof,
            internal_size=inner.sizeof,
            leaf_offset=types.place(inner, "data").offset,
            node_length=types.number(leaf, "len"),
            keys=keys,
            values=values,
            edges=edges,
        )
        return cell, layout, key, value

    def _vector(self, vector: gdb.Type) -> tuple[VectorLayout, gdb.Type]:
        """A small vector's form, and the type of its elements."""
        data = types.place(vector, "data")
        inline = types.variant(data.type, "Inline") or types.variant(data.type, "inline")
        heap = types.variant(data.type, "Heap") or types.variant(data.type, "heap")
        pointer = types.pointer(heap.type) if heap else None
        length = types.length_word(heap.type) if heap else None
        if inline is None or heap is None or pointer is None or length is None:
            raise Problem(f"the type {vector.name} has not the form of a small vector")
        row, element = types.array(inline)
        base = data.offset + heap.offset
        return (
            VectorLayout(
                capacity=types.number(vector, "capacity"),
                inline=RowPlace(data.offset + row.offset, row.stride, row.count),
                pointer=Number(base + pointer.offset, 8),
                length=Number(base + length, 8),
            ),
            element,
        )

    def _ownership(self) -> OwnershipLayout:
        names = self.profile.tree["ownership"]
        path, tree, key, value = self._map(names["anchor"], names["map"])
        entry = names["entry"]
        vector = types.place(value, entry["capabilities"])
        capabilities, element = self._vector(vector.type)
        return OwnershipLayout(
            path=path,
            tree=tree,
            base=types.number(key, names["key"]["base"]),
            order=types.number(key, names["key"]["order"]),
            state=types.number(value, entry["state"]),
            refcount=types.number(value, entry["refcount"]),
            pins=types.number(value, entry["transientRefs"]),
            capabilities_offset=vector.offset,
            capabilities=capabilities,
            capability=types.number(element, ""),
        )

    def _ownership_types(self) -> tuple[str | None, str | None]:
        names = self.profile.tree["ownership"]
        _, _, key, value = self._map(names["anchor"], names["map"])
        return key.name, value.name

    def _mappings(self) -> MappingLayout:
        names = self.profile.tree["mappings"]
        path, tree, key, value = self._map(names["anchor"], names["map"])
        mappings, element = self._vector(value)
        mapping = names["mapping"]
        return MappingLayout(
            path=path,
            tree=tree,
            capability=types.number(key, ""),
            mappings=mappings,
            space=types.number(element, mapping["space"]),
            address=types.number(element, mapping["address"]),
            size=types.number(element, mapping["size"]),
        )
