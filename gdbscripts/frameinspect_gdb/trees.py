"""Searches B-tree maps and small vectors of Rust's libraries in guest memory without trusting them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from .errors import ReadProblem

#: The highest root: a map of all physical frames has a height of 21 at most.
MAXIMUM_HEIGHT = 24
#: The most elements of one vector: what claims more is damaged.
MAXIMUM_ELEMENTS = 1 << 16

Read = Callable[[int, int], bytes]


class Number(NamedTuple):
    """A little-endian number inside a structure."""

    offset: int
    width: int

    def of(self, data: bytes, base: int = 0) -> int:
        """Its value."""
        start = base + self.offset
        return int.from_bytes(data[start : start + self.width], "little")


class RowPlace(NamedTuple):
    """Elements in a row inside a structure."""

    offset: int
    stride: int
    count: int


@dataclass(frozen=True)
class TreeLayout:
    """How to find the root of a map, and what its nodes look like."""

    root_node: Number
    root_height: Number
    length: Number
    map_size: int
    leaf_size: int
    internal_size: int
    #: First byte of the leaf in an internal node.
    leaf_offset: int
    node_length: Number
    keys: RowPlace
    values: RowPlace
    edges: RowPlace


@dataclass(frozen=True)
class VectorLayout:
    """A vector that keeps its first elements in place and moves to the heap when it grows."""

    capacity: Number
    inline: RowPlace
    pointer: Number
    length: Number


class Entry(NamedTuple):
    """An entry of a map: the bytes of its key and of its value, and where the value lies."""

    key: bytes
    value: bytes
    address: int


class _Node(NamedTuple):
    address: int
    data: bytes
    count: int


class Tree:
    """A map at an address."""

    def __init__(self, layout: TreeLayout, read: Read, address: int, key: Callable[[bytes], tuple[int, ...]]) -> None:
        """`key` makes what keys are ordered by of a key's bytes."""
        self._layout = layout
        self._read = read
        self._key = key
        header = read(address, layout.map_size)
        self.length = layout.length.of(header)
        self._root = layout.root_node.of(header)
        self._height = layout.root_height.of(header)
        if self.length and self._height > MAXIMUM_HEIGHT:
            raise ReadProblem(f"the map's root would have a height of {self._height}")

    def below(self, bound: tuple[int, ...]) -> Iterator[Entry]:
        """Entries with keys below a bound, from the highest down: each step reads one path of nodes at most."""
        if self.length and self._root:
            yield from self._descend(self._root, self._height, bound)

    def _descend(self, address: int, height: int, bound: tuple[int, ...]) -> Iterator[Entry]:
        node = self._node(address, height)
        keys = [self._key(self._slice(node, self._layout.keys, index, height)) for index in range(node.count)]
        if any(left >= right for left, right in zip(keys, keys[1:])):
            raise ReadProblem(f"the keys of the map's node at {address:#x} do not ascend")
        below = sum(key < bound for key in keys)
        for index in range(below, -1, -1):
            if index < below:
                yield self._entry(node, index, height)
            if height:
                edge = self._layout.edges.offset + index * self._layout.edges.stride
                yield from self._descend(int.from_bytes(node.data[edge : edge + 8], "little"), height - 1, bound)

    def _node(self, address: int, height: int) -> _Node:
        layout = self._layout
        try:
            data = self._read(address, layout.internal_size if height else layout.leaf_size)
        except ReadProblem as error:
            raise ReadProblem(f"a node of the map would lie at {address:#x}: {error}") from error
        count = layout.node_length.of(data, layout.leaf_offset if height else 0)
        if not 0 < count <= layout.keys.count:
            raise ReadProblem(
                f"the map's node at {address:#x} says that it has {count} entries; a node has 1 to {layout.keys.count}"
            )
        return _Node(address, data, count)

    def _slice(self, node: _Node, row: RowPlace, index: int, height: int) -> bytes:
        start = (self._layout.leaf_offset if height else 0) + row.offset + index * row.stride
        return node.data[start : start + row.stride]

    def _entry(self, node: _Node, index: int, height: int) -> Entry:
        values = self._layout.values
        offset = (self._layout.leaf_offset if height else 0) + values.offset + index * values.stride
        key = self._slice(node, self._layout.keys, index, height)
        return Entry(key, node.data[offset : offset + values.stride], node.address + offset)


def elements(layout: VectorLayout, vector: bytes, read: Read) -> list[bytes]:
    """The elements of a vector, in place or on the heap."""
    capacity = layout.capacity.of(vector)
    stride = layout.inline.stride
    if capacity <= layout.inline.count:
        data, count = vector[layout.inline.offset :], capacity
    else:
        count = layout.length.of(vector)
        if count > min(capacity, MAXIMUM_ELEMENTS):
            raise ReadProblem(f"a vector would have {count} elements and room for {capacity}")
        data = read(layout.pointer.of(vector), count * stride)
    return [data[index * stride : (index + 1) * stride] for index in range(count)]
