"""What clientes tells, over the real bus: a conversion, another name, an erasure.

Every service follows the event, also when it comes twice or before its cliente.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import text

from shared.contracts import eventos as ev
from shared.contracts import facturacion as f
from shared.contracts import licencias as lic
from shared.contracts import puntos as p
from shared.contracts import timbrado as t
from shared.contracts.base import Evento
from shared.errors import Codigo, DomainError
from shared.messaging.rpc_client import RpcClient
from shared.persistence.base import new_engine
from shared.persistence.uow import UnitOfWork
from shared.testing import cfdi
from tests.conftest import RAIZ as CARPETA
from tests.integration.test_puntos_bus import hasta

RAIZ, CM, NUEVA = uuid4(), uuid4(), uuid4()
NIC, CTI, CLIENTE = 4001, "CTI0004001", uuid4()
OTRO_NIC, OTRA_CTI, OTRO = 4002, "CTI0004002", uuid4()
CONVERTIDO = ev.ClienteConvertido(
    cliente_id=CLIENTE, nic=NIC, cuenta_anterior_id=CM, cuenta_id=NUEVA, nombre="Ferretería", padre_id=CM,
    en=datetime.now(UTC),
)  # fmt: skip


@pytest.fixture(scope="module")
def bases(base_de_datos_modulo: Callable[..., str]) -> dict[str, str]:
    return {s: base_de_datos_modulo(s) for s in ("timbrado", "puntos", "licencias", "facturacion")}


@pytest.fixture(scope="module")
def bus(
    servidores: Any,
    bases: dict[str, str],
    vhost_modulo: Callable[..., str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RpcClient]:
    amqp = vhost_modulo(topologia=True)
    carpeta = tmp_path_factory.mktemp("conversion")
    material = cfdi.preparar(carpeta / "cfdi")
    (carpeta / "llaves").mkdir()
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (carpeta / "llaves" / "k1.pem").write_bytes(pem)
    procesos = []
    for servicio, url in bases.items():
        entorno = os.environ | {
            "SERVICIO": servicio, "DATABASE_URL": url, "AMQP_URL": amqp,
            "LICENCIAS_KEYS_DIR": str(carpeta / "llaves"), "CFDI_AUTORIDADES_DIR": str(material.autoridades),
            "PAC_SANDBOX_DIR": str(material.pac),
        }  # fmt: skip
        with (carpeta / f"{servicio}.log").open("wb") as salida:
            orden = [sys.executable, "-m", "shared.messaging.runtime", servicio]
            procesos.append(subprocess.Popen(orden, cwd=CARPETA, env=entorno, stdout=salida, stderr=salida))
        servidores.registrar(procesos[-1].pid)
    cliente = RpcClient(amqp)
    try:
        yield cliente
    finally:
        cliente.close()
        for proceso in procesos:
            proceso.terminate()
        for proceso in procesos:
            proceso.wait(20)


def contar(bases: dict[str, str], *eventos: tuple[Evento[Any], Any]) -> None:
    """Leave clientes' events in an outbox: whichever relay publishes them, they reach every subscriber."""
    engine = new_engine(bases["puntos"])
    with UnitOfWork(engine, lambda session: session) as uow:
        for evento, carga in eventos:
            uow.publish(evento, carga)
        uow.commit()
    engine.dispose()


def creado(cliente: UUID, nic: int, cti: str) -> tuple[Evento[Any], Any]:
    carga = ev.ClienteCreado(cuenta_id=CM, cliente_id=cliente, nic=nic, nombre="Ferretería", cti=cti)
    return ev.CLIENTE_CREADO, carga


def codigo(accion: Callable[[], Any]) -> str | None:
    try:
        accion()
    except DomainError as error:
        return str(error.code)
    return None


def cti_de(bus: RpcClient, cuenta: UUID, cti: str) -> Any:
    return bus.llamar(t.OBTENER_CTI, t.ObtenerCti(cuenta_id=cuenta, cti=cti))


