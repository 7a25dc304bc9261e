"""The Merkle tree against published roots and the RFC's own recursion; leaves that tell every two rows apart."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.eventlog.integrity.merkle import CheckpointSigner, Leaves, Tree, holds, leaf, leaf_of, unpacked

INPUTS = "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""The test vectors of certificate-transparency-go (merkletree) and of Trillian: eight leaves and their roots."""
AT = datetime(2026, 3, 1, 12, 0, 0, 123457, tzinfo=UTC)
SIGNER = CheckpointSigner(bytes(range(64)))
ROWS = st.tuples(
    st.integers(1, 2**62), st.binary(min_size=16, max_size=16), st.integers(1, 2**62), st.text(max_size=9), st.binary()
)


def by_the_book(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word: MTH(D[n])."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + by_the_book(leaves[:k]) + by_the_book(leaves[k:])).digest()


def test_the_published_roots() -> None:
    tree = Tree()
    for data, root in zip(INPUTS, ROOTS, strict=True):
        tree.add([sha256(b"\x00" + bytes.fromhex(data)).digest()])
        assert tree.root.hex() == root
    assert Tree().root == sha256(b"").digest()


@settings(max_examples=60)
@given(st.integers(0, 200), st.integers(0, 200))
def test_any_size_in_any_two_pieces(first: int, second: int) -> None:
    leaves = [sha256(bytes([i])).digest() for i in range(200)]
    leaves = (leaves * 2)[: first + second]
    tree = Tree()
    tree.add(leaves[:first])
    tree = Tree(tree.size, tree.peaks)  # as it is kept and read again
    tree.add(leaves[first:])
    assert (tree.size, tree.root) == (len(leaves), by_the_book(leaves))


def test_peaks_of_another_size_are_no_tree() -> None:
    for size, peaks in ((1, []), (2, [b"x" * 32, b"y" * 32]), (1, [b"short"])):
        with pytest.raises(ValueError, match="peaks"):
            Tree(size, peaks)


@settings(max_examples=80)
@given(ROWS, ROWS)
def test_two_rows_have_one_leaf_only_if_they_are_the_same(
    one: tuple[int, bytes, int, str, bytes], other: tuple[int, bytes, int, str, bytes]
) -> None:
    assert (leaf(*one) == leaf(*other)) == (one == other)
    position, stream, version, topic, state = one
    shifted = (position, stream, version, topic + "a", state), (position, stream, version, topic, b"a" + state)
    assert leaf(*shifted[0]) != leaf(*shifted[1]), "what ends one field does not begin the next"


def test_a_row_that_no_writer_of_ours_wrote_has_a_leaf_of_its_own() -> None:
    good = (1, b"s" * 16, 1, "counted", b"state")
    odd = [
        (1, b"s" * 16, 1, "counted", "state"),
        (1, None, 1, "counted", b"state"),
        (1, b"s" * 16, 1.5, "counted", b""),
    ]
    assert len({leaf_of(good), *map(leaf_of, odd)}) == 4
    assert Leaves.of(odd).packed(), "and is proven as it stands"  # type: ignore[arg-type]


@settings(max_examples=50)
@given(st.lists(ROWS, max_size=20))
def test_batches_read_as_they_were_packed(rows: list[tuple[int, bytes, int, str, bytes]]) -> None:
    back = unpacked(Leaves.of(rows).packed())
    assert list(back.positions) == [row[0] for row in rows]
    assert list(back.streams) == [row[1] for row in rows]
    assert list(back.topics) == [row[3] for row in rows]
    assert list(back.hashes) == [leaf(*row) for row in rows]


@settings(max_examples=80)
@given(st.binary(max_size=200))
def test_what_is_no_batch_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="no batch"):
        unpacked(raw)


def test_a_checkpoint_goes_through_json_and_any_change_shows() -> None:
    root = sha256(b"root").digest()
    made = SIGNER.checkpoint(7, root, AT)
    assert holds(msgspec.json.decode(msgspec.json.encode(made), type=type(made)))
    assert SIGNER.signed(7, root, AT, bytes.fromhex(made.signature))
    for change in ({"size": 8}, {"root": "00" * 32}, {"at": datetime(2026, 3, 1, tzinfo=UTC)}, {"key": "ab" * 32}):
        assert not holds(msgspec.structs.replace(made, **change))
    assert not holds(msgspec.structs.replace(made, signature="nonsense"))
    assert SIGNER.seal(0, 1, b"x") != SIGNER.seal(1, 1, b"x") != CheckpointSigner(bytes(64)).seal(1, 1, b"x")
