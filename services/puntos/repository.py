"""All the SQL of puntos besides the ledger's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.puntos.domain import Cargo, EstadoCargo, MonederoCliente, MonederoCM, TipoCuenta
from services.puntos.models import CargoModel, MonederoClienteModel, MonederoCMModel
from shared.ledger.ledger import Ledger
from shared.ledger.sealing import Eslabon
from shared.persistence.outbox import publicar_seleccion

#: Without a lock: a reader of a balance makes no debit wait.
_SALDO = text("SELECT saldo, saldo - retenido AS disponible FROM cuentas WHERE id = :id")

_PASAR = text(
    "UPDATE monederos_cliente SET cuenta_id = :nueva WHERE cliente_id = :cliente AND cuenta_id IN (:anterior, :nueva)"
    " RETURNING cliente_id"
)

#: Last sealed link of each cliente's wallet in a lot, told by the database itself.
_BALANCES = (
    "SELECT jsonb_build_object('clientes', string_agg(m.cliente_id::text, ',' ORDER BY m.cliente_id),"
    " 'saldos', string_agg(u.saldo::text, ',' ORDER BY m.cliente_id),"
    " 'versiones', string_agg(u.secuencia::text, ',' ORDER BY m.cliente_id)) AS carga"
    " FROM unnest(CAST(:cuentas AS bigint[]), CAST(:secuencias AS bigint[]), CAST(:saldos AS bigint[]))"
    " u(cuenta_id, secuencia, saldo) JOIN monederos_cliente m ON m.libro_id = u.cuenta_id HAVING count(*) > 0"
)
_OF_CLIENTES = text(
    "SELECT m.cliente_id, c.saldo, c.secuencia FROM monederos_cliente m, LATERAL (SELECT saldo, secuencia FROM cadena"
    " WHERE cuenta_id = m.libro_id ORDER BY secuencia DESC LIMIT 1) c WHERE m.cliente_id = ANY(:ids)"
)

# Locked in order of id, so that two lots can't deadlock; looked at again by the update once they are.
_NOMBRAR = text(
    "WITH n AS (SELECT * FROM unnest(CAST(string_to_array(:clientes, ',') AS uuid[]),"
    " CAST(string_to_array(:versiones, ',') AS bigint[]), CAST(:nombres AS text[])) t(cliente_id, version, nombre)),"
    " filas AS (SELECT c.cliente_id FROM monederos_cliente c JOIN n USING (cliente_id) ORDER BY c.cliente_id"
    " FOR NO KEY UPDATE OF c),"
    " puestos AS (UPDATE monederos_cliente c SET nombre = n.nombre, nombre_version = n.version FROM n"
    " JOIN filas USING (cliente_id) WHERE c.cliente_id = n.cliente_id AND c.nombre_version < n.version)"
    " SELECT (SELECT count(*) FROM filas) = (SELECT count(*) FROM n)"
)


class Repositorio:
    """The ledger and whose each account is, inside the caller's transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.libro = Ledger(session)

    def abrir_cm(self, monedero: MonederoCM) -> None:
        """Open the wallet of a CM; one that is open stays as it is."""
        completo = replace(monedero, libro_id=self._abrir(TipoCuenta.CM, monedero.cuenta_id))
        self._session.execute(
            insert(MonederoCMModel)
            .values(asdict(completo))
            .on_conflict_do_nothing(index_elements=["cuenta_id"])
        )

    def abrir_cliente(self, monedero: MonederoCliente) -> None:
        """Open the wallet of a cliente; one that is open stays as it is."""
        completo = replace(monedero, libro_id=self._abrir(TipoCuenta.CLIENTE, monedero.cliente_id))
        self._session.execute(
            insert(MonederoClienteModel)
            .values(asdict(completo))
            .on_conflict_do_nothing(index_elements=["cliente_id"])
        )

    def abrir_clientes(self, monederos: Sequence[MonederoCliente]) -> None:
        """Open the wallets of many clientes together; those that are open stay as they are."""
        claves = {m.cliente_id: (str(TipoCuenta.CLIENTE), str(m.cliente_id)) for m in monederos}
        libros = self.libro.abrir([(*clave, True) for clave in claves.values()])
        filas = [asdict(replace(m, libro_id=libros[claves[m.cliente_id]].id)) for m in monederos]
        self._session.execute(
            insert(MonederoClienteModel).values(filas).on_conflict_do_nothing(index_elements=["cliente_id"])
        )

    def pasar_cliente(self, cliente_id: UUID, anterior: UUID, nueva: UUID) -> bool:
        """Give a cliente's wallet to another CM, once; False when neither of the two has it. Its account stays."""
        fila = self._session.execute(_PASAR, {"cliente": cliente_id, "anterior": anterior, "nueva": nueva})
        return fila.first() is not None

    def nombrar_clientes(self, clientes: str, versiones: str, nombres: Sequence[str]) -> bool:
        """Put names, as columns, unless a newer one is here; False when some cliente is not."""
        datos = {"clientes": clientes, "versiones": versiones, "nombres": list(nombres)}
        return bool(self._session.scalar(_NOMBRAR, datos))

    def olvidar_cuenta(self, cuenta_id: UUID) -> bool:
        """Put nobody's name in the place of a CM's; False when it is not here."""
        cambio = (
            update(MonederoCMModel)
            .where(MonederoCMModel.cuenta_id == cuenta_id)
            .values(nombre="Cuenta eliminada")
        )
        return self._session.execute(cambio.returning(MonederoCMModel.cuenta_id)).first() is not None

    def olvidar_cliente(self, cliente_id: UUID, version: int) -> bool:
        """Put nobody's name in the place of a cliente's; False when it is not here.

        `version`: what no later name is newer than.
        """
        cambio = (
            update(MonederoClienteModel)
            .where(MonederoClienteModel.cliente_id == cliente_id)
            .values(nombre="Cliente suprimido", nombre_version=version)
        )
        return self._session.execute(cambio.returning(MonederoClienteModel.cliente_id)).first() is not None

    def monedero_cm(self, cuenta_id: UUID) -> MonederoCM | None:
        """The wallet of a CM."""
        fila = self._session.get(MonederoCMModel, cuenta_id)
        if fila is None:
            return None
        return MonederoCM(
            cuenta_id=fila.cuenta_id, padre_id=fila.padre_id, nombre=fila.nombre, libro_id=fila.libro_id
        )

    def monedero_cliente(self, cuenta_id: UUID, nic: int) -> MonederoCliente | None:
        """The wallet of the cliente with that NIC, if it is of this CM."""
        consulta = select(MonederoClienteModel).where(
            MonederoClienteModel.cuenta_id == cuenta_id, MonederoClienteModel.nic == nic
        )
        fila = self._session.scalars(consulta).one_or_none()
        if fila is None:
            return None
        return MonederoCliente(
            cliente_id=fila.cliente_id,
            cuenta_id=fila.cuenta_id,
            nic=fila.nic,
            nombre=fila.nombre,
            libro_id=fila.libro_id,
        )

    def emision(self) -> int:
        """Ledger account from which puntos are minted; the migration opened it."""
        return self._unica(TipoCuenta.EMISION)

    def consumo(self) -> int:
        """Ledger account into which puntos are spent."""
        return self._unica(TipoCuenta.CONSUMO)

    def abrir_cargo(self, cargo: Cargo, ahora: datetime) -> bool:
        """Record a charge as resolved; false when its id was asked for before."""
        nuevo = insert(CargoModel).values(**asdict(cargo), creado_en=ahora)
        hecho = self._session.execute(
            nuevo.on_conflict_do_nothing(index_elements=["id"]).returning(CargoModel.id)
        )
        return hecho.scalar() is not None

    def tomar_cargo(self, id_: UUID) -> Cargo | None:
        """A charge, locked: two refunds follow each other."""
        fila = self._session.scalars(
            select(CargoModel).where(CargoModel.id == id_).with_for_update()
        ).one_or_none()
        return None if fila is None else Cargo(**{f.name: getattr(fila, f.name) for f in fields(Cargo)})

    def devolver_cargo(self, id_: UUID, ahora: datetime) -> None:
        """Mark a charge as given back."""
        self._session.execute(
            update(CargoModel)
            .where(CargoModel.id == id_, CargoModel.estado == EstadoCargo.COBRADO)
            .values(estado=EstadoCargo.DEVUELTO, devuelto_en=ahora)
        )

    def saldo(self, libro_id: int) -> tuple[int, int]:
        """Balance and what of it is available, in hundredths."""
        fila = self._session.execute(_SALDO, {"id": libro_id}).one()
        return fila.saldo, fila.disponible

    def contar_saldos(self, evento: str, eslabones: Sequence[Eslabon]) -> None:
        """Tell the balances that a sealed lot left as one `evento`, each cliente once."""
        ultimos = {e.cuenta: e for e in eslabones}
        valores = {
            "cuentas": list(ultimos),
            "secuencias": [e.secuencia for e in ultimos.values()],
            "saldos": [e.saldo for e in ultimos.values()],
        }
        publicar_seleccion(self._session, evento, _BALANCES, valores)

    def saldos_de_clientes(self, ids: Sequence[UUID]) -> list[tuple[UUID, int, int]]:
        """(cliente, sealed balance in hundredths, its link) of these clientes' wallets that ever moved."""
        filas = self._session.execute(_OF_CLIENTES, {"ids": list(ids)})
        return [(r.cliente_id, r.saldo, r.secuencia) for r in filas]

    def _unica(self, tipo: TipoCuenta) -> int:
        clave = (str(tipo), "")
        return self.libro.buscar([clave])[clave].id

    def _abrir(self, tipo: TipoCuenta, titular: UUID) -> int:
        clave = (str(tipo), str(titular))
        return self.libro.abrir([(*clave, True)])[clave].id
