"""SQL of the CTI: their data, credentials, lists, and the logbook of what was done to one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.timbrado.domain import CtiGuardada, TipoCti, es_id
from services.timbrado.repository.base import Base

_CTIS = text(
    "SELECT c.id, c.nic, c.cliente_id, c.cuenta_id, c.tipo, c.libro_id, c.hash_contrasena, l.version, l.bloqueada,"
    " c.hash_anterior, c.anterior_hasta, c.rfcs, c.redes, c.por_minuto, c.rfc_contratado, c.vigente_hasta,"
    " ARRAY(SELECT k.id FROM llaves_cti k WHERE k.cti = c.id AND k.revocada_en IS NULL ORDER BY k.lugar) AS llaves,"
    " ARRAY(SELECT k.huella FROM llaves_cti k WHERE k.cti = c.id AND k.revocada_en IS NULL ORDER BY k.lugar) AS huellas"
    " FROM ctis c JOIN cuentas l ON l.id = c.libro_id WHERE c.id = ANY(:ids)"
)
_PAGE = (
    "SELECT c.id, c.nic, c.cuenta_id, c.cliente_id, c.tipo, NOT l.bloqueada AS activa, c.motivo_bloqueo, l.saldo,"
    " l.saldo - l.retenido AS disponible, c.hash_contrasena IS NOT NULL AS con_contrasena, c.creada_en,"
    " CASE WHEN c.anterior_hasta > now() THEN c.anterior_hasta END AS anterior_hasta, c.rfc_contratado, c.vigente_hasta"
    " FROM ctis c JOIN cuentas l ON l.id = c.libro_id WHERE c.cuenta_id = :cuenta_id"
)
#: Each condition stands in the query only when it is asked for, so that each list gets the plan of its index.
_FILTERS = {
    "nic": "c.nic = :nic",
    # Found first, by the index by NIC: walking a whole order to a few clientes' CTI is never worth it.
    "nics": "c.id = ANY(ARRAY(SELECT i.id FROM ctis i WHERE i.cuenta_id = :cuenta_id AND i.nic = ANY(:nics)))",
    "tipo": "c.tipo = :tipo",
    "saldo_menor_que": "c.tipo = 'estandar' AND l.saldo < :saldo_menor_que",
    # The range is what the index answers; ids are ASCII, and the database's order is that of code points.
    "texto": "c.id >= :texto AND c.id < :texto_fin AND starts_with(c.id, :texto)",
}
#: Order → (where the page after a position begins, order).
_ORDERS = {
    "id": ("c.id > :id", "c.id"),
    "saldo": ("(l.saldo, c.id) > (:saldo, :id)", "l.saldo, c.id"),
    "-saldo": ("(l.saldo, c.id) < (:saldo, :id)", "l.saldo DESC, c.id DESC"),
}
_CREATE = text(
    "INSERT INTO ctis (id, nic, cliente_id, cuenta_id, libro_id, tipo)"
    " VALUES (:id, :nic, :cliente_id, :cuenta_id, :libro_id, :tipo) ON CONFLICT (id) DO NOTHING RETURNING id"
)
_CREATE_MANY = text(
    "WITH nuevas AS (INSERT INTO ctis (id, nic, cliente_id, cuenta_id, libro_id, tipo)"
    " SELECT t.id, t.nic, t.cliente_id, :cuenta_id, l.id, :tipo FROM unnest(CAST(:ids AS text[]),"
    " CAST(:nics AS bigint[]), CAST(:clientes AS uuid[])) t(id, nic, cliente_id)"
    " JOIN cuentas l ON l.tipo = 'cti' AND l.titular = t.id ORDER BY t.id ON CONFLICT (id) DO NOTHING RETURNING id)"
    " INSERT INTO bitacora_ctis (cti, accion, motivo, detalle, actor, ip)"
    " SELECT id, 'creacion', '', jsonb_build_object('tipo', CAST(:tipo AS text)), 'sistema', '' FROM nuevas"
)
#: At most as many ids of this form are taken as the cliente has CTI, so one of the range is free.
_FREE_ID = text(
    "SELECT n FROM generate_series(2, 2 + (SELECT count(*) FROM ctis WHERE cuenta_id = :cuenta_id AND nic = :nic)) n"
    " WHERE NOT EXISTS (SELECT FROM ctis WHERE id = :inicio || n) ORDER BY n LIMIT 1"
)
_PASSWORD = text(
    "UPDATE ctis SET hash_contrasena = :hash, anterior_hasta = CAST(:hasta AS timestamptz),"
    " hash_anterior = CASE WHEN CAST(:hasta AS timestamptz) IS NOT NULL THEN hash_contrasena END WHERE id = :id"
)
_ANSWERED = text("SELECT EXISTS (SELECT FROM idempotency WHERE contrato = :contrato AND clave = :clave)")
_FORGET_EARLIER = text(
    "UPDATE ctis SET hash_anterior = NULL, anterior_hasta = NULL WHERE anterior_hasta <= now()"
)
_NOTE = text(
    "INSERT INTO bitacora_ctis (cti, accion, motivo, detalle, actor, ip)"
    " VALUES (:cti, :accion, :motivo, CAST(:detalle AS jsonb), :actor, :ip)"
)
_LOGBOOK = text(
    "SELECT id, accion, motivo, detalle, actor, ip, en FROM bitacora_ctis WHERE cti = :cti AND id < :antes"
    " ORDER BY id DESC LIMIT :limite"
)


class Ctis(Base):
    """CTI by id and by CM."""

    def crear_cti(
        self, id_: str, nic: int, cliente_id: UUID, cuenta_id: UUID, tipo: str = TipoCti.ESTANDAR
    ) -> bool:
        """A CTI with its account, without a password yet; False when the id is taken, by whomever."""
        libro = self.libro.abrir([("cti", id_, True)])[("cti", id_)]
        return (
            self._session.execute(
                _CREATE,
                {
                    "id": id_,
                    "nic": nic,
                    "cliente_id": cliente_id,
                    "cuenta_id": cuenta_id,
                    "libro_id": libro.id,
                    "tipo": tipo,
                },
            ).scalar()
            is not None
        )

    def crear_ctis_estandar(
        self, cuenta_id: UUID, ids: Sequence[str], nics: Sequence[str], clientes: Sequence[str]
    ) -> None:
        """Many CTI with their accounts and the first line of their logbooks; those that exist stay as they are."""
        self.libro.abrir([("cti", id_, True) for id_ in ids])
        self._session.execute(
            _CREATE_MANY,
            {
                "cuenta_id": cuenta_id,
                "tipo": str(TipoCti.ESTANDAR),
                "ids": list(ids),
                "nics": [int(nic) for nic in nics],
                "clientes": [UUID(id_) for id_ in clientes],
            },
        )

    def cliente_de(self, cuenta_id: UUID, nic: int) -> UUID | None:
        """The cliente that this NIC of the CM is, as its earlier CTI tell; None when there is none.

        A share of that CTI is held until the end of the transaction: the cliente can't be converted meanwhile.
        """
        id_: UUID | None = self._session.execute(
            text("SELECT cliente_id FROM ctis WHERE cuenta_id = :cuenta_id AND nic = :nic LIMIT 1 FOR SHARE"),
            {"cuenta_id": cuenta_id, "nic": nic},
        ).scalar()
        return id_

    def numero_libre(self, cuenta_id: UUID, nic: int, inicio: str) -> int:
        """The lowest number from 2 on that makes a free id behind `inicio`."""
        return int(
            self._session.execute(
                _FREE_ID, {"cuenta_id": cuenta_id, "nic": nic, "inicio": inicio}
            ).scalar_one()
        )

    def ctis(self, ids: Sequence[str]) -> dict[str, CtiGuardada]:
        """CTIs by id, with their credentials' state."""
        return {
            r.id: CtiGuardada(
                **{
                    **{k: v for k, v in r._mapping.items() if k != "huellas"},
                    "rfcs": tuple(r.rfcs),
                    "redes": tuple(r.redes),
                    "llaves": tuple((k, bytes(h)) for k, h in zip(r.llaves, r.huellas, strict=True)),
                }
            )
            for r in self._session.execute(_CTIS, {"ids": [i for i in ids if es_id(i)]})
        }

    def cti_de(self, cuenta_id: UUID, id_: str) -> CtiGuardada | None:
        """A CTI of this CM; None if it is not there or is someone else's."""
        cti = self.ctis([id_]).get(id_)
        return cti if cti is not None and cti.cuenta_id == cuenta_id else None

    def tomar_cti(self, cuenta_id: UUID, id_: str) -> CtiGuardada | None:
        """A CTI of this CM under its account's lock, as every change of one is made; None as `cti_de`."""
        cti = self.cti_de(cuenta_id, id_)
        if cti is None:
            return None
        self.libro.tomar([cti.libro_id])
        # What was read before the lock may have changed meanwhile.
        return self.cti_de(cuenta_id, id_)

    def respondida(self, contrato: str, clave: str) -> bool:
        """Whether a call with this key was answered, so that nothing has to be prepared for its replay.

        Keys never expire (domain: Balances, 3), so one that was answered stays so.
        """
        return bool(self._session.execute(_ANSWERED, {"contrato": contrato, "clave": clave}).scalar())

    def poner_contrasena(self, id_: str, hash_: str, anterior_hasta: datetime | None = None) -> None:
        """Replace the password's hash; the caller bumps the account's version in the same transaction.

        `anterior_hasta`: until when the present one is kept beside it; None ends it, and any earlier one.
        """
        self._session.execute(_PASSWORD, {"hash": hash_, "id": id_, "hasta": anterior_hasta})

    def olvidar_anteriores(self) -> None:
        """Erase the hashes of passwords whose overlap ended; credentials look at the time, so this only tidies."""
        self._session.execute(_FORGET_EARLIER)

    def poner_motivo(self, id_: str, motivo: str | None) -> None:
        """Why a CTI is blocked."""
        self._session.execute(
            text("UPDATE ctis SET motivo_bloqueo = :motivo WHERE id = :id"), {"id": id_, "motivo": motivo}
        )

    def pagina_ctis(
        self,
        cuenta_id: UUID,
        limite: int,
        *,
        orden: str = "id",
        despues: tuple[int, str] | None = None,
        activa: bool | None = None,
        **filtros: Any,
    ) -> list[dict[str, Any]]:
        """CTIs of a CM after a (balance, id), in `orden`; filters that are None are not asked for."""
        dados = {k: v for k, v in filtros.items() if v is not None}
        donde = [_FILTERS[k] for k in dados]
        if activa is not None:
            donde.append("NOT l.bloqueada" if activa else "l.bloqueada")
        siguiente, por = _ORDERS[orden]
        if despues is not None:
            donde.append(siguiente)
            dados |= {"saldo": despues[0], "id": despues[1]}
        if "texto" in dados:
            dados["texto_fin"] = dados["texto"][:-1] + chr(ord(dados["texto"][-1]) + 1)
        rows = self._session.execute(
            text(f"{_PAGE}{''.join(f' AND {d}' for d in donde)} ORDER BY {por} LIMIT :limite"),
            {"cuenta_id": cuenta_id, "limite": limite, **dados},
        )
        return [dict(r._mapping) for r in rows]

    def detalle_cti(self, cuenta_id: UUID, id_: str) -> dict[str, Any] | None:
        """One CTI as the portal shows it."""
        if not es_id(id_):
            return None
        row = self._session.execute(
            text(f"{_PAGE} AND c.id = :id"), {"cuenta_id": cuenta_id, "id": id_}
        ).first()
        return dict(row._mapping) if row else None

    def anotar(
        self,
        cti: str,
        accion: str,
        actor: str,
        ip: str = "",
        motivo: str | None = None,
        detalle: Mapping[str, Any] | None = None,
    ) -> None:
        """Write in a CTI's logbook, for ever. `actor`: a perfil's id, or the part of the system that did it."""
        self._session.execute(
            _NOTE,
            {
                "cti": cti,
                "accion": accion,
                "motivo": motivo or "",
                "detalle": json.dumps(detalle or {}),
                "actor": actor or "sistema",
                "ip": ip,
            },
        )

    def bitacora(self, cti: str, limite: int, antes: int | None) -> list[dict[str, Any]]:
        """The newest entries of a CTI's logbook before `antes`."""
        rows = self._session.execute(_LOGBOOK, {"cti": cti, "limite": limite, "antes": antes or 2**62})
        return [dict(r._mapping) for r in rows]
