"""SQL of the stampings, from hold to TFD."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from services.timbrado.models import Timbrado
from services.timbrado.repository.base import Base

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
_REFUSED = text(
    "UPDATE timbrados t SET estado = 'rechazado', rechazo = u.rechazo, terminado_en = now()"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:rechazos AS text[])) u(id, rechazo)"
    " WHERE t.id = u.id AND t.estado = 'pendiente' RETURNING t.id"
)
_SPENT = text(
    "SELECT cti, cuenta_id, cliente_id, count(*) AS cantidad, max(terminado_en) AS en FROM timbrados"
    " WHERE id = ANY(:ids) GROUP BY cti, cuenta_id, cliente_id ORDER BY cti"
)
#: At once after the first attempt, then with growing, jittered waits up to a minute: `turno` counts the attempts.
_LEAVE = text(
    "UPDATE timbrados t SET por_enviar = u.por_enviar, tomado_hasta = now() + make_interval(secs =>"
    " (least(60, power(1.6, t.turno - 1)) - 1) * (0.8 + 0.4 * random()))"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:turnos AS integer[]), CAST(:por_enviar AS boolean[]))"
    " u(id, turno, por_enviar) WHERE t.id = u.id AND t.turno = u.turno AND t.estado = 'pendiente'"
)
_ENTRUST = text(
    "UPDATE timbrados t SET pac = :a, por_enviar = false, enviado_en = now(),"
    " tomado_hasta = now() + make_interval(secs => :plazo)"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:turnos AS integer[])) u(id, turno)"
    " WHERE t.id = u.id AND t.turno = u.turno AND t.estado = 'pendiente' AND t.pac = :de RETURNING t.id"
)
_ABANDONED = text(
    "UPDATE timbrados SET turno = turno + 1, tomado_hasta = now() + make_interval(secs => :plazo) WHERE id IN"
    " (SELECT id FROM timbrados WHERE estado = 'pendiente' AND tomado_hasta < now() ORDER BY tomado_hasta"
    " LIMIT :limite FOR UPDATE SKIP LOCKED)"
    " RETURNING id, huella, cti, xml, sello, emisor, receptor, total, no_certificado, pac, turno, por_enviar,"
    " now() - enviado_en AS en_manos"
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


class Timbrados(Base):
    """Stampings and what they are known by."""

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

    def marcar_rechazados(self, filas: Sequence[tuple[UUID, str]]) -> set[UUID]:
        """(id, why) of stampings that the PAC refused for certain; answers those that were still pendiente."""
        rows = self._session.execute(
            _REFUSED, {"ids": [f[0] for f in filas], "rechazos": [f[1] for f in filas]}
        )
        return {r.id for r in rows}

    def consumos_de(self, ids: Sequence[UUID]) -> list[Any]:
        """By CTI, what these stampings spent: `cti, cuenta_id, cliente_id, cantidad, en` (the last of them)."""
        return list(self._session.execute(_SPENT, {"ids": list(ids)}))

    def soltar(self, filas: Sequence[tuple[UUID, int, bool]]) -> None:
        """(id, turn, whether surely no PAC has it) of stampings left to the reconciler."""
        params = {
            "ids": [f[0] for f in filas],
            "turnos": [f[1] for f in filas],
            "por_enviar": [f[2] for f in filas],
        }
        self._session.execute(_LEAVE, params)

    def encargar(self, filas: Sequence[tuple[UUID, int]], de: str, a: str, plazo: float) -> set[UUID]:
        """Put (id, turn) from the hands of PAC `de` in those of `a`; answers those that were still pendiente and ours."""
        rows = self._session.execute(
            _ENTRUST,
            {"ids": [f[0] for f in filas], "turnos": [f[1] for f in filas], "de": de, "a": a, "plazo": plazo},
        )
        return {r.id for r in rows}

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