def test_todo_lo_del_cliente_pasa_a_su_cuenta_y_lo_vendido_se_queda(
    bus: RpcClient, bases: dict[str, str]
) -> None:
    cuentas = [(ev.CUENTA_MAESTRA_CREADA, ev.CuentaMaestraCreada(cuenta_id=c, padre_id=q, nombre="CM"))
               for c, q in ((RAIZ, None), (CM, RAIZ), (NUEVA, CM))]  # fmt: skip
    contar(bases, *cuentas, creado(CLIENTE, NIC, CTI))
    hasta(lambda: cti_de(bus, CM, CTI))
    hasta(lambda: bus.llamar(p.CONSULTAR_SALDO, p.ConsultarSaldo(cuenta_id=CM, nic=NIC)))
    bus.llamar(t.EMITIR, t.Emitir(clave="e", cuenta_id=CM, cantidad=100))
    bus.llamar(
        t.TRANSFERIR, t.Transferir(clave="t", cuenta_id=CM, cti=CTI, cantidad=30, importe=Decimal("27.00"))
    )
    bus.llamar(
        t.PONER_VENTA_AUTOMATICA,
        t.PonerVentaAutomatica(
            clave="v", cuenta_id=CM, cti=CTI, minimo=10, abonar=20, importe=Decimal("18.00")
        ),
    )
    hasta(
        lambda: bus.llamar(
            p.ACREDITAR, p.Acreditar(clave="a", cuenta_id=RAIZ, destino_id=CM, puntos=Decimal(90))
        )
    )
    bus.llamar(
        p.TRANSFERIR,
        p.Transferir(clave="p", cuenta_id=CM, nic=NIC, puntos=Decimal("40.50"), importe=Decimal("41.00")),
    )
    hoy = datetime.now(UTC).date()
    for cuenta in (CM, NUEVA):
        mkl = lic.ContratarMkl(
            clave=f"m{cuenta}", cuenta_id=cuenta, producto="pos", vence_en=hoy + timedelta(days=300)
        )
        bus.llamar(lic.CONTRATAR_MKL, mkl)
    emitida = hasta(
        lambda: bus.llamar(
            lic.GENERAR_LICENCIA, lic.GenerarLicencia(clave="l", cuenta_id=CM, nic=NIC, producto="pos")
        )
    )

    contar(bases, (ev.CLIENTE_CONVERTIDO, CONVERTIDO), (ev.CLIENTE_CONVERTIDO, CONVERTIDO))

    cti = hasta(lambda: codigo(lambda: cti_de(bus, NUEVA, CTI)) is None and cti_de(bus, NUEVA, CTI))
    assert (cti.saldo, cti.nic) == (30, NIC)
    assert codigo(lambda: cti_de(bus, CM, CTI)) == Codigo.NO_ENCONTRADO
    venta = t.ObtenerVentaAutomatica(cuenta_id=NUEVA, cti=CTI)
    assert codigo(lambda: bus.llamar(t.OBTENER_VENTA_AUTOMATICA, venta)) == Codigo.NO_ENCONTRADO
    suyos = bus.llamar(t.LISTAR_MOVIMIENTOS, t.ListarMovimientos(cuenta_id=NUEVA, cti=CTI, limite=10))
    assert [m.cantidad for m in suyos.datos] == [30]
    saldo = hasta(lambda: bus.llamar(p.CONSULTAR_SALDO, p.ConsultarSaldo(cuenta_id=NUEVA, nic=NIC)))
    assert saldo.saldo == Decimal("40.50")
    anterior = p.ConsultarSaldo(cuenta_id=CM, nic=NIC)
    assert codigo(lambda: bus.llamar(p.CONSULTAR_SALDO, anterior)) == Codigo.NO_ENCONTRADO
    licencias = hasta(lambda: bus.llamar(lic.LISTAR_LICENCIAS, lic.ListarLicencias(cuenta_id=NUEVA, nic=NIC)))
    assert [x.id for x in licencias.datos] == [emitida.id]
    assert codigo(
        lambda: bus.llamar(lic.LISTAR_LICENCIAS, lic.ListarLicencias(cuenta_id=CM, nic=NIC))
    ) == Codigo.NO_ENCONTRADO  # fmt: skip
    # Who issued it answers for it.
    revocar = lic.RevocarLicencia(clave="r", cuenta_id=NUEVA, licencia_id=emitida.id)
    assert codigo(lambda: bus.llamar(lic.REVOCAR_LICENCIA, revocar)) == Codigo.NO_ENCONTRADO
    ventas = hasta(
        lambda: len(x := bus.llamar(f.LISTAR_VENTAS, f.ListarVentas(cuenta_id=CM, nic=NIC)).datos) == 2 and x
    )
    assert {(v.tipo, v.importe) for v in ventas} == {
        ("timbres", Decimal("27.00")),
        ("puntos", Decimal("41.00")),
    }
    assert bus.llamar(f.LISTAR_VENTAS, f.ListarVentas(cuenta_id=NUEVA)).datos == []
    # A sale that was under way is told late, and is still the seller's.
    tarde = ev.TimbresTransferidos(
        transferencia_id=uuid4(), cuenta_id=CM, cliente_id=CLIENTE, nic=NIC, cti=CTI, cantidad=1,
        importe=Decimal("1.00"), origen="transferencia", en=datetime.now(UTC),
    )  # fmt: skip
    contar(bases, (ev.TIMBRES_TRANSFERIDOS, tarde))
    hasta(lambda: len(bus.llamar(f.LISTAR_VENTAS, f.ListarVentas(cuenta_id=CM, nic=NIC)).datos) == 3)


