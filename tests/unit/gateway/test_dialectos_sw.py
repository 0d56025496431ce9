"""SW's dialect: tokens, every version of the answer, 307 with its data, errors in its form."""

from __future__ import annotations

import base64
import time
from typing import Any
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet

from services.gateway.dialects import sw_token
from services.gateway.dialects.sw_token import TokenInvalido, Tokens
from tests.unit.gateway.dialectos_de_prueba import (
    CONTRASENA,
    CTI,
    MAXIMO,
    RECHAZOS,
    UUID_1,
    Mundo,
    b64,
    cancelacion,
    mundo,
    sellado,
    timbrado,
)
from tests.unit.gateway.test_dialectos_csd import par_de_prueba, solicitud


@pytest.fixture
def m() -> Mundo:
    return mundo()


@pytest.fixture
def bearer(m: Mundo) -> dict[str, str]:
    return {"Authorization": f"bearer {m.tokens.emitir(CTI, CONTRASENA)[0]}"}


def multipart(xml: str) -> dict[str, Any]:
    """As its SDKs write it by hand: binary part with file name, a stray space at the end."""
    cuerpo = (
        '--lim\r\nContent-Type: text/xml\r\nContent-Disposition: form-data; name="xml"; filename="xml"\r\n\r\n'
        f"{xml}\r\n--lim-- "
    )
    return {"data": cuerpo.encode(), "content_type": 'multipart/form-data; boundary="lim"'}


def timbrar(m: Mundo, xml: str, ruta: str = "/cfdi33/stamp/v4", **headers: str) -> Any:
    token = m.tokens.emitir(CTI, CONTRASENA)[0]
    # The test client would take `//…` for a host.
    tal_cual = {"PATH_INFO": ruta}
    headers = {"Authorization": f"Bearer {token}", **headers}
    return m.http.post("/", environ_overrides=tal_cual, headers=headers, **multipart(xml))


@pytest.mark.parametrize(
    "ruta", ["/security/authenticate", "//security/authenticate", "/v2/security/authenticate/"]
)
def test_el_token_sirve_y_la_contrasena_mala_no(m: Mundo, ruta: str) -> None:
    def pedir(**datos: Any) -> Any:
        return m.http.post("/", environ_overrides={"PATH_INFO": ruta}, **datos)

    por_cabecera = pedir(headers={"user": CTI, "password": CONTRASENA})
    por_cuerpo = pedir(json={"user": CTI, "password": CONTRASENA})
    for r in (por_cabecera, por_cuerpo):
        assert (r.status_code, r.json["status"]) == (200, "success")
        assert time.time() + 7000 < r.json["data"]["expires_in"] < time.time() + 7300
        assert CONTRASENA not in r.text
        saldo = m.http.get(
            "/account/balance/", headers={"Authorization": "bearer " + r.json["data"]["token"]}
        )
        assert saldo.json["data"]["saldoTimbres"] == 7
        assert {type(v) for v in saldo.json["data"].values()} == {str, int, bool}
    mala = pedir(headers={"user": CTI, "password": "otra"})
    assert (mala.status_code, mala.json["status"], mala.json["data"]) == (401, "error", None)
    assert mala.json["message"].startswith("AU2000 - ")
    assert pedir().status_code == 401


def test_cada_version_da_lo_suyo_en_texto_y_en_base64(m: Mundo) -> None:
    campos = {
        "v1": {"tfd"},
        "v2": {"tfd", "cfdi"},
        "v3": {"cfdi"},
        "v4": {"cadenaOriginalSAT", "noCertificadoSAT", "noCertificadoCFDI", "uuid", "selloSAT", "selloCFDI",
               "fechaTimbrado", "qrCode", "cfdi"},
    }  # fmt: skip
    for i, (version, esperados) in enumerate(campos.items()):
        for en_b64 in (False, True):
            xml = sellado(f"EMISOR {i}{en_b64}")
            ruta = f"/cfdi33/stamp/{version}/" + ("/b64" if en_b64 else "")
            r = timbrar(m, b64(xml) if en_b64 else xml, ruta)
            assert (r.status_code, r.json["status"]) == (200, "success"), r.text
            data = r.json["data"]
            assert set(data) == esperados
            if "cfdi" in data:
                cfdi = base64.b64decode(data["cfdi"]).decode() if en_b64 else data["cfdi"]
                assert cfdi == timbrado(xml)
            if version == "v4":
                assert data["uuid"] == str(UUID_1).upper()
                assert base64.b64decode(data["qrCode"]).startswith(b"\x89PNG\r\n\x1a\n")
                assert data["cadenaOriginalSAT"].startswith("||1.1|")
                assert data["noCertificadoCFDI"] == "30001000000500003416"


