"""Limits of sign-in: what a try counts against, and the places that attackers elsewhere can't close."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from services.clientes import domain
from services.clientes.domain import Credenciales, PerfilGuardado
from shared.contracts import clientes as c
from shared.persistence.uow import UnitOfWork

if TYPE_CHECKING:
    from services.clientes.repository import Repositorio

    Uow = UnitOfWork[Repositorio]

#: Claim that tells a device's token from an access token, which has none; the gateway takes no token without `sid`.
_DISPOSITIVO = "dis"
#: Claim with a digest of the hash of the password that the token was given for.
_CONTRASENA = "con"


def contar(
    uow: Uow, peticion: c.IniciarSesion, perfil: PerfilGuardado | None, credenciales: Credenciales
) -> list[bytes]:
    """Count a try before its password is looked at; answers its buckets, to give it back. The caller commits.

    Raises `demasiados_intentos` when one is full; the rollback that follows leaves the others as they were.
    """
    perfil_id, red = (perfil.perfil_id if perfil else None), _red(peticion)
    dispositivo = _dispositivo(peticion, perfil, credenciales)
    conocido = perfil_id is not None and uow.repo.es_conocido(perfil_id, domain.huella_de_red(red), uow.ahora)
    cubos = domain.cubos(
        sujeto=domain.sujeto_de(perfil_id, domain.normalizar_usuario(peticion.usuario) or peticion.usuario),
        red=red,
        dispositivo=dispositivo,
        conocido=conocido,
    )
    espera = uow.repo.contar_intento(cubos, uow.ahora)
    if espera is not None:
        raise domain.demasiados_intentos(espera)
    return [x.clave for x in cubos]


def recordar_lugar(
    uow: Uow, peticion: c.IniciarSesion, perfil: PerfilGuardado, credenciales: Credenciales
) -> str:
    """The address of a sign-in that was right is known from now on; answers the token that makes its device known.

    The token is of the password that was right: whoever knew an earlier one has no known device.
    """
    uow.repo.conocer(perfil.perfil_id, domain.huella_de_red(_red(peticion)), uow.ahora)
    dispositivo = _dispositivo(peticion, perfil, credenciales) or uuid4().hex
    return credenciales.firmar(
        {
            _DISPOSITIVO: dispositivo,
            _CONTRASENA: domain.huella_de_contrasena(perfil.hash_contrasena),
            "sub": str(perfil.perfil_id),
            "exp": int((uow.ahora + domain.VIDA_DISPOSITIVO).timestamp()),
        }
    )


def _red(peticion: c.IniciarSesion) -> str:
    return peticion.origen_red or peticion.origen_ip


def _dispositivo(
    peticion: c.IniciarSesion, perfil: PerfilGuardado | None, credenciales: Credenciales
) -> str | None:
    """The id in a device's token, if it is of this very perfil and of its password of today."""
    if not peticion.dispositivo or perfil is None:
        return None
    dicho = credenciales.leer(peticion.dispositivo) or {}
    hallado = dicho.get(_DISPOSITIVO)
    suyo = (dicho.get("sub"), dicho.get(_CONTRASENA)) == (
        str(perfil.perfil_id),
        domain.huella_de_contrasena(perfil.hash_contrasena),
    )
    return hallado if isinstance(hallado, str) and suyo else None
