"""SQL of the clientes of a CM."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, or_, select, text, update

from services.clientes.domain import (
    ClienteGuardado,
    cti_inicial,
)
from services.clientes.models import Cliente
from services.clientes.repository.base import Base, tabla

# Rows are locked by id before the update, so that two lots can't deadlock.
_EMISIONES = text(
    "WITH e AS (SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:fechas AS timestamptz[])) t(cliente_id, en)"
    "),"
    " filas AS (SELECT c.cliente_id, e.en FROM clientes c JOIN e USING (cliente_id)"
    " WHERE c.ultima_emision IS NULL OR c.ultima_emision < e.en ORDER BY c.cliente_id FOR NO KEY UPDATE OF c)"
    " UPDATE clientes c SET ultima_emision = f.en FROM filas f WHERE c.cliente_id = f.cliente_id"
)


class Clientes(Base):
    """SQL of the clientes of a CM."""

    def nuevo_nic(self) -> int:
        """The next NIC. A rolled back transaction leaves a gap, which is no harm."""
        return int(self.session.scalar(text("SELECT nextval('nic')")) or 0)

    def agregar_cliente(self, cliente: ClienteGuardado) -> None:
        assert cliente.cti == cti_inicial(cliente.nic)
        self.session.execute(insert(Cliente).values(**cliente.__dict__))

    def cliente(self, cuenta_id: UUID, nic: int, *, bloquear: bool = False) -> ClienteGuardado | None:
        """A cliente of this CM; another CM's is not there."""
        consulta = select(tabla(Cliente)).where(Cliente.cuenta_id == cuenta_id, Cliente.nic == nic)
        return self.una(ClienteGuardado, consulta.with_for_update() if bloquear else consulta)

    def cambiar_cliente(self, cliente_id: UUID, cambios: Mapping[str, Any]) -> ClienteGuardado:
        """Change a locked cliente and raise its version."""
        fila = self.session.execute(
            update(Cliente)
            .where(Cliente.cliente_id == cliente_id)
            .values(**cambios, version=Cliente.version + 1)
            .returning(*tabla(Cliente).c)
        ).one()
        return ClienteGuardado(**fila._mapping)

    def nics_con_rfc(self, cuenta_id: UUID, rfc: str, *, salvo: UUID) -> list[int]:
        """The first clientes of this CM, but for one, that have an RFC."""
        consulta = select(Cliente.nic).where(
            Cliente.cuenta_id == cuenta_id, Cliente.rfc == rfc, Cliente.cliente_id != salvo
        )
        return list(self.session.scalars(consulta.order_by(Cliente.nic).limit(3)))

    def tomar_clientes(self, cuenta_id: UUID, nics: Iterable[int]) -> list[ClienteGuardado]:
        """Those of these NIC that are this CM's, locked in the order of their ids."""
        consulta = (
            select(tabla(Cliente))
            .where(Cliente.cuenta_id == cuenta_id, Cliente.nic.in_(sorted(nics)))
            .order_by(Cliente.cliente_id)
            .with_for_update()
        )
        return [ClienteGuardado(**fila._mapping) for fila in self.session.execute(consulta)]

    def clasificar(self, ids: Sequence[UUID], etiquetas: Mapping[str, Any]) -> int:
        """Put labels on locked clientes; how many had others."""
        cambian = or_(
            *(getattr(Cliente, campo).is_distinct_from(valor) for campo, valor in etiquetas.items())
        )
        hecho = self.session.execute(
            update(Cliente).where(Cliente.cliente_id.in_(ids), cambian).values(**etiquetas)
        )
        return int(hecho.rowcount)  # type: ignore[attr-defined]

    def nombres_de_clientes(self, cuenta_id: UUID, nics: Iterable[int]) -> dict[int, str]:
        """Names of those of these NIC that are this CM's."""
        consulta = select(Cliente.nic, Cliente.nombre).where(
            Cliente.cuenta_id == cuenta_id, Cliente.nic.in_(sorted(nics))
        )
        return {fila.nic: fila.nombre for fila in self.session.execute(consulta)}

    def listar_clientes(
        self, cuenta_id: UUID, *, q: str | None, antes_de: int | None, limite: int
    ) -> list[ClienteGuardado]:
        """Newest NIC first, those below `antes_de`."""
        consulta = select(tabla(Cliente)).where(Cliente.cuenta_id == cuenta_id)
        if antes_de is not None:
            consulta = consulta.where(Cliente.nic < antes_de)
        if q:
            campos = (Cliente.nombre, Cliente.nombre_comercial, Cliente.rfc, Cliente.correo, Cliente.cti)
            buscado = [campo.icontains(q, autoescape=True) for campo in campos]
            if q.isdecimal() and len(q) <= 18:
                buscado.append(Cliente.nic == int(q))
            consulta = consulta.where(or_(*buscado))
        filas = self.session.execute(consulta.order_by(Cliente.nic.desc()).limit(limite))
        return [ClienteGuardado(**fila._mapping) for fila in filas]

    def registrar_emisiones(self, emisiones: Mapping[UUID, datetime]) -> None:
        """Move `ultima_emision` forward, never back."""
        self.session.execute(_EMISIONES, {"ids": list(emisiones), "fechas": list(emisiones.values())})