@pytest.mark.parametrize(
    "ruta",
    [
        "/v4/cfdi33/stamp/v4",
        "/cfdi40/stamp/v4",
        "/cfdi/stamp/v4",
        "/retencion/stamp/v4",
        "//cfdi33//stamp/v4/",
    ],
)
def test_cada_direccion_repite_como_307_con_sus_datos(m: Mundo, ruta: str) -> None:
    xml = sellado()
    una = timbrar(m, xml, ruta, customid="pedido-9")
    otra = timbrar(m, xml, ruta, customid="pedido-10")
    assert una.status_code == 200
    assert otra.status_code == 400
    assert otra.json == {
        "message": "307. El comprobante contiene un timbre previo.",
        "messageDetail": timbrado(xml),
        "data": una.json["data"],
        "status": "error",
    }
    vista = m.motor.vistas[0]
    assert (vista.xml, vista.idd, vista.ip) == (xml, "pedido-9", "203.0.113.7")


def test_un_307_sin_timbre_no_se_dice_nunca(m: Mundo) -> None:
    """Odoo keeps the `messageDetail` of whatever begins with 307 as the stamped CFDI."""
    ajeno = timbrar(m, timbrado(sellado()))
    assert (ajeno.status_code, ajeno.json["message"][:6]) == (400, "301 - ")
    timbrar(m, sellado())
    propio = timbrar(m, timbrado(sellado()))
    assert propio.json["message"].startswith("307. ")
    assert propio.json["messageDetail"] == timbrado(sellado())


def test_odoo_timbra_y_repite_con_v3_en_base64(m: Mundo) -> None:
    """As its l10n_mx_edi does: base64 in lines, and on a 307 the CFDI from `messageDetail`, which it encodes itself."""
    xml = sellado()
    en_lineas = base64.encodebytes(xml.encode()).decode().replace("\n", "\r\n")
    una = timbrar(m, en_lineas, "/cfdi33/stamp/v3/b64")
    assert base64.b64decode(una.json["data"]["cfdi"]).decode() == timbrado(xml)
    otra = timbrar(m, en_lineas, "/cfdi33/stamp/v3/b64")
    assert otra.json["message"].startswith("307")
    assert otra.json["messageDetail"] == timbrado(xml)
    assert otra.json["data"] == una.json["data"]


@pytest.mark.parametrize(
    ("caso", "http", "empieza"),
    [
        ("contrasena", 401, "AU2000 - "),
        ("saldo", 402, "La CTI no tiene timbres"),
        ("bloqueada", 403, "La cuenta"),
        ("cfdi", 400, "CFDI40102 - El sello"),
        ("pendiente", 503, "El PAC no ha respondido. No genere otro"),
        ("sin_bus", 503, "El servicio timbrado"),
        ("interno", 500, "Ocurrió un error"),
    ],
)
def test_cada_rechazo_en_su_forma(m: Mundo, caso: str, http: int, empieza: str) -> None:
    m.motor.error = RECHAZOS[caso]
    r = timbrar(m, sellado())
    assert (r.status_code, r.json["status"], r.json["data"]) == (http, "error", None)
    assert r.json["message"].startswith(empieza)
    assert "secreta" not in r.text
    assert ("Retry-After" in r.headers) == (http == 503)
    if caso == "cfdi":
        assert r.json["messageDetail"] == "Comprobante/@Sello"


@pytest.mark.parametrize(
    ("headers", "dice"),
    [
        ({}, "AU4101"),
        ({"Authorization": "Basic eDp5"}, "AU4101"),
        ({"Authorization": "Bearer "}, "AU4101"),
        ({"Authorization": "Bearer basura"}, "AU4000"),
        ({"Authorization": "Bearer " + Tokens([Fernet.generate_key()]).emitir(CTI, CONTRASENA)[0]}, "AU4000"),
    ],
)
def test_sin_token_bueno_no_se_llama_a_nadie(m: Mundo, headers: dict[str, str], dice: str) -> None:
    r = m.http.post("/cfdi33/stamp/v1", headers=headers, **multipart(sellado()))
    assert r.status_code == 401
    assert r.json["message"].startswith(dice)
    assert m.motor.vistas == []


@pytest.mark.parametrize(
    ("cuerpo", "tipo"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="otro"\r\n\r\nhola\r\n--x--',
            "multipart/form-data; boundary=x",
        ),
        (b"--x\r\nbasura", "multipart/form-data; boundary=x"),
        (b"hola", "multipart/form-data"),
        (b"{}", "application/json"),
    ],
)
def test_un_formulario_malo_se_dice(m: Mundo, bearer: dict[str, str], cuerpo: bytes, tipo: str) -> None:
    r = m.http.post("/cfdi33/stamp/v1", data=cuerpo, content_type=tipo, headers=bearer)
    assert r.status_code == 400
    assert "xml" in r.json["message"] or "multipart" in r.json["message"]


def test_un_cuerpo_enorme_tambien_en_su_forma(m: Mundo) -> None:
    r = timbrar(m, "x" * (MAXIMO + 1))
    assert (r.status_code, r.json["status"]) == (413, "error")


