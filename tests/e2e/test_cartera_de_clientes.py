"""Procedures of the manual's chapter on the cartera, over HTTP, named after it: the form, who controls, labels, files."""

from __future__ import annotations

import csv
import io
from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.sistema import Sistema, hasta

IMPORTACIONES = "/v1/clientes/importaciones"
FORMA: dict[str, Any] = {
    "nombre": "Hotel La Ñusta, S.A. de C.V.",
    "nombre_comercial": "La Ñusta",
    "rfc": "eku9003173c9",
    "regimen_fiscal": "601",
    "uso_cfdi": "G03",
    "telefono": "(55) 1234-5678 ext. 12",
    "correo": "Hotel@Nusta.mx",
    "sitio_web": "nusta.mx",
    "domicilio": {"calle": "Reforma", "numero_exterior": "1", "estado": "cdmx", "codigo_postal": "06600"},
    "representante": {
        "nombre": "Eva Ríos",
        "puesto": "Directora",
        "correo": "eva@nusta.mx",
        "movil": "5512345678",
    },
    "financiero": {"nombre": "Fito"},
    "tecnico": {"nombre": "Tere", "telefono": "55 1111 2222 x9"},
    "notas": "=no es fórmula",
    "otros": {"Zona": "Norte", "Giro": "Hotelería"},
    "precio_especifico": "0.8575",
}


@pytest.fixture
def distribuidor(sistema: Sistema) -> requests.Session:
    return sistema.sesion("distribuidor")


def alta(distribuidor: requests.Session, **datos: Any) -> dict[str, Any]:
    r = distribuidor.post("/v1/clientes", json={"nombre": "Ferretería", **datos})
    assert r.status_code == 201, r.text
    return dict(r.json())


def importar(distribuidor: requests.Session, cuerpo: bytes, **opciones: str) -> dict[str, Any]:
    r = distribuidor.post(IMPORTACIONES, data=cuerpo, params=opciones, headers={"Content-Type": "text/csv"})
    assert r.status_code == 202, r.text
    ruta = r.headers["Location"]

    def terminada() -> Any:
        hecho = distribuidor.get(ruta).json()
        return hecho if hecho["terminada_en"] else None

    return dict(hasta(terminada, 60))


def reporte(distribuidor: requests.Session, importacion: dict[str, Any]) -> list[dict[str, Any]]:
    datos: list[dict[str, Any]] = distribuidor.get(f"{IMPORTACIONES}/{importacion['id']}/filas").json()[
        "datos"
    ]
    return datos


def test_agregar_un_cliente(distribuidor: requests.Session) -> None:
    cliente = alta(distribuidor, **FORMA)
    assert (cliente["rfc"], cliente["correo"], cliente["sitio_web"]) == (
        "EKU9003173C9", "hotel@nusta.mx", "https://nusta.mx",
    )  # fmt: skip
    assert cliente["telefono"] == "+525512345678 ext. 12"
    assert cliente["domicilio"]["estado"] == "Ciudad de México"
    assert cliente["tecnico"]["telefono"] == "+525511112222 ext. 9"
    assert (cliente["precio_especifico"], cliente["otros"]) == ("0.8575", FORMA["otros"])
    assert cliente["cti"]["contrasena"]
    otro = alta(
        distribuidor,
        rfc="EKU9003173C1",
        regimen_fiscal="612",
        domicilio={"estado": "Jalisco", "codigo_postal": "06600"},
    )
    assert {a["campo"] for a in otro["advertencias"]} == {"rfc", "regimen_fiscal", "domicilio.codigo_postal"}
    repetido = alta(distribuidor, rfc="EKU9003173C9")
    assert str(cliente["nic"]) in repetido["advertencias"][0]["mensaje"]
    for rfc in ("XAXX010101000", "ABC010231AB1", "ABCD0101"):
        r = distribuidor.post("/v1/clientes", json={"nombre": "X", "rfc": rfc})
        assert (r.status_code, list(r.json()["errores"])) == (422, ["rfc"])
    muchos = distribuidor.post(
        "/v1/clientes", json={"nombre": "X", "otros": {str(n): "x" for n in range(21)}}
    )
    assert muchos.status_code == 422


def test_editar_los_datos_de_un_cliente(distribuidor: requests.Session) -> None:
    cliente = alta(distribuidor, **FORMA)
    ruta = f"/v1/clientes/{cliente['nic']}"
    hecho = distribuidor.patch(
        ruta, json={"version": 1, "representante": {"puesto": "Dueña", "movil": None}, "notas": None}
    )
    assert hecho.status_code == 200, hecho.text
    assert hecho.json()["representante"] == {
        "nombre": "Eva Ríos", "puesto": "Dueña", "correo": "eva@nusta.mx", "telefono": None, "movil": None,
    }  # fmt: skip
    assert hecho.json()["notas"] is None
    iguales = ("nombre", "domicilio", "financiero", "tecnico", "otros", "precio_especifico", "telefono")
    assert {x: hecho.json()[x] for x in iguales} == {x: cliente[x] for x in iguales}
    vieja = distribuidor.patch(ruta, json={"version": 1, "nombre": "Otro"})
    assert (vieja.status_code, vieja.json()["code"]) == (409, "conflicto")
    assert distribuidor.patch(ruta, json={"domicilio": {"codigo_postal": "1"}}).status_code == 422


