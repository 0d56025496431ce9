"""All the SQL of licencias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.licencias.domain import Cliente, Cuenta, Licencia, Mkl
from services.licencias.models import ClienteModel, CuentaModel, LicenciaModel, MklModel
from shared.pagination import Posicion

# Locked in order of id, so that two lots can't deadlock; looked at again by the update once they are.
_NOMBRAR = text(
    "WITH n AS (SELECT * FROM unnest(CAST(string_to_array(:clientes, ',') AS uuid[]),"
    " CAST(string_to_array(:versiones, ',') AS bigint[]), CAST(:nombres AS text[])) t(cliente_id, version, nombre)),"
    " filas AS (SELECT c.cliente_id FROM clientes c JOIN n USING (cliente_id) ORDER BY c.cliente_id"
    " FOR NO KEY UPDATE OF c),"
    " puestos AS (UPDATE clientes c SET nombre = n.nombre, nombre_version = n.version FROM n"
    " JOIN filas USING (cliente_id) WHERE c.cliente_id = n.cliente_id AND c.nombre_version < n.version)"
    " SELECT (SELECT count(*) FROM filas) = (SELECT count(*) FROM n)"
)


class Repositorio:
    """Contracts, licences and projections, inside the caller's transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def anotar_cuenta(self, cuenta: Cuenta) -> None:
        """Keep a CM; one that is known stays as it is."""
        self._session.execute(insert(CuentaModel).values(asdict(cuenta)).on_conflict_do_nothing())

    def anotar_cliente(self, cliente: Cliente) -> None:
        """Keep a cliente; one that is known stays as it is."""
        self._session.execute(insert(ClienteModel).values(asdict(cliente)).on_conflict_do_nothing())

    def anotar_clientes(self, clientes: Sequence[Cliente]) -> None:
        """Keep many clientes in one statement; those that are known stay as they are."""
        filas = [asdict(cliente) for cliente in clientes]
        self._session.execute(insert(ClienteModel).values(filas).on_conflict_do_nothing())

    def pasar_cliente(self, cliente_id: UUID, anterior: UUID, nueva: UUID) -> bool:
        """Note that a cliente is of another CM now, and of which it was; False when neither of the two has it."""
        cambio = (
            update(ClienteModel)
            .where(ClienteModel.cliente_id == cliente_id, ClienteModel.cuenta_id.in_((anterior, nueva)))
            .values(cuenta_id=nueva, cuenta_anterior_id=anterior)
        )
        return self._session.execute(cambio.returning(ClienteModel.cliente_id)).first() is not None

    def nombrar_clientes(self, clientes: str, versiones: str, nombres: Sequence[str]) -> bool:
        """Put names, as columns, unless a newer one is here; False when some cliente is not."""
        datos = {"clientes": clientes, "versiones": versiones, "nombres": list(nombres)}
        return bool(self._session.scalar(_NOMBRAR, datos))

    def olvidar_cuenta(self, cuenta_id: UUID) -> bool:
        """Put nobody's name in the place of a CM's; False when it is not here."""
        cambio = (
            update(CuentaModel).where(CuentaModel.cuenta_id == cuenta_id).values(nombre="Cuenta eliminada")
        )
        return self._session.execute(cambio.returning(CuentaModel.cuenta_id)).first() is not None

    def olvidar_cliente(self, cliente_id: UUID, version: int) -> bool:
        """Put nobody's name in the place of a cliente's; False when it is not here.

        `version`: what no later name is newer than.
        """
        cambio = (
            update(ClienteModel)
            .where(ClienteModel.cliente_id == cliente_id)
            .values(nombre="Cliente suprimido", nombre_version=version)
        )
        return self._session.execute(cambio.returning(ClienteModel.cliente_id)).first() is not None

    def cliente(self, cuenta_id: UUID, nic: int) -> Cliente | None:
        """The cliente with that NIC, if it is of this CM."""
        consulta = select(ClienteModel).where(ClienteModel.cuenta_id == cuenta_id, ClienteModel.nic == nic)
        fila = self._session.scalars(consulta).one_or_none()
        if fila is None:
            return None
        return Cliente(
            cliente_id=fila.cliente_id,
            cuenta_id=fila.cuenta_id,
            nic=fila.nic,
            nombre=fila.nombre,
            cuenta_anterior_id=fila.cuenta_anterior_id,
        )

    def contratar(self, mkl: Mkl) -> None:
        """Keep a contract."""
        self._session.execute(insert(MklModel).values(asdict(mkl)))

    def contratos(self, cuenta_id: UUID, desde: Posicion | None, limite: int) -> list[Mkl]:
        """Contracts of a CM after a position, the latest to end first."""
        consulta = select(MklModel).where(MklModel.cuenta_id == cuenta_id)
        if desde is not None:
            consulta = consulta.where(tuple_(MklModel.vence_en, MklModel.id) < (desde.en.date(), desde.id))
        consulta = consulta.order_by(MklModel.vence_en.desc(), MklModel.id.desc()).limit(limite)
        return [
            Mkl(
                id=m.id,
                cuenta_id=m.cuenta_id,
                producto=m.producto,
                inicia_en=m.inicia_en,
                vence_en=m.vence_en,
                precio_anual=m.precio_anual,
            )
            for m in self._session.scalars(consulta)
        ]

    def extender(self, cuenta_id: UUID, ids: Sequence[UUID], hasta: date) -> list[Mkl]:
        """Let these contracts of the CM end on that day, unless they end later; those that changed."""
        cambiados = self._session.scalars(
            update(MklModel)
            .where(MklModel.cuenta_id == cuenta_id, MklModel.id.in_(ids), MklModel.vence_en < hasta)
            .values(vence_en=hasta)
            .returning(MklModel)
        )
        return [
            Mkl(
                id=m.id,
                cuenta_id=m.cuenta_id,
                producto=m.producto,
                inicia_en=m.inicia_en,
                vence_en=m.vence_en,
                precio_anual=m.precio_anual,
            )
            for m in cambiados
        ]

    def hay_contrato(self, cuenta_id: UUID, producto: str, dia: date) -> bool:
        """A contract of this CM for that product is in force on that day."""
        consulta = select(MklModel.id).where(
            MklModel.cuenta_id == cuenta_id,
            MklModel.producto == producto,
            MklModel.inicia_en <= dia,
            MklModel.vence_en >= dia,
        )
        return self._session.scalars(consulta.limit(1)).first() is not None

    def emitir(self, licencia: Licencia, documento: str) -> Licencia:
        """Keep a licence with its document."""
        completa = replace(licencia, documento=documento)
        datos = asdict(completa) | {"caracteristicas": list(licencia.caracteristicas)}
        self._session.execute(insert(LicenciaModel).values(datos))
        return completa

    def licencias(self, cliente: Cliente, desde: Posicion | None, limite: int) -> list[Licencia]:
        """Licences of a cliente after a position, newest first: of its CM, and of the one that had it before."""
        consulta = select(LicenciaModel).where(
            LicenciaModel.cuenta_id.in_(cliente.emisoras), LicenciaModel.nic == cliente.nic
        )
        if desde is not None:
            consulta = consulta.where(
                tuple_(LicenciaModel.emitida_en, LicenciaModel.id) < (desde.en, desde.id)
            )
        consulta = consulta.order_by(LicenciaModel.emitida_en.desc(), LicenciaModel.id.desc()).limit(limite)
        return [_licencia(fila) for fila in self._session.scalars(consulta)]

    def tomar(self, cuenta_id: UUID, id: UUID) -> Licencia | None:
        """A licence of this CM, locked until the end of the transaction."""
        consulta = select(LicenciaModel).where(LicenciaModel.cuenta_id == cuenta_id, LicenciaModel.id == id)
        fila = self._session.scalars(consulta.with_for_update()).one_or_none()
        return None if fila is None else _licencia(fila)

    def revocar(self, licencia: Licencia, en: datetime) -> Licencia:
        """Revoke a licence that the caller has locked."""
        self._session.execute(
            update(LicenciaModel).where(LicenciaModel.id == licencia.id).values(revocada_en=en)
        )
        return replace(licencia, revocada_en=en)

    def revocada(self, id: UUID) -> bool:
        """That licence was revoked. One that we do not have can't be vouched for, and counts as revoked."""
        consulta = select(LicenciaModel.id).where(LicenciaModel.id == id, LicenciaModel.revocada_en.is_(None))
        return self._session.scalars(consulta).one_or_none() is None

    def revocadas(self, ahora: datetime) -> list[UUID]:
        """Revoked licences that would still be valid by their date, in a stable order."""
        consulta = select(LicenciaModel.id).where(
            LicenciaModel.revocada_en.is_not(None), LicenciaModel.vence_en > ahora
        )
        return list(self._session.scalars(consulta.order_by(LicenciaModel.id)))


def _licencia(fila: LicenciaModel) -> Licencia:
    return Licencia(
        id=fila.id,
        cuenta_id=fila.cuenta_id,
        cliente_id=fila.cliente_id,
        nic=fila.nic,
        producto=fila.producto,
        caracteristicas=tuple(fila.caracteristicas),
        emitida_en=fila.emitida_en,
        vence_en=fila.vence_en,
        revocada_en=fila.revocada_en,
        documento=fila.documento,
    )