def test_recupera_con_un_enlace_que_no_es_un_token(m: Mundo, bearer: dict[str, str]) -> None:
    timbrar(m, sellado())
    r = m.http.get(f"/datawarehouse/v1/live/{UUID_1}", headers={**bearer, "Host": "cm.test"})
    enlace = r.json["data"]["records"][0]["urlXml"].removeprefix("http://cm.test")
    assert m.http.get(enlace).text == timbrado(sellado())
    robado = {"Authorization": "Bearer " + enlace.rpartition("/")[2]}
    assert m.http.get("/account/balance", headers=robado).status_code == 401
    como_enlace = "/datawarehouse/v1/xml/" + bearer["Authorization"].partition(" ")[2]
    assert m.http.get(como_enlace).status_code == 404
    assert m.http.get(f"/datawarehouse/v1/live/{uuid4()}", headers=bearer).status_code == 404


def test_cancela_con_csd_y_con_la_solicitud_firmada(m: Mundo, bearer: dict[str, str]) -> None:
    cer, key, clave = par_de_prueba()
    datos = {"uuid": str(UUID_1), "password": clave, "rfc": "EKU9003173C9", "b64Cer": cer, "b64Key": key}
    ruta = "/cfdi33/cancel/csd"
    sin_motivo = m.http.post(ruta, json=datos, headers=bearer)
    assert (sin_motivo.status_code, sin_motivo.json["status"]) == (400, "error")
    assert "motivo" in sin_motivo.json["message"]
    r = m.http.post(ruta, json={**datos, "motivo": "02"}, headers=bearer)
    assert r.json == {
        "data": {"acuse": "<Acuse>&amp;</Acuse>", "uuid": {str(UUID_1).upper(): "201"}},
        "status": "success",
    }
    m.motor.cancelaciones = [
        cancelacion("rechazada", "204", detalle="No aplica"),
        cancelacion("solicitada", None),
    ]
    firmada = multipart(solicitud(f'<Folio UUID="{UUID_1}" Motivo="02"/>'))
    r = m.http.post("/cfdi33/cancel/xml", headers=bearer, **firmada)
    assert (r.status_code, r.json["message"]) == (400, "204: No aplica")
    assert r.json["data"]["uuid"] == {str(UUID_1).upper(): "204"}
    assert m.http.post("/cfdi33/cancel/xml", headers=bearer, **firmada).status_code == 503


@pytest.mark.parametrize(
    ("metodo", "ruta", "http"),
    [
        ("POST", f"/cfdi33/cancel/EKU9003173C9/{UUID_1}/02", 400),
        ("POST", f"/cfdi33/cancel/EKU9003173C9/{UUID_1}/01/{UUID_1}", 400),
        ("POST", "/cfdi33/cancel/pfx", 400),
        ("POST", "/cfdi33/issue/v4", 400),
        ("POST", "/v3/cfdi33/issue/json/v4", 400),
        ("GET", "/pendings/EKU9003173C9", 404),
        ("POST", "/acceptreject/xml", 404),
        ("GET", "/cfdi33/stamp/v4", 404),
        ("POST", "/cfdi33/stamp/v9", 404),
    ],
)
def test_lo_que_no_se_ofrece_se_dice_en_su_forma(
    m: Mundo, bearer: dict[str, str], metodo: str, ruta: str, http: int
) -> None:
    r = m.http.open(ruta, method=metodo, headers=bearer)
    assert (r.status_code, r.json["status"], m.motor.vistas) == (http, "error", [])
    assert len(r.json["message"]) > 30


def test_un_token_vence_y_sobrevive_al_cambio_de_llave(monkeypatch: pytest.MonkeyPatch) -> None:
    vieja, nueva = Fernet.generate_key(), Fernet.generate_key()
    token, _ = Tokens([vieja]).emitir("ñandú", "ñ:\t1")
    assert Tokens([nueva, vieja]).leer(token) == ("ñandú", "ñ:\t1")
    with pytest.raises(TokenInvalido):
        Tokens([nueva]).leer(token)
    monkeypatch.setattr(sw_token, "VIGENCIA", -1)
    with pytest.raises(TokenInvalido):
        Tokens([vieja]).leer(token)


def test_el_saldo_en_su_segunda_version(m: Mundo, bearer: dict[str, str]) -> None:
    data = m.http.get("/management/v2/api/users/balance", headers=bearer).json["data"]
    assert (data["stampsBalance"], data["stampsUsed"], data["stampsAssigned"]) == (7, 3, 10)
    assert (data["isUnlimited"], data["expirationDate"]) == (False, "0001-01-01T00:00:00")


def test_el_token_infinito_es_la_credencial_en_base64(m: Mundo) -> None:
    infinito = base64.urlsafe_b64encode(f"{CTI}:{CONTRASENA}".encode()).decode().rstrip("=")
    r = m.http.get("/account/balance", headers={"Authorization": f"Bearer {infinito}"})
    assert r.json["data"]["timbresUtilizados"] == 3