def test_el_nombre_nuevo_se_ve_en_lo_que_ya_se_vendio(distribuidor: requests.Session) -> None:
    """By the form and by a file; what was sold before shows the name that the cliente has now."""
    cliente = alta(distribuidor, nombre="Primer Nombre")
    venta = {"cantidad": 1, "importe": "1.00", "confirmar": True}
    r = distribuidor.post(f"/v1/ctis/{cliente['cti']['id']}/transferencias", json=venta)
    assert r.status_code == 201, r.text

    def se_llama(nombre: str) -> bool:
        ventas = distribuidor.get(f"/v1/ventas?cliente={cliente['nic']}").json()["datos"]
        return [v["cliente"] for v in ventas] == [nombre]

    hasta(lambda: se_llama("Primer Nombre"))
    hecho = distribuidor.patch(f"/v1/clientes/{cliente['nic']}", json={"nombre": "Segundo Nombre"})
    assert hecho.status_code == 200, hecho.text
    hasta(lambda: se_llama("Segundo Nombre"))
    archivo = f"nic,nombre\n{cliente['nic']},Tercer Nombre\n".encode()
    assert importar(distribuidor, archivo, actualizar="true")["actualizadas"] == 1
    hasta(lambda: se_llama("Tercer Nombre"))


def test_establecer_el_perfil_principal_de_un_cliente(
    sistema: Sistema, distribuidor: requests.Session
) -> None:
    cliente = alta(distribuidor)
    ruta = f"/v1/clientes/{cliente['nic']}/perfil-principal"
    yo = distribuidor.get("/v1/perfiles/yo").json()
    propio = distribuidor.put(ruta, json={"correo": yo["correo"], "movil": yo["movil"]})
    assert propio.status_code == 403, "a perfil that administers a CM"
    nadie = distribuidor.put(ruta, json={"correo": "nadie@x.mx", "movil": "5500000000"})
    assert (nadie.status_code, list(nadie.json()["errores"])) == (422, ["correo"])
    suyo = sistema.sesion("cliente").get("/v1/perfiles/yo").json()
    hecho = distribuidor.put(ruta, json={"correo": suyo["correo"].upper(), "movil": suyo["movil"]})
    assert hecho.status_code == 200, hecho.text
    assert hecho.json()["perfil_id"] == suyo["perfil_id"]
    assert (
        distribuidor.get(f"/v1/clientes/{cliente['nic']}").json()["perfil_principal_id"] == suyo["perfil_id"]
    )
    for _ in range(2):
        quitado = distribuidor.delete(ruta)
        assert (quitado.status_code, quitado.json()["perfil_principal_id"]) == (200, None)


def test_clasificar_clientes(distribuidor: requests.Session) -> None:
    uno, dos = alta(distribuidor), alta(distribuidor)
    una = distribuidor.put(
        f"/v1/clientes/{uno['nic']}/clasificacion", json={"favorito": True, "color": "verde"}
    )
    assert (una.json()["favorito"], una.json()["baja"], una.json()["color"]) == (True, False, "verde")
    nics = [uno["nic"], dos["nic"]]
    todas = distribuidor.put("/v1/clientes/clasificaciones", json={"nics": nics, "baja": True, "color": None})
    assert todas.json() == {"clientes": 2, "cambiados": 2}
    visto = distribuidor.get(f"/v1/clientes/{uno['nic']}").json()
    assert (visto["favorito"], visto["baja"], visto["color"], visto["version"]) == (True, True, None, 1)
    ajenos = distribuidor.put(
        "/v1/clientes/clasificaciones", json={"nics": [*nics, 999_999_999], "baja": False}
    )
    assert (ajenos.status_code, ajenos.json()["nics"]) == (404, [999_999_999])
    assert distribuidor.get(f"/v1/clientes/{dos['nic']}").json()["baja"]
    mal = distribuidor.put(f"/v1/clientes/{uno['nic']}/clasificacion", json={"color": "beis"})
    assert mal.status_code == 422


