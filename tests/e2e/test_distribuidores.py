"""The manual's chapter "Distribuidores" over HTTP, each procedure as its own test."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
import requests
from sqlalchemy import text

from services.clientes.domain import vigencia
from shared.contracts import puntos as pu
from shared.messaging.rpc_client import RpcClient
from shared.persistence.base import new_engine
from tests.e2e.buzon import enlace, recibidos
from tests.sistema import Sistema, hasta

CONTRASENA = "caballo grapa batería"


class Red:
    """The demonstration's distributor, with a network of its own."""

    def __init__(self, sistema: Sistema) -> None:
        self.sistema = sistema
        self.cm = sistema.sesion("distribuidor")
        # Its Multi-nivel comes by an event of the seed.
        hasta(self._tiene_multinivel)

    def _tiene_multinivel(self) -> bool:
        with self.base("clientes") as conexion:
            sql = text("SELECT count(*) FROM capacidades WHERE producto = 'multinivel' AND cuenta_id = :i")
            return bool(
                conexion.execute(sql, {"i": self.sistema.demo["distribuidor"]["cuenta"]}).scalar_one()
            )

    def dar_de_alta(self, **datos: Any) -> dict[str, Any]:
        n = uuid4().int
        cuerpo = {
            "nombre": f"Soluciones {n % 1000:03d}",
            "correo": f"d{n % 10**12}@red.example",
            "movil": f"55{n % 10**8:08d}",
            "titular": "Eva Nueva",
            **datos,
        }
        r = self.cm.post("/v1/distribuidores", json=cuerpo)
        assert r.status_code == 201, r.text
        alta: dict[str, Any] = r.json()
        return alta

    def confirmar(self, alta: dict[str, Any]) -> dict[str, Any]:
        r = requests.post(
            f"{self.sistema.url}/v1/distribuidores/confirmaciones",
            json={
                "token": enlace(self.sistema, alta["correo"], "Confirme su cuenta"),
                "contrasena": CONTRASENA,
            },
            timeout=30,
        )
        assert r.status_code == 201, r.text
        hecha: dict[str, Any] = r.json()
        return hecha

    def actuar(self, alta: dict[str, Any], accion: str, **cuerpo: Any) -> requests.Response:
        return self.cm.post(
            f"/v1/distribuidores/{alta['cuenta_id']}/{accion}", json={"confirmar": True, **cuerpo}
        )

    def activa(self) -> dict[str, Any]:
        alta = self.dar_de_alta()
        self.confirmar(alta)
        r = self.actuar(alta, "activacion")
        assert r.status_code == 200, r.text
        return alta

    def pestana(self, estado: str) -> set[str]:
        datos = self.cm.get(f"/v1/distribuidores?estado={estado}&limite=200").json()["datos"]
        return {x["cuenta_id"] for x in datos}

    def entrar(self, alta: dict[str, Any]) -> requests.Session:
        r = requests.post(
            f"{self.sistema.url}/v1/sesiones",
            json={"usuario": alta["correo"], "contrasena": CONTRASENA},
            timeout=30,
        )
        assert r.status_code == 201, r.text
        s = requests.Session()
        s.headers["Authorization"] = f"Bearer {r.json()['acceso']}"
        return s

    def acreditar(self, cuenta: str, puntos: str) -> None:
        """As a payment that the root confirms would."""
        with self.base("puntos") as conexion:
            raiz = conexion.execute(
                text("SELECT cuenta_id FROM monederos_cm WHERE padre_id IS NULL")
            ).scalar_one()
        bus = RpcClient(self.sistema.instalacion.amqp_url)
        try:
            bus.llamar(
                pu.ACREDITAR,
                pu.Acreditar(
                    clave=f"e2e:{cuenta}:{puntos}",
                    cuenta_id=raiz,
                    destino_id=UUID(cuenta),
                    puntos=Decimal(puntos),
                ),
            )
        finally:
            bus.close()

    def base(self, servicio: str) -> Any:
        return new_engine(self.sistema.instalacion.base(servicio), 1).begin()


