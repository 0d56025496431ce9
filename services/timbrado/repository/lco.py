"""SQL of the SAT's LCO: what is in use, its lines, and the load of a new version."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from services.timbrado.repository.base import Base

#: Advisory lock of a load: two at once would each drop what the other has just put in use.
_CANDADO = 7_300_401
#: Versions kept: the one in use, and the one that a process may still be reading.
_CONSERVADAS = 2


@dataclass(frozen=True, slots=True)
class LcoEnUso:
    """Which list is in use; without one, all but `exigir` are None."""

    exigir: bool
    version: int | None
    fecha: datetime | None
    lineas: int | None
    cargada_en: datetime | None


class Lco(Base):
    """The list in use and its switch."""

    def lco_en_uso(self, *, bloquear: bool = False) -> LcoEnUso:
        """What is in use. `bloquear`: nobody changes it until this transaction ends."""
        fila = self._session.execute(
            text(
                "SELECT l.exigir, v.id, v.fecha, v.lineas, v.cargada_en FROM lco l"
                " LEFT JOIN lco_versiones v ON v.id = l.version" + (" FOR UPDATE OF l" if bloquear else "")
            )
        ).one()
        return LcoEnUso(*fila)

    def exigir_lco(self, exigir: bool) -> None:
        """Have stamping ask it, or not. The database refuses it without a list."""
        self._session.execute(text("UPDATE lco SET exigir = :exigir"), {"exigir": exigir})


class FuenteLcoPostgres:
    """What stamping reads of the list: outside of its transactions, one statement a call."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    def estado(self) -> int | None:
        """The version in use, or None where stamping does not ask it."""
        with self._engine.connect() as connection:
            version: int | None = connection.execute(text("SELECT version FROM lco WHERE exigir")).scalar()
            return version

    def lineas(self, version: int, numeros: Collection[str]) -> list[tuple[str, str, str, int]]:
        """(number, RFC, state, obligations) of those certificates that the version has."""
        with self._engine.connect() as connection:
            filas = connection.execute(
                text(
                    "SELECT numero, rfc, estado, obligaciones FROM lco_lineas"
                    " WHERE version = :version AND numero = ANY(CAST(:numeros AS text[]))"
                ),
                {"version": version, "numeros": sorted(numeros)},
            )
            return [(f.numero, f.rfc, f.estado, f.obligaciones) for f in filas]


class CargaDeLco:
    """One load, in one transaction: either the whole new version is in use after it, or nothing happened.

    A process that dies leaves nothing behind; stamping reads the earlier version until the commit.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # A load takes minutes, and reads a file between two statements.
        for limite in ("statement_timeout", "idle_in_transaction_session_timeout"):
            connection.execute(text(f"SET LOCAL {limite} = 0"))
        self.libre = bool(
            connection.execute(
                text("SELECT pg_try_advisory_xact_lock(:candado)"), {"candado": _CANDADO}
            ).scalar()
        )
        """Whether no other load is under way."""

    def lineas_en_uso(self) -> int:
        """Lines of the version in use; zero without one."""
        return int(
            self._connection.execute(
                text("SELECT coalesce(max(v.lineas), 0) FROM lco_versiones v JOIN lco l ON l.version = v.id")
            ).scalar_one()
        )

    def copiar(self, lineas: Iterable[tuple[str, str, str, int]]) -> tuple[int, int]:
        """Copy (number, RFC, state, obligations) into a new version; answers it and how many lines it has.

        A pair that comes twice stays once, in its worst state: the SAT's files repeat a few.
        """
        version = int(
            self._connection.execute(
                text("SELECT nextval(pg_get_serial_sequence('lco_versiones', 'id'))")
            ).scalar_one()
        )
        tabla = f"lco_lineas_{version}"
        self._ejecutar(
            f"CREATE TABLE {tabla} (LIKE lco_lineas INCLUDING DEFAULTS INCLUDING CONSTRAINTS,"
            f" CONSTRAINT ck_{tabla}_version CHECK (version = {version}))"
        )
        driver: Any = self._connection.connection.driver_connection
        with (
            driver.cursor() as cursor,
            cursor.copy(
                f"COPY {tabla} (version, numero, rfc, estado, obligaciones) FROM STDIN WITH (FREEZE)"
            ) as copia,
        ):
            for linea in lineas:
                copia.write_row((version, *linea))
        self._ejecutar(
            f"DELETE FROM {tabla} t USING (SELECT ctid, row_number() OVER (PARTITION BY numero, rfc"
            f" ORDER BY estado DESC) orden FROM {tabla}) r WHERE t.ctid = r.ctid AND r.orden > 1"
        )
        self._ejecutar(f"ALTER TABLE {tabla} ADD CONSTRAINT pk_{tabla} PRIMARY KEY (version, numero, rfc)")
        cuantas = int(self._connection.execute(text(f"SELECT count(*) FROM {tabla}")).scalar_one())
        return version, cuantas

    def usar(self, version: int, fecha: datetime, lineas: int) -> None:
        """Put a copied version in use, and drop those that nobody reads any more."""
        tabla = f"lco_lineas_{version}"
        self._connection.execute(
            text("INSERT INTO lco_versiones (id, fecha, lineas) VALUES (:version, :fecha, :lineas)"),
            {"version": version, "fecha": fecha, "lineas": lineas},
        )
        self._ejecutar(f"ALTER TABLE lco_lineas ATTACH PARTITION {tabla} FOR VALUES IN ({version})")
        self._ejecutar(f"ANALYZE {tabla}")
        self._connection.execute(text("UPDATE lco SET version = :version"), {"version": version})

    def soltar_anteriores(self) -> int:
        """Drop the versions that no process reads any more; answers how many, zero if they were in use.

        In a transaction of its own, after the commit of the new one: it takes the whole table for an instant.
        """
        try:
            return self._soltar()
        except OperationalError:  # the lock was not to be had: the next load drops them
            return 0

    def _soltar(self) -> int:
        viejas = list(
            self._connection.execute(
                text("SELECT id FROM lco_versiones ORDER BY id DESC OFFSET :conservadas"),
                {"conservadas": _CONSERVADAS},
            ).scalars()
        )
        for version in viejas:
            self._ejecutar(f"ALTER TABLE lco_lineas DETACH PARTITION lco_lineas_{version}")
            self._ejecutar(f"DROP TABLE lco_lineas_{version}")
            self._connection.execute(text("DELETE FROM lco_versiones WHERE id = :id"), {"id": version})
        return len(viejas)

    def _ejecutar(self, sql: str) -> None:
        # DDL takes no parameters; what is put into it are numbers of our own sequence.
        self._connection.execute(text(sql))
