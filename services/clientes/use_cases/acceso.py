"""Access tokens: what a session carries to the gateway for its ten minutes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.clientes import domain
from services.clientes.domain import Credenciales, PerfilGuardado
from services.clientes.use_cases.perfiles import cuentas_de
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]


def firmar_acceso(
    uow: Uow, sesion_id: UUID, perfil: PerfilGuardado, credenciales: Credenciales
) -> tuple[str, datetime]:
    """A signed token and when it ends.

    `sf` is there when the perfil has a second factor: the Unix second in which this session last showed it, or 0.
    """
    ahora = uow.ahora
    expira_en = (ahora + domain.VIDA_ACCESO).replace(microsecond=0)
    claims: dict[str, Any] = {
        "sub": str(perfil.perfil_id),
        "sid": str(sesion_id),
        "nombre": perfil.nombre,
        "cuentas": [
            {"id": str(x.cuenta_id), "rol": x.rol, "raiz": x.es_raiz, "estado": x.estado}
            for x in cuentas_de(uow, perfil.perfil_id)
        ],
        "nics": uow.repo.nics_de_perfil(perfil.perfil_id),
        "iat": int(ahora.timestamp()),
        "exp": int(expira_en.timestamp()),
    }
    activo, verificado_en = uow.repo.segundo_factor_de_sesion(sesion_id)
    if activo:
        claims["sf"] = int(verificado_en.timestamp()) if verificado_en else 0
    return credenciales.firmar(claims), expira_en