@pytest.fixture(scope="module")
def red(sistema: Sistema) -> Red:
    return Red(sistema)


def test_alta_de_distribuidor_en_el_portal(red: Red) -> None:
    ajeno = red.cm.post(
        "/v1/distribuidores",
        json={"nombre": "Yo", "correo": red.sistema.demo["distribuidor"]["usuario"], "movil": "5512345678"},
    )
    assert (ajeno.status_code, set(ajeno.json()["errores"])) == (422, {"correo"})
    alta = red.dar_de_alta(nombre="Óptica Ñandú")
    assert alta["estado"] == "sin_validar"
    assert alta["cuenta_id"] in red.pestana("sin_validar")
    # The mail leads to the form, which says whose account it is.
    vista = requests.get(
        f"{red.sistema.url}/v1/distribuidores/confirmaciones",
        params={"token": enlace(red.sistema, alta["correo"], "Confirme su cuenta")},
        timeout=30,
    ).json()
    assert (vista["nombre"], vista["correo"], vista["tiene_perfil"]) == (
        "Óptica Ñandú",
        alta["correo"],
        False,
    )
    assert red.confirmar(alta)["estado"] == "sin_activar"
    assert alta["cuenta_id"] in red.pestana("sin_activar") - red.pestana("sin_validar")
    # Nobody else's: neither the root, whose grandchild it is, nor by another id.
    for sesion, id_ in ((red.sistema.sesion("raiz"), alta["cuenta_id"]), (red.cm, uuid4())):
        assert sesion.get(f"/v1/distribuidores/{id_}").status_code == 404
    hallados = red.cm.get("/v1/distribuidores?q=optica nandu").json()["datos"]
    assert [x["cuenta_id"] for x in hallados] == [alta["cuenta_id"]]
    assert red.cm.get("/v1/distribuidores/resumen").json()["sin_activar"] >= 1
    csv = red.cm.get("/v1/distribuidores", headers={"Accept": "text/csv"})
    assert csv.headers["Content-Type"].startswith("text/csv")


def test_reenviar_a_otro_correo_cuando_se_escribio_mal(red: Red) -> None:
    alta = red.dar_de_alta()
    ruta = f"/v1/distribuidores/{alta['cuenta_id']}/reenvio"
    perdido = enlace(red.sistema, alta["correo"], "Confirme su cuenta")
    mal = red.cm.post(ruta, json={"correo": "sin arroba"})
    assert (mal.status_code, set(mal.json()["errores"])) == (422, {"correo"})
    bueno = f"bueno-{alta['correo']}"
    r = red.cm.post(ruta, json={"correo": bueno})
    assert (r.status_code, r.json()["correo"], r.json()["movil"]) == (200, bueno, alta["movil"]), r.text
    viejo = requests.get(
        f"{red.sistema.url}/v1/distribuidores/confirmaciones", params={"token": perdido}, timeout=30
    )
    assert viejo.status_code == 404
    # Without a body it is only sent again.
    antes = enlace(red.sistema, bueno, "Confirme su cuenta")
    assert red.cm.post(ruta).json()["correo"] == bueno
    hasta(lambda: enlace(red.sistema, bueno, "Confirme su cuenta") != antes)
    assert red.confirmar({**alta, "correo": bueno})["estado"] == "sin_activar"


def test_activar_una_cuenta(red: Red) -> None:
    alta = red.dar_de_alta()
    antes = red.actuar(alta, "activacion")
    assert (antes.status_code, antes.json()["estado"]) == (409, "sin_validar")
    red.confirmar(alta)
    sin = red.actuar(alta, "activacion", confirmar=False)
    assert (sin.status_code, sin.json()["code"]) == (422, "confirmacion_requerida")
    r = red.actuar(alta, "activacion")
    assert (r.status_code, r.json()["estado"]) == (200, "activo"), r.text
    assert r.json()["dias_restantes"] in (365, 366)
    assert alta["cuenta_id"] in red.pestana("activo")
    # It has a wallet and a stock, and can use them.
    suya = red.entrar(alta)
    hasta(lambda: suya.get(f"{red.sistema.url}/v1/puntos", timeout=30).status_code == 200)
    assert suya.get(f"{red.sistema.url}/v1/cuenta", timeout=30).json()["estado"] == "activo"
    hasta(lambda: any("está activa" in a for a, _ in recibidos(red.sistema, alta["correo"])))


