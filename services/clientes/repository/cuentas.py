"""SQL of cuentas maestras and who administers them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, exists, insert, select

from services.clientes.domain import (
    CuentaGuardada,
    Rol,
)
from services.clientes.models import CuentaMaestra, Usuario
from services.clientes.repository.base import Base, tabla


class Cuentas(Base):
    """SQL of cuentas maestras and who administers them."""

    def agregar_cuenta(self, cuenta: CuentaGuardada) -> bool:
        """False when it would be a second root."""
        return self.insertar_si_cabe(CuentaMaestra, cuenta.__dict__)

    def cuenta(self, cuenta_id: UUID) -> CuentaGuardada | None:
        return self.una(
            CuentaGuardada, select(tabla(CuentaMaestra)).where(CuentaMaestra.cuenta_id == cuenta_id)
        )

    def agregar_usuario(self, *, cuenta_id: UUID, perfil_id: UUID, rol: Rol, creado_en: datetime) -> None:
        self.session.execute(
            insert(Usuario).values(
                cuenta_id=cuenta_id, perfil_id=perfil_id, rol=str(rol), creado_en=creado_en
            )
        )

    def es_usuario(self, cuenta_id: UUID, perfil_id: UUID) -> bool:
        consulta = exists().where(and_(Usuario.cuenta_id == cuenta_id, Usuario.perfil_id == perfil_id))
        return bool(self.session.scalar(select(consulta)))
