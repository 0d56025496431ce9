"""SQL of the sandbox PAC's memory and of the failures that it is told to have."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine, text

from services.timbrado.repository.base import Base
from shared.persistence.base import driver_sql

#: Another company's disk is not ours to wait for: what is written here is on disk at the latest with our own next commit,
#: before which nobody has been given the TFD. A PostgreSQL that dies in between has forgotten it altogether.
_STORE_IF_SOUND = driver_sql(
    "WITH sana AS (SELECT NOT EXISTS (SELECT FROM pac_sandbox.fallas) AS si),"
    " nuevas AS (INSERT INTO pac_sandbox.timbres (huella, tfd) SELECT h, t FROM sana,"
    " unnest(CAST(:huellas AS bytea[]), CAST(:tfds AS bytea[])) u(h, t) WHERE si ORDER BY h"
    " ON CONFLICT DO NOTHING RETURNING huella)"
    " SELECT (SELECT si FROM sana), (SELECT count(*) FROM nuevas), set_config('synchronous_commit', 'off', true)"
)


class Sandbox(Base):
    """What operators tell the sandbox PAC."""

    def inyectar_falla(self, modo: str, veces: int) -> None:
        """Make the sandbox PAC fail `veces` times."""
        # Those of cancellation have a table of their own: one that waits must not slow each stamping.
        tabla = "fallas_de_cancelacion" if modo.startswith("cancelacion_") else "fallas"
        self._session.execute(
            text(f"INSERT INTO pac_sandbox.{tabla} (modo) SELECT :modo FROM generate_series(1, :veces)"),
            {"modo": modo, "veces": veces},
        )


class MemoriaPostgres:
    """The sandbox PAC's memory: another company's database, so each call is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        # One statement a call: a transaction around it would be two more round trips.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    def guardar(self, filas: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
        """Insert where new; the stored TFD of every huella."""
        params = {"huellas": [f[0] for f in filas], "tfds": [f[1] for f in filas]}
        with self._engine.begin() as connection:
            nuevas = connection.execute(
                text(
                    "INSERT INTO pac_sandbox.timbres (huella, tfd) SELECT * FROM unnest(CAST(:huellas AS bytea[]),"
                    " CAST(:tfds AS bytea[])) t(h, t) ORDER BY h ON CONFLICT DO NOTHING RETURNING huella"
                ),
                params,
            ).all()
        if len(nuevas) == len(filas):
            return dict(filas)
        return self.buscar(params["huellas"])

    def guardar_si_sana(self, filas: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes] | None:
        """The same in one statement, unless a failure is pending: then nothing is stored, and it answers None."""
        with self._engine.connect() as connection:
            sana, nuevas, _ = connection.exec_driver_sql(
                _STORE_IF_SOUND, {"huellas": [f[0] for f in filas], "tfds": [f[1] for f in filas]}
            ).one()
        if not sana:
            return None
        return dict(filas) if nuevas == len(filas) else self.buscar([f[0] for f in filas])

    def buscar(self, huellas: Sequence[bytes]) -> dict[bytes, bytes]:
        """The stored TFD of those huellas that have one."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                text("SELECT huella, tfd FROM pac_sandbox.timbres WHERE huella = ANY(:huellas)"),
                {"huellas": list(huellas)},
            )
            return {bytes(r.huella): bytes(r.tfd) for r in rows}

    def falla(self) -> str | None:
        """Take one injected failure."""
        with self._engine.begin() as connection:
            return connection.execute(
                text(
                    "DELETE FROM pac_sandbox.fallas WHERE id = (SELECT min(id) FROM pac_sandbox.fallas) RETURNING modo"
                )
            ).scalar()
