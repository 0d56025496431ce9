"""A second distributor of the root, with stock, puntos and contracts, for tests that need a stranger or a victim."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

from requests import Session

from shared.contracts import clientes as cl
from shared.contracts import licencias as li
from shared.contracts import puntos as pu
from shared.contracts import timbrado as ti
from shared.errors import DomainError
from shared.messaging.rpc_client import RpcClient
from tests.sistema import Sistema, hasta


def otra_cuenta(sistema: Sistema) -> Session:
    """Another distributor of the root, as capable as the owner."""
    bus = RpcClient(sistema.instalacion.amqp_url)
    try:
        raiz = sistema.sesion("raiz").get("/v1/cuenta").json()["cuenta_id"]
        clave, contrasena = uuid4().hex, uuid4().hex
        correo = f"ajena-{clave[:8]}@otra.example"
        perfil = bus.llamar(
            cl.CREAR_PERFIL,
            cl.CrearPerfil(
                clave=clave,
                nombre="Persona Ajena",
                correo=correo,
                movil=f"+5299{int(clave[:8], 16) % 10**8:08d}",
                contrasena=contrasena,
            ),
        )
        cuenta = bus.llamar(
            cl.CREAR_CUENTA_MAESTRA,
            cl.CrearCuentaMaestra(
                clave=clave, padre_id=raiz, nombre="Otra Distribuidora", titular_perfil_id=perfil.perfil_id
            ),
        ).cuenta_id
        _abastecer(bus, clave, raiz, cuenta)
    finally:
        bus.close()
    return sistema.sesion_de(correo, contrasena)


def _abastecer(bus: RpcClient, clave: str, raiz: Any, cuenta: Any) -> None:
    """Stock, puntos and contracts: it is refused for whose the object is, and for nothing else."""
    for contrato, peticion in (
        (
            ti.ABASTECER,
            ti.Abastecer(clave=clave, cuenta_id=raiz, destino_id=cuenta, cantidad=1000, importe=Decimal(1)),
        ),
        (pu.ACREDITAR, pu.Acreditar(clave=clave, cuenta_id=raiz, destino_id=cuenta, puntos=Decimal(9000))),
        *(
            (
                li.CONTRATAR_MKL,
                li.ContratarMkl(
                    clave=f"{clave}:{producto}",
                    cuenta_id=cuenta,
                    producto=producto,
                    vence_en=date(2099, 1, 1),
                ),
            )
            for producto in ("FACTUDESK", "multinivel")
        ),
    ):
        hasta(lambda c=contrato, p=peticion: _llega(bus, c, p))


def _llega(bus: RpcClient, contrato: Any, peticion: Any) -> bool:
    try:
        bus.llamar(contrato, peticion)
    except DomainError:
        return False
    return True