def test_suspender_reactivar_una_cuenta(red: Red) -> None:
    alta = red.activa()
    sin = red.actuar(alta, "suspension")
    assert (sin.status_code, set(sin.json()["errores"])) == (422, {"motivo"})
    r = red.actuar(alta, "suspension", motivo="No ha pagado")
    assert (r.status_code, r.json()["estado"]) == (200, "suspendido"), r.text
    assert alta["cuenta_id"] in red.pestana("suspendido")
    # It reads, and changes nothing.
    suya = red.entrar(alta)
    assert suya.get(f"{red.sistema.url}/v1/cuenta", timeout=30).json()["estado"] == "suspendido"
    no = suya.post(
        f"{red.sistema.url}/v1/clientes",
        json={"nombre": "Otro"},
        headers={"Idempotency-Key": str(uuid4())},
        timeout=30,
    )
    assert no.status_code == 403, no.text
    r = red.actuar(alta, "reactivacion")
    assert (r.status_code, r.json()["estado"]) == (200, "activo")
    assert alta["cuenta_id"] in red.pestana("activo")
    detalle = red.cm.get(f"/v1/distribuidores/{alta['cuenta_id']}").json()
    assert [x["accion"] for x in detalle["historia"]] == [
        "reactivacion", "suspension", "activacion", "validacion", "alta",
    ]  # fmt: skip
    assert detalle["historia"][1]["motivo"] == "No ha pagado"
    assert detalle["abasto"] == {"timbres": 0, "importe": "0.00", "ultimo_en": None}
    # What the root has sold to it, the distributor of the demonstration has.
    raiz = red.sistema.sesion("raiz")
    vendido = raiz.get(f"/v1/distribuidores/{red.sistema.demo['distribuidor']['cuenta']}").json()["abasto"]
    assert (vendido["timbres"], vendido["importe"]) == (100_000, "45000.00")


def test_renovar_una_cuenta(red: Red) -> None:
    alta = red.activa()
    ruta = f"/v1/distribuidores/{alta['cuenta_id']}/renovacion"
    # As if its year were over.
    with red.base("clientes") as conexion:
        hoy = vigencia.dia_en_mexico(conexion.execute(text("SELECT now()")).scalar_one())
        conexion.execute(
            text("UPDATE cuentas_maestras SET vence_en = :v WHERE cuenta_id = :i"),
            {"v": vigencia.fin_del_dia(hoy.replace(year=hoy.year - 1, day=1)), "i": alta["cuenta_id"]},
        )
    hasta(lambda: alta["cuenta_id"] in red.pestana("vencido"))
    cotizada = red.cm.get(ruta).json()
    assert [x["tipo"] for x in cotizada["conceptos"]] == ["cuota"]
    otra = red.actuar(alta, "renovacion", total="1.00")
    assert (otra.status_code, otra.json()["total"]) == (409, cotizada["total"])

    # By itself, although it is expired; it lacks the puntos, and nothing is done.
    suya = red.entrar(alta)
    pedida = suya.post(
        f"{red.sistema.url}/v1/cuenta/renovaciones",
        json={"total": cotizada["total"], "confirmar": True},
        headers={"Idempotency-Key": str(uuid4())},
        timeout=30,
    )
    assert (pedida.status_code, pedida.json()["estado"]) == (202, "solicitada"), pedida.text

    def resuelta(id_: str) -> dict[str, Any] | None:
        datos = suya.get(f"{red.sistema.url}/v1/cuenta/renovaciones", timeout=30).json()["datos"]
        [una] = [x for x in datos if x["id"] == id_]
        return None if una["estado"] == "solicitada" else una

    negada = hasta(lambda: resuelta(pedida.json()["id"]))
    assert (negada["estado"], negada["faltan"]) == ("rechazada", cotizada["total"])

    # By its parent, with the parent's puntos.
    red.acreditar(red.sistema.demo["distribuidor"]["cuenta"], "3000.00")
    antes = Decimal(red.cm.get("/v1/puntos").json()["disponible"])
    pagada = red.actuar(alta, "renovacion", total=cotizada["total"])
    assert pagada.status_code == 202, pagada.text
    hecha = hasta(lambda: resuelta(pagada.json()["id"]))
    assert (hecha["estado"], hecha["vence_en"]) == ("aplicada", cotizada["vencera_en"])
    assert alta["cuenta_id"] in red.pestana("activo")
    assert Decimal(red.cm.get("/v1/puntos").json()["disponible"]) == antes - Decimal(cotizada["total"])
    red.sistema.cuadrar()