def test_la_conversion_que_llega_antes_que_su_cliente_espera(bus: RpcClient, bases: dict[str, str]) -> None:
    otro = ev.ClienteConvertido(
        cliente_id=OTRO, nic=OTRO_NIC, cuenta_anterior_id=CM, cuenta_id=uuid4(), nombre="Otro", padre_id=CM,
        en=datetime.now(UTC),
    )  # fmt: skip
    contar(bases, (ev.CLIENTE_CONVERTIDO, otro))
    contar(bases, creado(OTRO, OTRO_NIC, OTRA_CTI))
    hasta(lambda: cti_de(bus, otro.cuenta_id, OTRA_CTI))
    hasta(lambda: bus.llamar(p.CONSULTAR_SALDO, p.ConsultarSaldo(cuenta_id=otro.cuenta_id, nic=OTRO_NIC)))
    ruta = lic.ListarLicencias(cuenta_id=otro.cuenta_id, nic=OTRO_NIC)
    hasta(lambda: codigo(lambda: bus.llamar(lic.LISTAR_LICENCIAS, ruta)) is None)


TABLAS = {
    "puntos": ("monederos_cliente", "monederos_cm"),
    "licencias": ("clientes", "cuentas"),
    "facturacion": ("clientes", "cuentas"),
}


def nombres(bases: dict[str, str], cliente: UUID, cuenta: UUID) -> set[tuple[str | None, str | None]]:
    """How each service calls a cliente and a CM."""
    vistos = set()
    for servicio, (de_cliente, de_cuenta) in TABLAS.items():
        engine = new_engine(bases[servicio], 1)
        with engine.connect() as conexion:
            sql = (
                f"SELECT (SELECT nombre FROM {de_cliente} WHERE cliente_id = :c),"
                f" (SELECT nombre FROM {de_cuenta} WHERE cuenta_id = :m)"
            )
            vistos.add(tuple(conexion.execute(text(sql), {"c": cliente, "m": cuenta}).one()))
        engine.dispose()
    return vistos


def test_un_nombre_nuevo_llega_a_todos_y_lo_suprimido_no_vuelve(
    bus: RpcClient, bases: dict[str, str]
) -> None:
    """Also when a name comes before its cliente, and an erasure before a name that was told earlier."""
    cuenta, cliente, vecino, nic = uuid4(), uuid4(), uuid4(), 4003

    def nombre(version: int, como: str) -> tuple[Evento[Any], Any]:
        carga = ev.ClientesCambiados(clientes=str(cliente), versiones=str(version), nombres=[como])
        return ev.CLIENTES_CAMBIADOS, carga

    def creado_en(cuenta: UUID, cliente: UUID, nic: int) -> tuple[Evento[Any], Any]:
        carga = ev.ClienteCreado(
            cuenta_id=cuenta, cliente_id=cliente, nic=nic, nombre="Primero", cti=f"CTI000{nic}"
        )
        return ev.CLIENTE_CREADO, carga

    nacidos = (
        (
            ev.CUENTA_MAESTRA_CREADA,
            ev.CuentaMaestraCreada(cuenta_id=cuenta, padre_id=uuid4(), nombre="Ávila"),
        ),
        creado_en(cuenta, cliente, nic),
        creado_en(cuenta, vecino, nic + 1),
    )
    contar(bases, nombre(2, "Segundo"))
    contar(bases, *nacidos)
    hasta(lambda: nombres(bases, cliente, cuenta) == {("Segundo", "Ávila")})
    contar(bases, nombre(4, "Cuarto"), nombre(3, "Tercero"))
    hasta(lambda: nombres(bases, cliente, cuenta) == {("Cuarto", "Ávila")})

    ahora = datetime.now(UTC)
    contar(
        bases,
        (ev.CLIENTE_SUPRIMIDO, ev.ClienteSuprimido(cliente_id=cliente, nic=nic, en=ahora)),
        (ev.CUENTA_SUPRIMIDA, ev.CuentaSuprimida(cuenta_id=cuenta, en=ahora)),
    )
    olvidados = {("Cliente suprimido", "Cuenta eliminada")}
    hasta(lambda: nombres(bases, cliente, cuenta) == olvidados)
    tarde = ev.ClientesCambiados(clientes=f"{cliente},{vecino}", versiones="5,5", nombres=["Tarde", "Quinto"])
    contar(bases, (ev.CLIENTES_CAMBIADOS, tarde), *nacidos)
    # The same lot names another cliente: once that name is there, the late one was heard.
    hasta(lambda: nombres(bases, vecino, cuenta) == {("Quinto", "Cuenta eliminada")})
    assert nombres(bases, cliente, cuenta) == olvidados
