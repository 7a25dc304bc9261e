"""The keys of people, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from alerts.eventlog.ports import ConcurrencyConflict
from alerts.kernel.ids import new_id
from subscribers.vault import KeyDestroyed, KeyMissing, Vault, WrongMasterKey
from tests.support.counters import COUNTER, MASTER, Named, log_rig

if TYPE_CHECKING:
    from tests.support.databases import Databases


def test_sealed_for_one_subject_and_readable_by_another_process(databases: Databases) -> None:
    vault = Vault(databases.keys, MASTER)
    ada, bob = new_id(), new_id()
    sealed = vault.seal(ada, b"ada@example.org", fresh=True)
    assert b"ada" not in sealed
    assert vault.unseal(ada, sealed) == b"ada@example.org", "before it is on disk as well"
    vault.flush()
    vault.flush()
    again = Vault(databases.another("keys"), MASTER)
    assert again.unseal(ada, sealed) == b"ada@example.org"
    assert again.unseal(ada, again.seal(ada, b"more")) == b"more"
    with pytest.raises(KeyMissing):
        again.unseal(bob, sealed)
    again.seal(bob, b"bob")
    for altered in (sealed[:-1] + bytes([sealed[-1] ^ 1]), b"", sealed[:20]):
        with pytest.raises(ValueError, match="altered"):
            again.unseal(ada, altered)
    with pytest.raises(ValueError, match="another"):
        again.unseal(bob, sealed)


def test_destroyed_is_for_ever(databases: Databases) -> None:
    vault = Vault(databases.keys, MASTER)
    ada, bob = new_id(), new_id()
    sealed = vault.seal(ada, b"ada")
    other = vault.seal(bob, b"bob")
    vault.flush()
    with databases.keys.read() as tx:
        wrapped = bytes(tx.execute("SELECT wrapped FROM subject_keys WHERE subject = ?", (ada.bytes,))[0][0])
    vault.destroy(ada)
    vault.destroy(ada)
    for one in (vault, Vault(databases.another("keys"), MASTER)):
        assert one.unseal(ada, sealed) is None
        assert one.unseal(bob, other) == b"bob"
        with pytest.raises(KeyDestroyed):
            one.seal(ada, b"again")
    unaware = Vault(databases.another("keys"), MASTER)
    unaware.seal(ada, b"again", fresh=True)
    with pytest.raises(ConcurrencyConflict):
        unaware.flush()
    with pytest.raises(KeyDestroyed):
        unaware.seal(ada, b"again", fresh=True)
    if databases.dialect == "sqlite":
        folder = Path(databases.url.removeprefix("sqlite:///")).parent
        files = [file for file in folder.iterdir() if ".keys.db" in file.name]
        assert len(files) == 3, "the file, its WAL and its index"
        assert not any(wrapped in file.read_bytes() for file in files)


def test_a_key_that_another_process_remembers_can_be_forgotten(databases: Databases) -> None:
    one, two = Vault(databases.keys, MASTER), Vault(databases.another("keys"), MASTER)
    ada = new_id()
    sealed = one.seal(ada, b"ada")
    one.flush()
    assert two.unseal(ada, sealed) == b"ada"
    one.destroy(ada)
    two.forget(ada)
    assert two.unseal(ada, sealed) is None


def test_two_processes_that_make_a_key_for_the_same_subject(databases: Databases) -> None:
    one, two = Vault(databases.keys, MASTER), Vault(databases.another("keys"), MASTER)
    shared = new_id()
    first = one.seal(shared, b"first", fresh=True)
    two.seal(shared, b"lost", fresh=True)
    one.flush()
    with pytest.raises(ConcurrencyConflict):
        two.flush()
    assert two.unseal(shared, first) == b"first"
    assert one.unseal(shared, two.seal(shared, b"second", fresh=True)) == b"second"


def test_another_master_key_is_refused(databases: Databases) -> None:
    Vault(databases.keys, MASTER)
    with pytest.raises(WrongMasterKey, match="ALERTS_MASTER_KEY"):
        Vault(databases.keys, bytes(32))
    with pytest.raises(WrongMasterKey, match="31 bytes"):
        Vault(databases.keys, bytes(31))


def test_many_subjects_at_once(databases: Databases) -> None:
    vault = Vault(databases.keys, MASTER)
    people = [new_id() for _ in range(1200)]
    sealed = [vault.seal(person, person.bytes, fresh=True) for person in people]
    vault.flush()
    small = Vault(databases.another("keys"), MASTER, cache=2000)
    small.prefetch(people)
    databases.keys.close()
    assert [small.unseal(p, s) for p, s in zip(people, sealed, strict=True)] == [p.bytes for p in people]


def test_a_small_cache_forgets_the_oldest_and_reads_them_again(databases: Databases) -> None:
    vault = Vault(databases.keys, MASTER, cache=3)
    people = [new_id() for _ in range(10)]
    sealed = [vault.seal(person, person.bytes) for person in people]
    vault.flush()
    assert [vault.unseal(p, s) for p, s in zip(people, sealed, strict=True)] == [p.bytes for p in people]
    assert len(vault._keys) == 3


def test_two_processes_end_with_one_secret_of_a_purpose(databases: Databases) -> None:
    vaults = [Vault(databases.keys, MASTER), Vault(databases.another("keys"), MASTER)]
    with ThreadPoolExecutor(2) as racing:
        found = list(racing.map(lambda vault: vault.shared_secret("vapid", 48), vaults))
    assert found[0] == found[1] == Vault(databases.another("keys"), MASTER).shared_secret("vapid", 48)
    assert len(found[0]) == 48 and vaults[0].shared_secret("other", 48) != found[0]


def test_from_several_threads(databases: Databases) -> None:
    vault = Vault(databases.keys, MASTER)
    people = [new_id() for _ in range(50)]
    wrong: list[object] = []

    def work() -> None:
        for person in people:
            try:
                if vault.unseal(person, vault.seal(person, b"x")) != b"x":
                    wrong.append(person)
                vault.flush()
            except Exception as error:
                wrong.append(error)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_key_is_on_disk_before_the_first_event_that_it_seals(databases: Databases) -> None:
    stream = new_id()
    with log_rig(databases) as made:
        made.writer.submit(lambda unit: unit.append(COUNTER, stream, Named(name="Ada")), by="system").result(10)
        with databases.another("keys").read() as tx:
            assert len(tx.execute("SELECT 1 FROM subject_keys WHERE subject = ?", (stream.bytes,))) == 1
        made.vault.destroy(stream)
        with pytest.raises(KeyDestroyed):
            made.writer.submit(
                lambda unit: (unit.get(COUNTER, stream), unit.append(COUNTER, stream, Named(name="Eve"))), by="system"
            ).result(10)
        assert len(made.log.stream(stream)) == 1