def test_cancelar_una_cuenta(red: Red) -> None:
    alta = red.activa()
    activa = red.actuar(alta, "cancelacion", motivo="Cierra")
    assert (activa.status_code, activa.json()["acciones"]) == (409, ["suspension", "renovacion"])
    assert "suspéndala antes" in activa.json()["detail"]
    assert red.actuar(alta, "suspension", motivo="Cierra").status_code == 200
    r = red.actuar(alta, "cancelacion", motivo="Cierra")
    assert (r.status_code, r.json()["estado"], r.json()["acciones"]) == (200, "cancelado", [])
    assert alta["cuenta_id"] in red.pestana("cancelado")
    # Thirty natural days later it is gone, with what was personal of it.
    with red.base("clientes") as conexion:
        conexion.execute(
            text(
                "UPDATE cuentas_maestras SET estado_desde = now() - interval '32 days' WHERE cuenta_id = :i"
            ),
            {"i": alta["cuenta_id"]},
        )
    hasta(lambda: red.cm.get(f"/v1/distribuidores/{alta['cuenta_id']}").status_code == 404)
    assert alta["cuenta_id"] not in red.pestana("cancelado")


def test_los_distribuidores_de_una_cancelada_pasan_a_quien_la_cancela(red: Red) -> None:
    alta = red.activa()
    with red.base("clientes") as conexion:
        conexion.execute(
            text(
                "INSERT INTO capacidades (mkl_id, cuenta_id, producto, inicia_en, vence_en)"
                " VALUES (gen_random_uuid(), :i, 'multinivel', current_date - 1, current_date + 30)"
            ),
            {"i": alta["cuenta_id"]},
        )
    n = uuid4().int
    r = red.entrar(alta).post(
        f"{red.sistema.url}/v1/distribuidores",
        json={"nombre": "Nieta", "correo": f"n{n % 10**12}@red.example", "movil": f"55{n % 10**8:08d}"},
        headers={"Idempotency-Key": str(uuid4())},
        timeout=30,
    )
    assert r.status_code == 201, r.text
    nieta = r.json()["cuenta_id"]
    assert red.cm.get(f"/v1/distribuidores/{nieta}").status_code == 404
    assert red.actuar(alta, "suspension", motivo="Cierra").status_code == 200
    sin = red.actuar(alta, "cancelacion", motivo="Cierra", confirmar=False)
    assert (sin.status_code, "a su cargo" in sin.json()["detail"]) == (422, True)
    r = red.actuar(alta, "cancelacion", motivo="Cierra")
    assert (r.status_code, r.json()["estado"]) == (200, "cancelado"), r.text
    detalle = red.cm.get(f"/v1/distribuidores/{nieta}").json()
    assert detalle["distribuidor"]["estado"] == "sin_validar"
    assert [x["accion"] for x in detalle["historia"]] == ["adopcion", "alta"]
