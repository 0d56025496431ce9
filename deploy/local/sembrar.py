"""The demonstration's data: the root, a distributor with stock, a cliente with its perfil and CTI.

Safe to repeat: every call carries a fixed idempotency key, and the passwords are made once and kept in
`.run/secretos/demo.json`. Writes `.run/demo.json`, which programs that drive the system read.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from deploy.secretos import escribir
from shared.config import settings
from shared.contracts import clientes as cl
from shared.contracts import licencias as li
from shared.contracts import puntos as pu
from shared.contracts import timbrado as ti
from shared.errors import Codigo, DomainError
from shared.messaging.rpc_client import RpcClient

T = TypeVar("T")

RAIZ = ("raiz@induxsoft.example", "+525500000001")
DISTRIBUIDOR = ("ana@distribuidora.example", "+525500000002")
CLIENTE = ("luis@cliente.example", "+525500000003")
MKL_DE_MUESTRA = "FACTUDESK"


def contrasenas(dir: Path) -> dict[str, str]:
    """The demonstration's passwords, made at first use."""
    archivo = dir / "secretos" / "demo.json"
    if not archivo.exists():
        hechas = {papel: secrets.token_urlsafe(12) for papel in ("raiz", "distribuidor", "cliente", "cti")}
        escribir(archivo, json.dumps(hechas).encode())
    leidas: dict[str, str] = json.loads(archivo.read_text())
    return leidas


def con_paciencia(accion: Callable[[], T], segundos: float = 30) -> T:
    """Repeat while an event of an earlier step has not arrived yet, or a service is still starting."""
    limite = time.monotonic() + segundos
    while True:
        try:
            return accion()
        except DomainError as exc:
            transitorio = exc.code in (Codigo.NO_ENCONTRADO, Codigo.NO_DISPONIBLE)
            if not transitorio or time.monotonic() > limite:
                raise
            time.sleep(0.2)


def sembrar(bus: RpcClient, claves: dict[str, str]) -> dict[str, Any]:
    """Make everything that lacks; answers what `.run/demo.json` holds."""

    def perfil(papel: str, nombre: str, contacto: tuple[str, str]) -> UUID:
        peticion = cl.CrearPerfil(
            clave=f"semilla:perfil:{papel}",
            nombre=nombre,
            correo=contacto[0],
            movil=contacto[1],
            contrasena=claves[papel],
        )
        return con_paciencia(lambda: bus.llamar(cl.CREAR_PERFIL, peticion)).perfil_id

    raiz = bus.llamar(
        cl.CREAR_CUENTA_MAESTRA,
        cl.CrearCuentaMaestra(
            clave="semilla:cuenta:raiz",
            nombre="Induxsoft",
            titular_perfil_id=perfil("raiz", "Operación Induxsoft", RAIZ),
        ),
    )
    cuenta = bus.llamar(
        cl.CREAR_CUENTA_MAESTRA,
        cl.CrearCuentaMaestra(
            clave="semilla:cuenta:distribuidor",
            padre_id=raiz.cuenta_id,
            nombre="Distribuidora del Sureste",
            titular_perfil_id=perfil("distribuidor", "Ana Distribuidora", DISTRIBUIDOR),
        ),
    )
    cliente = bus.llamar(
        cl.CREAR_CLIENTE,
        cl.CrearCliente(
            clave="semilla:cliente",
            cuenta_id=cuenta.cuenta_id,
            nombre="Escuela Kemper Urgate",
            rfc="EKU9003173C9",
            correo=CLIENTE[0],
        ),
    )
    perfil("cliente", "Luis Cliente", CLIENTE)
    bus.llamar(
        cl.ASIGNAR_PERFIL_PRINCIPAL,
        cl.AsignarPerfilPrincipal(
            clave="semilla:perfil-principal",
            cuenta_id=cuenta.cuenta_id,
            nic=cliente.nic,
            correo=CLIENTE[0],
            movil=CLIENTE[1],
        ),
    )
    _saldos(bus, raiz.cuenta_id, cuenta.cuenta_id)
    con_paciencia(
        lambda: bus.llamar(
            ti.RESTABLECER_CONTRASENA,
            ti.RestablecerContrasena(
                clave="semilla:cti", cuenta_id=cuenta.cuenta_id, cti=cliente.cti, contrasena=claves["cti"]
            ),
        )
    )
    return {
        "url": os.environ["CUENTA_MAESTRA_URL"],
        "raiz": {"usuario": RAIZ[0], "contrasena": claves["raiz"]},
        "distribuidor": {
            "usuario": DISTRIBUIDOR[0],
            "contrasena": claves["distribuidor"],
            "cuenta": str(cuenta.cuenta_id),
        },
        "cliente": {"nic": cliente.nic, "usuario": CLIENTE[0], "contrasena": claves["cliente"]},
        "cti": {"id": cliente.cti, "contrasena": claves["cti"]},
    }


def _saldos(bus: RpcClient, raiz: UUID, cuenta: UUID) -> None:
    """Timbres, puntos and MKL for the distributor; what a CTI ilimitada and a CM's year cost."""
    bus.llamar(
        cl.PONER_CUOTA_ANUAL, cl.PonerCuotaAnual(clave="semilla:cuota-anual", cuota=Decimal("1500.00"))
    )
    bus.llamar(
        ti.PONER_TARIFAS,
        ti.PonerTarifas(clave="semilla:tarifas", abierta=Decimal("2400.00"), un_rfc=Decimal("1200.00")),
    )
    bus.llamar(ti.EMITIR, ti.Emitir(clave="semilla:emision", cuenta_id=raiz, cantidad=1_000_000))
    con_paciencia(
        lambda: bus.llamar(
            ti.ABASTECER,
            ti.Abastecer(
                clave="semilla:abasto",
                cuenta_id=raiz,
                destino_id=cuenta,
                cantidad=100_000,
                importe=Decimal("45000.00"),
            ),
        )
    )
    con_paciencia(
        lambda: bus.llamar(
            pu.ACREDITAR,
            pu.Acreditar(
                clave="semilla:puntos", cuenta_id=raiz, destino_id=cuenta, puntos=Decimal("5000.00")
            ),
        )
    )
    vence = date(datetime.now(UTC).year + 1, 12, 31)
    con_paciencia(
        lambda: bus.llamar(
            li.CONTRATAR_MKL,
            li.ContratarMkl(
                # One contract a year: the same key always carries the same end.
                clave=f"semilla:mkl:{vence.year}",
                cuenta_id=cuenta,
                producto=MKL_DE_MUESTRA,
                vence_en=vence,
            ),
        )
    )
    con_paciencia(
        lambda: bus.llamar(
            li.CONTRATAR_MKL,
            li.ContratarMkl(
                clave=f"semilla:multinivel:{vence.year}",
                cuenta_id=cuenta,
                producto="multinivel",
                vence_en=vence,
                precio_anual=Decimal("600.00"),
            ),
        )
    )


def main() -> None:
    """Seed and write `.run/demo.json`."""
    carpeta = Path(os.environ["CUENTA_MAESTRA_RUN"])
    bus = RpcClient(settings().amqp_url)
    demo = sembrar(bus, contrasenas(carpeta))
    escribir(carpeta / "demo.json", json.dumps(demo, indent=2, ensure_ascii=False).encode())


if __name__ == "__main__":
    main()
