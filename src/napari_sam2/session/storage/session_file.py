"""The session file ``.sam2``: one SQLite file that holds the log of steps, safe against a crash at any moment.

Every write is one transaction with a rollback journal and ``synchronous=FULL``, so what a call wrote is on disk when
the call returns, whole. Values and masks are blobs named by their SHA-256; every other row carries a CRC-32. The
file is locked while it is open, and safe to copy when it is closed.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import weakref
import zlib
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.core.held_files import let_go
from napari_sam2.core.paths import is_folder, why_no_file
from napari_sam2.errors import SessionFileError
from napari_sam2.session.log.codec import dumps
from napari_sam2.session.log.history import Change, History, Step
from napari_sam2.session.log.kinds import KINDS
from napari_sam2.session.storage import database
from napari_sam2.session.storage.database import APPLICATION_ID, FORMAT_VERSION
from napari_sam2.session.storage.header import SessionHeader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from napari_sam2.session.log.kinds import Kind

SUFFIX = ".sam2"
_TIME = "time"

_SCHEMA = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE blob (hash TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE step (id INTEGER PRIMARY KEY, name TEXT NOT NULL, arguments TEXT NOT NULL, done INTEGER NOT NULL,
                   crc INTEGER NOT NULL);
CREATE TABLE change (step INTEGER NOT NULL, place INTEGER NOT NULL, kind TEXT NOT NULL, obj INTEGER NOT NULL,
                     frame INTEGER NOT NULL, before TEXT, after TEXT, crc INTEGER NOT NULL, PRIMARY KEY (step, place));
CREATE TABLE value (kind TEXT NOT NULL, obj INTEGER NOT NULL, frame INTEGER NOT NULL, hash TEXT NOT NULL,
                    crc INTEGER NOT NULL, PRIMARY KEY (kind, obj, frame));
"""


