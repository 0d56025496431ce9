"""All of timbrado's SQL. Locks are taken here and in the ledger, always accounts by id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from services.timbrado.domain import CtiGuardada
from services.timbrado.models import Cti, Timbrado
from shared.ledger.domain import Cuenta
from shared.ledger.ledger import Ledger

_CTIS = text(
    "SELECT c.id, c.nic, c.cliente_id, c.cuenta_id, c.tipo, c.libro_id, c.hash_contrasena, l.version, l.bloqueada"
    " FROM ctis c JOIN cuentas l ON l.id = c.libro_id WHERE c.id = ANY(:ids)"
)
_PAGE = (
    "SELECT c.id, c.nic, c.cuenta_id, c.cliente_id, c.tipo, NOT l.bloqueada AS activa, c.motivo_bloqueo, l.saldo,"
    " l.saldo - l.retenido AS disponible, c.hash_contrasena IS NOT NULL AS con_contrasena, c.creada_en"
    " FROM ctis c JOIN cuentas l ON l.id = c.libro_id WHERE c.cuenta_id = :cuenta_id"
)
_OPEN = text(
    "INSERT INTO timbrados (id, huella, cti, cuenta_id, cliente_id, idd, emisor, receptor, tipo, total, sello,"
    " no_certificado, pac, xml, tomado_hasta)"
    " SELECT id, huella, cti, cuenta_id, cliente_id, idd, emisor, receptor, tipo, total, sello, no_certificado,"
    " :pac, xml, now() + make_interval(secs => :plazo)"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:huellas AS bytea[]), CAST(:ctis AS text[]), CAST(:cuentas AS uuid[]),"
    " CAST(:clientes AS uuid[]), CAST(:idds AS text[]), CAST(:emisores AS text[]), CAST(:receptores AS text[]),"
    " CAST(:tipos AS text[]), CAST(:totales AS numeric[]), CAST(:sellos AS text[]), CAST(:numeros AS text[]),"
    " CAST(:xmls AS bytea[]))"
    " t(id, huella, cti, cuenta_id, cliente_id, idd, emisor, receptor, tipo, total, sello, no_certificado, xml)"
    " ORDER BY huella ON CONFLICT DO NOTHING RETURNING id"
)
_KNOWN = text(
    "SELECT id, huella, cti, idd, estado, uuid, xml, tfd FROM timbrados WHERE estado <> 'rechazado' AND"
    " (huella = ANY(:huellas) OR (cti, idd) IN (SELECT * FROM unnest(CAST(:ctis AS text[]), CAST(:idds AS text[]))))"
)
_DROP = text("DELETE FROM timbrados WHERE id = ANY(:ids) AND estado = 'pendiente'")
_STAMPED = text(
    "UPDATE timbrados t SET estado = 'timbrado', uuid = u.uuid, tfd = u.tfd, terminado_en = now()"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:uuids AS uuid[]), CAST(:tfds AS bytea[])) u(id, uuid, tfd)"
    " WHERE t.id = u.id AND t.estado = 'pendiente'"
)
_REFUSED = text(
    "UPDATE timbrados t SET estado = 'rechazado', rechazo = u.rechazo, terminado_en = now()"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:rechazos AS text[])) u(id, rechazo)"
    " WHERE t.id = u.id AND t.estado = 'pendiente' RETURNING t.id"
)
_SOONER = text("UPDATE timbrados SET tomado_hasta = now() WHERE id = ANY(:ids) AND estado = 'pendiente'")
_ABANDONED = text(
    "UPDATE timbrados SET tomado_hasta = now() + make_interval(secs => :plazo) WHERE id IN"
    " (SELECT id FROM timbrados WHERE estado = 'pendiente' AND tomado_hasta < now() ORDER BY tomado_hasta"
    " LIMIT :limite FOR UPDATE SKIP LOCKED)"
    " RETURNING id, huella, cti, cuenta_id, cliente_id, xml, sello, emisor, no_certificado"
)


@dataclass(frozen=True, slots=True)
class TimbradoConocido:
    """An earlier stamping of the same invoice or idd."""

    id: UUID
    huella: bytes
    cti: str
    idd: str | None
    estado: str
    uuid: UUID | None
    xml: bytes
    tfd: bytes | None


class Repositorio:
    """timbrado's database, inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.libro = Ledger(session)

    # -- CTI -----------------------------------------------------------------------------------------

    def crear_cti(self, id_: str, nic: int, cliente_id: UUID, cuenta_id: UUID) -> None:
        """A CTI estándar with its account, without a password yet. One that exists stays as it is."""
        libro = self.libro.abrir([("cti", id_, True)])[("cti", id_)]
        self._session.execute(
            text(
                "INSERT INTO ctis (id, nic, cliente_id, cuenta_id, libro_id)"
                " VALUES (:id, :nic, :cliente_id, :cuenta_id, :libro_id) ON CONFLICT (id) DO NOTHING"
            ),
            {"id": id_, "nic": nic, "cliente_id": cliente_id, "cuenta_id": cuenta_id, "libro_id": libro.id},
        )

    def ctis(self, ids: Sequence[str]) -> dict[str, CtiGuardada]:
        """CTIs by id, with their credential's state."""
        return {r.id: CtiGuardada(*r) for r in self._session.execute(_CTIS, {"ids": list(ids)})}

    def cti_de(self, cuenta_id: UUID, id_: str) -> CtiGuardada | None:
        """A CTI of this CM; None if it is not there or is someone else's."""
        cti = self.ctis([id_]).get(id_)
        return cti if cti is not None and cti.cuenta_id == cuenta_id else None

    def tomar_cti(self, id_: str) -> None:
        """Lock a CTI's row, so that two password changes do not cross."""
        self._session.execute(select(Cti.id).where(Cti.id == id_).with_for_update())

    def poner_contrasena(self, id_: str, hash_: str) -> None:
        """Replace the password's hash; the caller bumps the account's version in the same transaction."""
        self._session.execute(
            text("UPDATE ctis SET hash_contrasena = :hash WHERE id = :id"), {"id": id_, "hash": hash_}
        )

    def poner_motivo(self, id_: str, motivo: str | None) -> None:
        """Why a CTI is blocked."""
        self._session.execute(
            text("UPDATE ctis SET motivo_bloqueo = :motivo WHERE id = :id"), {"id": id_, "motivo": motivo}
        )

    def pagina_ctis(
        self, cuenta_id: UUID, nic: int | None, despues: str, limite: int
    ) -> list[dict[str, Any]]:
        """CTIs of a CM by id, after `despues`."""
        where = " AND c.nic = :nic" if nic is not None else ""
        rows = self._session.execute(
            text(f"{_PAGE}{where} AND c.id > :despues ORDER BY c.id LIMIT :limite"),
            {"cuenta_id": cuenta_id, "nic": nic, "despues": despues, "limite": limite},
        )
        return [dict(r._mapping) for r in rows]

    def detalle_cti(self, cuenta_id: UUID, id_: str) -> dict[str, Any] | None:
        """One CTI as the portal shows it."""
        row = self._session.execute(
            text(f"{_PAGE} AND c.id = :id"), {"cuenta_id": cuenta_id, "id": id_}
        ).first()
        return dict(row._mapping) if row else None

    # -- accounts ------------------------------------------------------------------------------------

    def cuenta(self, tipo: str, titular: str) -> Cuenta | None:
        """A ledger account, unlocked."""
        return self.libro.buscar([(tipo, titular)]).get((tipo, titular))

    # -- stamping ------------------------------------------------------------------------------------

    def abrir_timbrados(self, filas: Sequence[dict[str, Any]], pac: str, plazo: float) -> set[UUID]:
        """Record stampings as pendiente; answers those that are new. A concurrent one of the same invoice is waited for."""
        rows = self._session.execute(
            _OPEN, {"pac": pac, "plazo": plazo, **{k: [f[k] for f in filas] for k in filas[0]}}
        )
        return {r.id for r in rows}

    def conocidos(self, huellas: Sequence[bytes], idds: Sequence[tuple[str, str]]) -> list[TimbradoConocido]:
        """Earlier stampings of these invoices, or under these (cti, idd)."""
        rows = self._session.execute(
            _KNOWN, {"huellas": list(huellas), "ctis": [i[0] for i in idds], "idds": [i[1] for i in idds]}
        )
        return [TimbradoConocido(*r) for r in rows]

    def olvidar(self, ids: Sequence[UUID]) -> None:
        """Remove stampings that could not hold their timbre: nothing was asked of the PAC."""
        self._session.execute(_DROP, {"ids": list(ids)})

    def marcar_timbrados(self, filas: Sequence[tuple[UUID, UUID, bytes]]) -> None:
        """(id, UUID, TFD) of captured stampings."""
        self._session.execute(
            _STAMPED,
            {"ids": [f[0] for f in filas], "uuids": [f[1] for f in filas], "tfds": [f[2] for f in filas]},
        )

    def marcar_rechazados(self, filas: Sequence[tuple[UUID, str]]) -> set[UUID]:
        """(id, why) of stampings that the PAC refused for certain; answers those that were still pendiente."""
        rows = self._session.execute(
            _REFUSED, {"ids": [f[0] for f in filas], "rechazos": [f[1] for f in filas]}
        )
        return {r.id for r in rows}

    def apurar(self, ids: Sequence[UUID]) -> None:
        """Nobody works on these any more: the reconciler may take them now."""
        self._session.execute(_SOONER, {"ids": list(ids)})

    def abandonados(self, limite: int, plazo: float) -> list[Any]:
        """Take pendientes whose worker is gone, for `plazo` seconds; no two replicas take the same."""
        return list(self._session.execute(_ABANDONED, {"limite": limite, "plazo": plazo}))

    def timbrado_de(self, cti: str, uuid_o_idd: str) -> Timbrado | None:
        """A stamping of this CTI, by UUID or idd."""
        try:
            clave = Timbrado.uuid == UUID(uuid_o_idd)
        except ValueError:
            clave = Timbrado.idd == uuid_o_idd
        return self._session.scalars(
            select(Timbrado).where(Timbrado.cti == cti, clave, Timbrado.estado != "rechazado")
        ).first()

    def inyectar_falla(self, modo: str, veces: int) -> None:
        """Make the sandbox PAC fail `veces` times."""
        self._session.execute(
            text("INSERT INTO pac_sandbox.fallas (modo) SELECT :modo FROM generate_series(1, :veces)"),
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
