"""SQL of the bulk transfers: a fixed number of statements per portion, whatever its rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.timbrado.domain.masivas import EstadoMasiva, Masiva, MasivaTomada, Pedido, RechazoFila
from services.timbrado.repository.base import Base
from shared.ledger.masivo import LedgerMasivo
from shared.pagination import Posicion
from shared.persistence.outbox import publicar_seleccion

_SHOWN = (
    "id, estado, todo_o_nada, filas, aplicadas, rechazadas, timbres_pedidos, importe_pedido, timbres, importe,"
    " creada_en, iniciada_en, terminada_en"
)
_RECEIVE = text(
    "INSERT INTO transferencias_masivas (id, cuenta_id, actor, todo_o_nada, filas, timbres_pedidos, importe_pedido,"
    " ctis, cantidades, importes) VALUES (:id, :cuenta_id, :actor, :todo_o_nada, :filas, :timbres, :importe,"
    " string_to_array(:ctis, ','), CAST(string_to_array(:cantidades, ',') AS bigint[]),"
    f" CAST(string_to_array(:importes, ',') AS numeric(14, 2)[])) RETURNING {_SHOWN}"
)
# Its lock comes before those of the accounts, against the general order, which is safe: nobody waits for it.
_TAKE = text(
    "SELECT id, cuenta_id, estado, todo_o_nada, filas, aplicadas, rechazadas FROM transferencias_masivas"
    " WHERE estado IN ('recibida', 'aplicando') AND turno <= clock_timestamp()"
    " ORDER BY turno LIMIT 1 FOR UPDATE SKIP LOCKED"
)
_BEGIN = text(
    "UPDATE transferencias_masivas SET estado = 'aplicando', iniciada_en = clock_timestamp() WHERE id = :id"
)
_LATER = text(
    "UPDATE transferencias_masivas SET turno = clock_timestamp() + make_interval(secs => :segundos)"
    " WHERE id = :id AND terminada_en IS NULL"
)
# The movement's id is the operation's with the row's number in its last bytes: known again after a death, and
# next to its neighbours in the index, which a random one would not be.
_RESOLVE = text(
    "INSERT INTO transferencias_masivas_filas (masiva_id, numero, cti, cantidad, importe, libro_id, cliente_id, nic,"
    " operacion, rechazo) SELECT :id, f.numero, f.cti, f.cantidad, f.importe, c.libro_id, c.cliente_id, c.nic,"
    " CASE WHEN c.tipo = 'estandar' THEN CAST(:raiz || lpad(to_hex(f.numero), 8, '0') AS uuid) END,"
    " CASE WHEN c.id IS NULL THEN 'no_existe' WHEN c.tipo <> 'estandar' THEN 'ilimitada' END"
    " FROM (SELECT CAST(:desde AS integer) + u.n AS numero, u.* FROM transferencias_masivas m,"
    " unnest(m.ctis[CAST(:desde AS integer) + 1 : CAST(:hasta AS integer)],"
    " m.cantidades[CAST(:desde AS integer) + 1 : CAST(:hasta AS integer)],"
    " m.importes[CAST(:desde AS integer) + 1 : CAST(:hasta AS integer)])"
    " WITH ORDINALITY u(cti, cantidad, importe, n) WHERE m.id = :id) f"
    " LEFT JOIN ctis c ON c.id = f.cti AND c.cuenta_id = :cuenta_id"
)
_FIT = " FROM transferencias_masivas_filas WHERE masiva_id = :id AND numero > :desde AND rechazo IS NULL"
_ASKED = f"SELECT operacion, libro_id AS destino, cantidad, cti AS referencia, importe{_FIT} ORDER BY numero"
_AMOUNTS = text(
    f"SELECT array_agg(numero ORDER BY numero) AS numeros, array_agg(cantidad ORDER BY numero) AS cantidades{_FIT}"
)
_REFUSE = text(
    "UPDATE transferencias_masivas_filas SET rechazo = :rechazo, operacion = NULL"
    " WHERE masiva_id = :id AND numero = ANY(:numeros) AND rechazo IS NULL"
)
_REFUSE_ALL = text(
    "UPDATE transferencias_masivas_filas SET rechazo = :rechazo, operacion = NULL"
    " WHERE masiva_id = :id AND numero > :desde AND rechazo IS NULL"
)
_ANY_REFUSED = text(
    "SELECT EXISTS (SELECT FROM transferencias_masivas_filas WHERE masiva_id = :id AND rechazo IS NOT NULL)"
)
_EVENTS = (
    "SELECT jsonb_build_object('cuenta_id', CAST(:cuenta_id AS text), 'origen', CAST(:origen AS text),"
    " 'en', CAST(:en AS text), 'transferencias', string_agg(CAST(operacion AS text), ','),"
    " 'clientes', string_agg(CAST(cliente_id AS text), ','), 'nics', string_agg(CAST(nic AS text), ','),"
    " 'ctis', string_agg(cti, ','), 'cantidades', string_agg(CAST(cantidad AS text), ','),"
    " 'importes', string_agg(CAST(importe AS text), ',')) AS carga"
    f"{_FIT} GROUP BY (numero - 1) / :ventas"
)
_PROGRESS = text(
    "UPDATE transferencias_masivas SET aplicadas = aplicadas + :aplicadas, rechazadas = rechazadas + :rechazadas,"
    " timbres = timbres + :timbres, importe = importe + :importe, turno = clock_timestamp() WHERE id = :id"
)
_END = text(
    "UPDATE transferencias_masivas SET aplicadas = aplicadas + :aplicadas, rechazadas = rechazadas + :rechazadas,"
    " timbres = timbres + :timbres, importe = importe + :importe, estado = :estado,"
    " terminada_en = clock_timestamp(), ctis = NULL, cantidades = NULL, importes = NULL WHERE id = :id"
)
_REVIEW = text(
    "SELECT array_agg(f.n) FILTER (WHERE c.id IS NULL) AS ajenas,"
    " array_agg(f.n) FILTER (WHERE c.tipo <> 'estandar') AS ilimitadas"
    " FROM unnest(string_to_array(:ctis, ',')) WITH ORDINALITY f(cti, n)"
    " LEFT JOIN ctis c ON c.id = f.cti AND c.cuenta_id = :cuenta_id"
)
_ROWS_DONE = (
    "SELECT f.numero, f.cti, f.cantidad, f.importe,"
    " CASE WHEN f.rechazo IS NULL THEN 'aplicada' ELSE 'rechazada' END AS estado, f.rechazo, f.operacion"
    " FROM transferencias_masivas_filas f WHERE f.masiva_id = :id AND f.numero > :despues{filtro}"
    " ORDER BY f.numero LIMIT :limite"
)
_ROWS_WAITING = (
    "SELECT CAST(m.inicio + u.n AS integer), u.cti, u.cantidad, u.importe, 'pendiente', CAST(NULL AS text),"
    " CAST(NULL AS uuid) FROM (SELECT greatest(CAST(:despues AS integer), aplicadas + rechazadas) AS inicio,"
    " ctis, cantidades, importes FROM transferencias_masivas WHERE id = :id) m,"
    " unnest(m.ctis[m.inicio + 1 : m.inicio + :limite], m.cantidades[m.inicio + 1 : m.inicio + :limite],"
    " m.importes[m.inicio + 1 : m.inicio + :limite]) WITH ORDINALITY u(cti, cantidad, importe, n)"
)
# One statement, so that a portion that is committed meanwhile neither hides a row nor shows it twice.
_ROWS = {
    None: f"({_ROWS_DONE.format(filtro='')}) UNION ALL ({_ROWS_WAITING}) ORDER BY 1 LIMIT :limite",
    "aplicada": _ROWS_DONE.format(filtro=" AND f.rechazo IS NULL"),
    "rechazada": _ROWS_DONE.format(filtro=" AND f.rechazo IS NOT NULL"),
    "pendiente": f"{_ROWS_WAITING} ORDER BY 1 LIMIT :limite",
}


class Masivas(Base):
    """Bulk transfers, their rows, and the movements that these name."""

    def recibir_masiva(
        self,
        id_: UUID,
        cuenta_id: UUID,
        actor: str,
        todo_o_nada: bool,
        pedido: Pedido,
        columnas: dict[str, str],
    ) -> Masiva:
        """Record one; `columnas` is what `pedido` was read from: `ctis`, `cantidades`, `importes`."""
        row = self._session.execute(
            _RECEIVE,
            {
                "id": id_,
                "cuenta_id": cuenta_id,
                "actor": actor,
                "todo_o_nada": todo_o_nada,
                "filas": len(pedido.ctis),
                "timbres": sum(pedido.cantidades),
                "importe": pedido.importe,
                **columnas,
            },
        ).one()
        return Masiva(*row)

    def tomar_masiva(self) -> MasivaTomada | None:
        """Lock the one whose turn it is, if any; no two workers take the same."""
        row = self._session.execute(_TAKE).first()
        return MasivaTomada(**{**row._mapping, "estado": EstadoMasiva(row.estado)}) if row else None

    def iniciar_masiva(self, id_: UUID) -> None:
        """recibida → aplicando."""
        self._session.execute(_BEGIN, {"id": id_})

    def posponer_masiva(self, id_: UUID, segundos: float) -> None:
        """Something went wrong with it: let others have their turn first."""
        self._session.execute(_LATER, {"id": id_, "segundos": segundos})

    def dar_plazo(self, segundos: float) -> None:
        """How long each statement of this transaction may take, where the usual 8 s would be too few."""
        self._session.execute(
            text("SELECT set_config('statement_timeout', :ms, true)"), {"ms": str(int(segundos * 1000))}
        )

    def resolver_filas(self, masiva: MasivaTomada, hasta: int) -> None:
        """Give each row up to `hasta` its place, its CTI's account, and its refusal if the CTI can't take timbres."""
        self._session.execute(
            _RESOLVE,
            {
                "id": masiva.id,
                "raiz": masiva.id.hex[:24],
                "cuenta_id": masiva.cuenta_id,
                "desde": masiva.hechas,
                "hasta": hasta,
            },
        )

    def libro_de(self, masiva: MasivaTomada) -> LedgerMasivo:
        """The movements that the rows under work name: those not refused."""
        return LedgerMasivo(self._session, _ASKED, {"id": masiva.id, "desde": masiva.hechas})

    def cantidades_de(self, masiva: MasivaTomada) -> tuple[list[int], list[int]]:
        """Numbers and amounts of the rows under work that are not refused, in order."""
        row = self._session.execute(_AMOUNTS, {"id": masiva.id, "desde": masiva.hechas}).one()
        return row.numeros or [], row.cantidades or []

    def rechazar_filas(
        self, masiva: MasivaTomada, rechazo: RechazoFila, numeros: Sequence[int] | None = None
    ) -> None:
        """Refuse these rows, or every row under work that is not refused yet."""
        valores = {"id": masiva.id, "desde": masiva.hechas, "rechazo": rechazo}
        if numeros is None:
            self._session.execute(_REFUSE_ALL, valores)
        elif numeros:
            self._session.execute(_REFUSE, {**valores, "numeros": list(numeros)})

    def hay_rechazos(self, id_: UUID) -> bool:
        """Some row was refused."""
        return bool(self._session.execute(_ANY_REFUSED, {"id": id_}).scalar_one())

    def contar_ventas(
        self, masiva: MasivaTomada, evento: str, origen: str, en: datetime, ventas: int
    ) -> None:
        """Tell the rows under work that were applied, up to `ventas` per event, without reading them."""
        publicar_seleccion(
            self._session,
            evento,
            _EVENTS,
            {
                "id": masiva.id,
                "desde": masiva.hechas,
                "cuenta_id": masiva.cuenta_id,
                "origen": origen,
                "en": en.isoformat(),
                "ventas": ventas,
            },
        )

    def avanzar_masiva(
        self,
        id_: UUID,
        aplicadas: int,
        rechazadas: int,
        timbres: int,
        importe: Decimal,
        fin: EstadoMasiva | None,
    ) -> None:
        """Count the rows that were worked on; `fin`: they were the last, and the columns are needed no more."""
        valores = {
            "id": id_, "aplicadas": aplicadas, "rechazadas": rechazadas, "timbres": timbres, "importe": importe
        }  # fmt: skip
        self._session.execute(
            _PROGRESS if fin is None else _END, valores if fin is None else {**valores, "estado": fin}
        )

    def revisar_filas(self, cuenta_id: UUID, ctis: str) -> tuple[list[int], list[int]]:
        """Of CTI joined by commas, counted from 1: those that are not this CM's, and its ilimitadas."""
        row = self._session.execute(_REVIEW, {"cuenta_id": cuenta_id, "ctis": ctis}).one()
        return row.ajenas or [], row.ilimitadas or []

    def masivas(
        self, cuenta_id: UUID, estado: str | None, desde: Posicion | None, limite: int
    ) -> list[Masiva]:
        """Bulk transfers of a CM after a position, newest first."""
        filtros = " AND estado = :estado" if estado is not None else ""
        valores: dict[str, Any] = {"cuenta_id": cuenta_id, "estado": estado, "limite": limite}
        if desde is not None:
            filtros += " AND (creada_en, id) < (:en, :despues)"
            valores |= {"en": desde.en, "despues": desde.id}
        rows = self._session.execute(
            text(
                f"SELECT {_SHOWN} FROM transferencias_masivas WHERE cuenta_id = :cuenta_id{filtros}"
                " ORDER BY creada_en DESC, id DESC LIMIT :limite"
            ),
            valores,
        )
        return [Masiva(*r) for r in rows]

    def masiva_de(self, cuenta_id: UUID, id_: UUID) -> Masiva | None:
        """One of this CM; None if it is not there or is someone else's."""
        row = self._session.execute(
            text(f"SELECT {_SHOWN} FROM transferencias_masivas WHERE id = :id AND cuenta_id = :cuenta_id"),
            {"id": id_, "cuenta_id": cuenta_id},
        ).first()
        return Masiva(*row) if row else None

    def filas_de(self, id_: UUID, estado: str | None, despues: int, limite: int) -> list[Any]:
        """(numero, cti, cantidad, importe, estado, rechazo, operacion) of rows after a number, in order."""
        return list(
            self._session.execute(text(_ROWS[estado]), {"id": id_, "despues": despues, "limite": limite})
        )