def test_importar_clientes(distribuidor: requests.Session) -> None:
    marca = uuid4().hex[:8]
    texto = (
        "Nombre;RFC;Código Postal;Representante correo;Favorito;Color\r\n"
        f"Peñón {marca};GODE561231GR8;6600;ana@x.mx;sí;azul\r\n"
        f"{marca};GODE561231GR8;;;;\r\n"
        f"Malo {marca};XAXX010101000;x;;;\r\n"
    )
    simulada = importar(distribuidor, texto.encode("cp1252"), simular="true", archivo="clientes.csv")
    importacion = importar(distribuidor, texto.encode("cp1252"))
    for hecha in (simulada, importacion):
        assert (hecha["estado"], hecha["creadas"], hecha["omitidas"], hecha["rechazadas"]) == (
            "terminada_con_rechazos", 1, 1, 1,
        )  # fmt: skip
    assert "contraseñas" in importacion["nota"]
    creada, omitida, rechazada = reporte(distribuidor, importacion)
    assert (rechazada["linea"], rechazada["columna"]) == (4, "rfc, codigo_postal")
    assert "línea 2" in omitida["mensaje"] or "NIC" in omitida["mensaje"]
    cliente = distribuidor.get(f"/v1/clientes/{creada['nic']}").json()
    assert (cliente["nombre"], cliente["domicilio"]["codigo_postal"], cliente["favorito"]) == (
        f"Peñón {marca}", "06600", True,
    )  # fmt: skip
    hasta(lambda: distribuidor.get(f"/v1/ctis/{cliente['cti']['id']}").status_code == 200, 30)
    como_csv = distribuidor.get(f"{IMPORTACIONES}/{importacion['id']}/filas", headers={"Accept": "text/csv"})
    assert como_csv.text.splitlines()[0].lstrip("\ufeff") == "linea,resultado,nic,columna,mensaje,advertencia"
    ajena = distribuidor.post(
        IMPORTACIONES, data=b"nombre,apodo\nX,Y\n", headers={"Content-Type": "text/csv"}
    )
    assert (ajena.status_code, "apodo" in ajena.json()["detail"]) == (422, True)
    assert distribuidor.get(IMPORTACIONES).json()["datos"][0]["id"] == importacion["id"]
    assert (
        distribuidor.delete(f"{IMPORTACIONES}/{importacion['id']}").json()["estado"] == importacion["estado"]
    )
    assert distribuidor.get(f"{IMPORTACIONES}/{uuid4()}").status_code == 404


def test_exportar_clientes(distribuidor: requests.Session) -> None:
    cliente = alta(distribuidor, **{**FORMA, "rfc": None})
    distribuidor.put(f"/v1/clientes/{cliente['nic']}/clasificacion", json={"color": "rosa"})
    plantilla = distribuidor.get(f"{IMPORTACIONES}/plantilla")
    r = distribuidor.get("/v1/clientes/exportacion")
    assert r.status_code == 200
    assert "clientes.csv" in r.headers["Content-Disposition"]
    assert r.content.startswith(plantilla.content), "the template is the header of an export, mark and all"
    filas = list(csv.DictReader(io.StringIO(r.content.decode("utf-8-sig"), newline="")))
    (mia,) = [fila for fila in filas if fila["nic"] == str(cliente["nic"])]
    assert (mia["notas"], mia["representante_puesto"], mia["color"]) == (
        "'=no es fórmula",
        "Directora",
        "rosa",
    )
    assert (mia["saldo_timbres"], mia["saldo_puntos"], mia["ultima_compra"]) == ("0", "0.00", "")
    for filtro in (
        {"color": "rosa"}, {"q": "nusta hotel"}, {"q": "eva@nusta"}, {"q": "01 (55) 1111-2222 x9", "color": "rosa"},
        {"q": str(cliente["nic"])}, {"timbres_hasta": "0", "q": "nusta"},
    ):  # fmt: skip
        exportada = distribuidor.get("/v1/clientes/exportacion", params=filtro).content.decode("utf-8-sig")
        suyos = [int(x["nic"]) for x in csv.DictReader(io.StringIO(exportada, newline=""))]
        lista = distribuidor.get("/v1/clientes", params={"orden": "nic", "limite": "200", **filtro}).json()
        assert suyos == [x["nic"] for x in lista["datos"]], filtro
        assert cliente["nic"] in suyos, filtro
        assert len(suyos) < len(filas), filtro
    distribuidor.put(f"/v1/clientes/{cliente['nic']}/clasificacion", json={"baja": True})
    visibles = distribuidor.get("/v1/clientes/exportacion").text
    r = distribuidor.get("/v1/clientes/exportacion", params={"baja": "todas"})
    assert len(visibles.splitlines()) < len(r.text.splitlines())
    filas = list(csv.DictReader(io.StringIO(r.content.decode("utf-8-sig"), newline="")))
    importacion = importar(distribuidor, r.content, actualizar="true")
    assert (importacion["estado"], importacion["sin_cambios"]) == ("terminada", len(filas))