class SessionFile:
    """An open session file; the journal of a :class:`~napari_sam2.session.log.history.History`.

    Use :meth:`create` or :meth:`open`.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection
        self._ids: dict[Step, int] = {}
        self._let_go: Callable[[], object] = lambda: None  # Of a new file, which nobody knows yet.

    # ------------------------------------------------------------------ opening

    @classmethod
    def create(cls, path: Path, header: SessionHeader, history: History) -> SessionFile:
        """Write a new file that holds this history, whole or not at all; what stood there before is replaced.

        Raises
        ------
        SessionFileError
            If the disk refuses, or the file that stands there is open in another session.
        """
        if not is_folder(path.parent):
            raise SessionFileError(f"{path} cannot be saved: the folder {path.parent} does not exist.")
        why = why_no_file(path) if os.path.exists(path) else ""
        if why.startswith("it is"):
            raise SessionFileError(f"{path} cannot be saved: {why}.\nGive the name of a file.")
        part = path.with_name(f".{path.name}.part")
        with database.explaining(path, "could not be saved"):
            database.refuse_if_open(path)
            database.remove(part)
            try:
                with closing(database.connect(part)) as db:
                    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                    db.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
                    db.executescript(_SCHEMA)
                    file = cls(part, db)
                    file._set(header.to_json())
                    file.rewrite(history)
                os.replace(part, path)
                database.sync_folder(path.parent)
            finally:
                database.remove(part)
        new = cls.open(path)
        new._ids = file._ids
        return new

    @classmethod
    def open(cls, path: Path) -> SessionFile:
        """Open a file, lock it, and check it; a file that was not closed (a crash) needs nothing more.

        Raises
        ------
        SessionFileError
            If it is no session file, from a newer version, damaged, or open elsewhere. It is then left as it was.
        """
        database.check_session_file(path)
        with database.reading(path), ExitStack() as undo:
            key = database.hold_alone(path)
            undo.callback(let_go, key)
            db = undo.enter_context(closing(database.connect(path)))
            db.execute("BEGIN EXCLUSIVE")
            db.execute("COMMIT")
            found = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
            if found != "ok":
                raise ValueError(found)
            undo.pop_all()
        file = cls(path, db)
        file._let_go = weakref.finalize(file, let_go, key)
        return file

    def load(self, history: History) -> None:
        """Make a history what the file holds."""
        with database.reading(self.path):
            known: dict[Any, Any] = {}
            values = []
            for word, obj_id, frame, name in self._rows("SELECT kind, obj, frame, hash, crc FROM value ORDER BY rowid"):
                kind = self._kind(word)
                values.append((kind, obj_id, frame, self._value(kind, name, known)))
            changes: dict[int, list[Change[Any]]] = {}
            query = "SELECT step, place, kind, obj, frame, before, after, crc FROM change ORDER BY step, place"
            for number, _, word, obj_id, frame, before, after in self._rows(query):
                kind = self._kind(word)
                old, new = self._value(kind, before, known), self._value(kind, after, known)
                changes.setdefault(number, []).append(Change(kind, obj_id, frame, old, new))
            done: list[Step] = []
            undone: list[Step] = []
            query = "SELECT id, name, arguments, done, crc FROM step ORDER BY id"
            for number, name, arguments, is_done in self._rows(query):
                given = json.loads(arguments)
                step = Step(name, given, changes.pop(number, []), given.pop(_TIME, None))
                self._ids[step] = number
                (done if is_done else undone).append(step)
            if changes:
                raise ValueError("there are changes without a step")
        history.restore(values, done, undone[::-1])

    def close(self) -> None:
        """Mark the file as closed in good order, and unlock it."""
        try:
            self.mark_open(False)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Unlock the file and leave it as it is."""
        self._db.close()
        self._let_go()

    # ------------------------------------------------------------------ header

    def header(self) -> SessionHeader:
        """Return the header.

        Raises
        ------
        SessionFileError
            If it cannot be read, or if something is missing in it.
        """
        with database.reading(self.path):
            found = {n: json.loads(v) for n, v in self._rows("SELECT name, value, crc FROM setting")}
            try:
                return SessionHeader.from_json(found)
            except KeyError as error:
                raise ValueError(f"{error} is missing") from error

    def write_header(self, header: SessionHeader) -> None:
        """Write what differs from the header that is there; nothing if nothing does."""
        known = self.header().to_json()
        changed = {name: value for name, value in header.to_json().items() if value != known[name]}
        if changed:
            self._set(changed)

    def mark_open(self, is_open: bool) -> None:
        """Note that a session writes the file, or that it was closed in good order."""
        self._set({"open": is_open})

    def _set(self, rows: Mapping[str, Any]) -> None:
        with self._transaction() as db:
            for name, value in rows.items():
                row = (name, dumps(value).decode())
                db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?, ?)", (*row, _crc(row)))

    # ------------------------------------------------------------------ the journal

    def append(self, step: Step, changes: Sequence[Change[Any]]) -> None:
        """Add changes to a step, which is new if the file does not know it."""
        with self._transaction() as db:
            number = self._ids.get(step)
            if number is None:
                number = self._next_step(db)
                self._insert_step(db, number, step, done=True)
            self._insert_changes(db, number, changes, len(step.changes) - len(changes))
            self._update_values(db, changes)
        self._ids[step] = number

    def mark(self, step: Step, changes: Sequence[Change[Any]], *, done: bool) -> None:
        """Note that a step was undone or done again; ``changes`` say what that made of the values."""
        with self._transaction() as db:
            self._insert_step(db, self._ids[step], step, done=done)
            self._update_values(db, changes)

    def forget(self, steps: Sequence[Step]) -> None:
        """Remove steps from the log; what they made of the values stays."""
        with self._transaction() as db:
            for step in steps:
                number = self._ids.pop(step, None)
                db.execute("DELETE FROM change WHERE step = ?", (number,))
                db.execute("DELETE FROM step WHERE id = ?", (number,))

    def rewrite(self, history: History) -> None:
        """Make the file what the history is."""
        steps = [(step, True) for step in history.steps] + [(step, False) for step in reversed(history.undone)]
        with self._transaction() as db:
            for table in ("value", "change", "step", "blob"):
                db.execute(f"DELETE FROM {table}")
            for number, (step, done) in enumerate(steps, start=1):
                self._insert_step(db, number, step, done=done)
                self._insert_changes(db, number, step.changes, 0)
            for kind, obj_id, frame, value in history.values():
                self._insert_value(db, kind, obj_id, frame, self._keep_value(db, kind, value))
        self._ids = {step: i for i, (step, _) in enumerate(steps, start=1)}

    # ------------------------------------------------------------------ rows

    def _next_step(self, db: sqlite3.Connection) -> int:
        return int(db.execute("SELECT coalesce(max(id), 0) + 1 FROM step").fetchone()[0])

    def _insert_step(self, db: sqlite3.Connection, number: int, step: Step, *, done: bool) -> None:
        # Beside the arguments, where older versions keep it without looking at it.
        given = step.arguments if step.time is None else {**step.arguments, _TIME: step.time}
        row = (number, step.name, dumps(given).decode(), int(done))
        db.execute("INSERT OR REPLACE INTO step VALUES (?, ?, ?, ?, ?)", (*row, _crc(row)))

    def _insert_changes(self, db: sqlite3.Connection, step: int, changes: Sequence[Change[Any]], first: int) -> None:
        for place, c in enumerate(changes, start=first):
            before, after = self._keep_value(db, c.kind, c.before), self._keep_value(db, c.kind, c.after)
            row = (step, place, c.kind.name, c.obj_id, c.frame, before, after)
            db.execute("INSERT INTO change VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, _crc(row)))

    def _update_values(self, db: sqlite3.Connection, changes: Sequence[Change[Any]]) -> None:
        for c in changes:
            name = self._keep_value(db, c.kind, c.after)
            if name is None:
                place = (c.kind.name, c.obj_id, c.frame)
                db.execute("DELETE FROM value WHERE kind = ? AND obj = ? AND frame = ?", place)
            else:
                self._insert_value(db, c.kind, c.obj_id, c.frame, name)

    def _insert_value(self, db: sqlite3.Connection, kind: Kind[Any], obj_id: int, frame: int, name: str | None) -> None:
        row = (kind.name, obj_id, frame, name)
        db.execute("INSERT OR REPLACE INTO value VALUES (?, ?, ?, ?, ?)", (*row, _crc(row)))

    def _keep_value(self, db: sqlite3.Connection, kind: Kind[Any], value: Any) -> str | None:
        if value is None:
            return None
        keep = partial(_keep, db)
        return keep(kind.to_bytes(value, keep))

    def _kind(self, name: str) -> Kind[Any]:
        if name not in KINDS:
            raise SessionFileError(
                f"{self.path} was written by a newer version of napari-sam2: it holds values of the kind {name!r}.\n"
                "Update napari-sam2; the file was left as it is."
            )
        return KINDS[name]

    def _value(self, kind: Kind[Any], name: str | None, known: dict[Any, Any]) -> Any:
        """Return one value; equal values become one object."""
        if name is None:
            return None

        def fetch(name: str, decode: Callable[[bytes], Any]) -> Any:
            if name not in known:
                known[name] = decode(self._blob(name))
            return known[name]

        # The same bytes may stand for values of two kinds.
        key = (kind.codec, name)
        if key not in known:
            known[key] = kind.from_bytes(self._blob(name), fetch)
        return known[key]

    def _blob(self, name: str) -> bytes:
        found = self._db.execute("SELECT data FROM blob WHERE hash = ?", (name,)).fetchone()
        if found is None or hashlib.sha256(found[0]).hexdigest() != name:
            raise ValueError("a stored value is missing or altered")
        return bytes(found[0])

    def _rows(self, query: str) -> Iterator[Any]:
        for *row, crc in self._db.execute(query):
            if _crc(tuple(row)) != crc:
                raise ValueError("a row is altered")
            yield tuple(row)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with database.explaining(self.path, "could not be written; what was done is kept in memory"):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise


def _keep(db: sqlite3.Connection, data: bytes) -> str:
    name = hashlib.sha256(data).hexdigest()
    db.execute("INSERT OR IGNORE INTO blob VALUES (?, ?)", (name, data))
    return name


def _crc(row: tuple[Any, ...]) -> int:
    return zlib.crc32(repr(row).encode())
