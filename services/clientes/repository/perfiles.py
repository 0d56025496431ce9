"""SQL of perfiles. A perfil is locked before its accounts."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import and_, exists, or_, select

from services.clientes.domain import (
    Administra,
    PerfilGuardado,
)
from services.clientes.models import Cliente, CuentaMaestra, Perfil, Usuario
from services.clientes.repository.base import Base, tabla


class Perfiles(Base):
    """SQL of perfiles. A perfil is locked before its accounts."""

    def agregar_perfil(self, perfil: PerfilGuardado) -> bool:
        """False when its correo or móvil is taken; one without confirmation takes neither."""
        return self.insertar_si_cabe(Perfil, perfil.__dict__)

    def perfil(self, perfil_id: UUID, *, bloquear: bool = False) -> PerfilGuardado | None:
        """`bloquear`: until the transaction ends nobody else decides on what this perfil administers."""
        consulta = select(tabla(Perfil)).where(Perfil.perfil_id == perfil_id)
        return self.una(PerfilGuardado, consulta.with_for_update() if bloquear else consulta)

    def perfil_por_usuario(self, usuario: str) -> PerfilGuardado | None:
        """The owner of a normalised correo or móvil. A claim is nobody: to answer it would tell that there is no owner."""
        # Each arm names the predicate of its partial index; without it PostgreSQL would read the whole table.
        brazos = [
            and_(columna == usuario, Perfil.confirmado_en.is_not(None))
            for columna in (Perfil.correo, Perfil.movil)
        ]
        return self.una(
            PerfilGuardado,
            select(tabla(Perfil)).where(or_(*brazos), Perfil.suprimido_en.is_(None)).limit(1),
        )

    def perfil_por_correo_y_movil(self, correo: str, movil: str) -> PerfilGuardado | None:
        """The confirmed perfil with both, locked."""
        consulta = select(tabla(Perfil)).where(
            Perfil.correo == correo, Perfil.movil == movil, Perfil.confirmado_en.is_not(None)
        )
        return self.una(PerfilGuardado, consulta.with_for_update())

    def administra(self, perfil_id: UUID) -> list[Administra]:
        """CMs that a perfil administers, the root first."""
        filas = self.session.execute(
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
        return bool(self.session.scalar(select(exists().where(Usuario.perfil_id == perfil_id))))

    def nics_de_perfil(self, perfil_id: UUID, *, en: UUID | None = None) -> list[int]:
        """Clientes of which this perfil is the perfil principal; `en`: only those of that CM."""
        consulta = select(Cliente.nic).where(Cliente.perfil_principal_id == perfil_id).order_by(Cliente.nic)
        return list(self.session.scalars(consulta if en is None else consulta.where(Cliente.cuenta_id == en)))
