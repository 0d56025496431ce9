"""All of clientes' SQL. Locks are taken here: a perfil before its accounts, a renewal with its session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select, Table, and_, exists, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import Session

from services.clientes.domain import (
    Administra,
    ClienteGuardado,
    CuentaGuardada,
    PerfilGuardado,
    Renovacion,
    Rol,
    cti_inicial,
)
from services.clientes.models import Cliente, CuentaMaestra, Perfil, Sesion, Usuario
from services.clientes.models import Renovacion as RenovacionModel

T = TypeVar("T")

# Rows are locked by id before the update, so that two lots can't deadlock.
_EMISIONES = text(
    "WITH e AS (SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:fechas AS timestamptz[])) t(cliente_id, en)"
    "),"
    " filas AS (SELECT c.cliente_id, e.en FROM clientes c JOIN e USING (cliente_id)"
    " WHERE c.ultima_emision IS NULL OR c.ultima_emision < e.en ORDER BY c.cliente_id FOR NO KEY UPDATE OF c)"
    " UPDATE clientes c SET ultima_emision = f.en FROM filas f WHERE c.cliente_id = f.cliente_id"
)


class Repositorio:
    """Reads and writes of one unit of work."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # Perfiles

    def agregar_perfil(self, perfil: PerfilGuardado) -> bool:
        """False when its correo or móvil is taken."""
        return self._insertar_si_cabe(Perfil, perfil.__dict__)

    def perfil(self, perfil_id: UUID, *, bloquear: bool = False) -> PerfilGuardado | None:
        """`bloquear`: until the transaction ends nobody else decides on what this perfil administers."""
        consulta = select(_tabla(Perfil)).where(Perfil.perfil_id == perfil_id)
        return self._una(PerfilGuardado, consulta.with_for_update() if bloquear else consulta)

    def perfil_por_usuario(self, usuario: str) -> PerfilGuardado | None:
        """By normalised correo or móvil."""
        return self._una(
            PerfilGuardado,
            select(_tabla(Perfil)).where(or_(Perfil.correo == usuario, Perfil.movil == usuario)),
        )

    def perfil_por_correo_y_movil(self, correo: str, movil: str) -> PerfilGuardado | None:
        """The perfil with both, locked."""
        consulta = select(_tabla(Perfil)).where(Perfil.correo == correo, Perfil.movil == movil)
        return self._una(PerfilGuardado, consulta.with_for_update())

    def administra(self, perfil_id: UUID) -> list[Administra]:
        """CMs that a perfil administers, the root first."""
        filas = self._session.execute(
            select(
                CuentaMaestra.cuenta_id,
                CuentaMaestra.nombre,
                Usuario.rol,
                CuentaMaestra.estado,
                CuentaMaestra.padre_id.is_(None).label("es_raiz"),
            )
            .join(Usuario, Usuario.cuenta_id == CuentaMaestra.cuenta_id)
            .where(Usuario.perfil_id == perfil_id)
            .order_by(CuentaMaestra.padre_id.isnot(None), CuentaMaestra.nombre, CuentaMaestra.cuenta_id)
        )
        return [Administra(**fila._mapping) for fila in filas]

    def administra_alguna(self, perfil_id: UUID) -> bool:
        """Whether a perfil administers any CM."""
        return bool(self._session.scalar(select(exists().where(Usuario.perfil_id == perfil_id))))

    def nics_de_perfil(self, perfil_id: UUID) -> list[int]:
        """Clientes of which this perfil is the perfil principal."""
        consulta = select(Cliente.nic).where(Cliente.perfil_principal_id == perfil_id).order_by(Cliente.nic)
        return list(self._session.scalars(consulta))

    # Sessions

    def agregar_sesion(
        self, *, sesion_id: UUID, perfil_id: UUID, origen_ip: str, creada_en: datetime, vence_en: datetime
    ) -> None:
        self._session.execute(
            insert(Sesion).values(
                sesion_id=sesion_id,
                perfil_id=perfil_id,
                origen_ip=origen_ip,
                creada_en=creada_en,
                vence_en=vence_en,
            )
        )

    def agregar_renovacion(self, *, huella: bytes, sesion_id: UUID, vence_en: datetime) -> None:
        self._session.execute(
            insert(RenovacionModel).values(huella=huella, sesion_id=sesion_id, vence_en=vence_en)
        )

    def tomar_renovacion(self, huella: bytes) -> Renovacion | None:
        """A renewal token and its session, both locked."""
        return self._una(
            Renovacion,
            select(
                RenovacionModel.huella,
                RenovacionModel.sesion_id,
                Sesion.perfil_id,
                RenovacionModel.vence_en,
                RenovacionModel.usada_en,
                Sesion.vence_en.label("sesion_vence_en"),
                Sesion.revocada_en,
            )
            .join(Sesion, Sesion.sesion_id == RenovacionModel.sesion_id)
            .where(RenovacionModel.huella == huella)
            .with_for_update(),
        )

    def usar_renovacion(self, huella: bytes, en: datetime) -> None:
        self._session.execute(
            update(RenovacionModel).where(RenovacionModel.huella == huella).values(usada_en=en)
        )

    def revocar_sesion(self, sesion_id: UUID, en: datetime, *, perfil_id: UUID) -> None:
        """End a session and with it every renewal token of its family. Ending it twice is no error."""
        self._session.execute(
            update(Sesion)
            .where(Sesion.sesion_id == sesion_id, Sesion.perfil_id == perfil_id, Sesion.revocada_en.is_(None))
            .values(revocada_en=en)
        )

    # Cuentas maestras

    def agregar_cuenta(self, cuenta: CuentaGuardada) -> bool:
        """False when it would be a second root."""
        return self._insertar_si_cabe(CuentaMaestra, cuenta.__dict__)

    def cuenta(self, cuenta_id: UUID) -> CuentaGuardada | None:
        return self._una(
            CuentaGuardada, select(_tabla(CuentaMaestra)).where(CuentaMaestra.cuenta_id == cuenta_id)
        )

    def agregar_usuario(self, *, cuenta_id: UUID, perfil_id: UUID, rol: Rol, creado_en: datetime) -> None:
        self._session.execute(
            insert(Usuario).values(
                cuenta_id=cuenta_id, perfil_id=perfil_id, rol=str(rol), creado_en=creado_en
            )
        )

    def es_usuario(self, cuenta_id: UUID, perfil_id: UUID) -> bool:
        consulta = exists().where(and_(Usuario.cuenta_id == cuenta_id, Usuario.perfil_id == perfil_id))
        return bool(self._session.scalar(select(consulta)))

    # Clientes

    def nuevo_nic(self) -> int:
        """The next NIC. A rolled back transaction leaves a gap, which is no harm."""
        return int(self._session.scalar(text("SELECT nextval('nic')")) or 0)

    def agregar_cliente(self, cliente: ClienteGuardado) -> None:
        assert cliente.cti == cti_inicial(cliente.nic)
        self._session.execute(insert(Cliente).values(**cliente.__dict__))

    def cliente(self, cuenta_id: UUID, nic: int, *, bloquear: bool = False) -> ClienteGuardado | None:
        """A cliente of this CM; another CM's is not there."""
        consulta = select(_tabla(Cliente)).where(Cliente.cuenta_id == cuenta_id, Cliente.nic == nic)
        return self._una(ClienteGuardado, consulta.with_for_update() if bloquear else consulta)

    def cambiar_cliente(self, cliente_id: UUID, cambios: Mapping[str, Any]) -> ClienteGuardado:
        """Change a locked cliente and raise its version."""
        fila = self._session.execute(
            update(Cliente)
            .where(Cliente.cliente_id == cliente_id)
            .values(**cambios, version=Cliente.version + 1)
            .returning(*_tabla(Cliente).c)
        ).one()
        return ClienteGuardado(**fila._mapping)

    def listar_clientes(
        self, cuenta_id: UUID, *, q: str | None, antes_de: int | None, limite: int
    ) -> list[ClienteGuardado]:
        """Newest NIC first, those below `antes_de`."""
        consulta = select(_tabla(Cliente)).where(Cliente.cuenta_id == cuenta_id)
        if antes_de is not None:
            consulta = consulta.where(Cliente.nic < antes_de)
        if q:
            campos = (Cliente.nombre, Cliente.nombre_comercial, Cliente.rfc, Cliente.correo, Cliente.cti)
            buscado = [campo.icontains(q, autoescape=True) for campo in campos]
            if q.isdecimal() and len(q) <= 18:
                buscado.append(Cliente.nic == int(q))
            consulta = consulta.where(or_(*buscado))
        filas = self._session.execute(consulta.order_by(Cliente.nic.desc()).limit(limite))
        return [ClienteGuardado(**fila._mapping) for fila in filas]

    def registrar_emisiones(self, emisiones: Mapping[UUID, datetime]) -> None:
        """Move `ultima_emision` forward, never back."""
        self._session.execute(_EMISIONES, {"ids": list(emisiones), "fechas": list(emisiones.values())})

    # How rows become values

    def _una(self, clase: type[T], consulta: Select[*tuple[Any, ...]]) -> T | None:
        fila = self._session.execute(consulta).one_or_none()
        return None if fila is None else clase(**fila._mapping)

    def _insertar_si_cabe(self, modelo: type[Any], valores: Mapping[str, Any]) -> bool:
        tabla = _tabla(modelo)
        llave: Sequence[Any] = list(tabla.primary_key.columns)
        hecho = pg_insert(tabla).values(**valores).on_conflict_do_nothing().returning(*llave)
        return self._session.execute(hecho).first() is not None


def _tabla(modelo: type[Any]) -> Table:
    """Its columns one by one: `select(modelo)` would give an entity."""
    tabla: Table = modelo.__table__
    return tabla
