"""Every SAT code that the validation answers, and what it must not confuse."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from services.timbrado.cfdi.certificados import Confianza, leer_certificado
from services.timbrado.cfdi.lco import EstadoLco, LcoEnMemoria
from services.timbrado.cfdi.validacion import Validador
from shared.testing import cfdi
from shared.testing.certificados import Autoridad, ParDePrueba
from tests.unit.timbrado.apoyo_cfdi import (
    AHORA,
    atributo,
    autoridad,
    cambiar,
    codigo,
    csd,
    emisor,
    factura,
    hora_local,
    rechazo,
    resellar,
    validador,
    validar,
)

TIMBRE = (
    '<cfdi:Complemento><tfd:TimbreFiscalDigital xmlns:tfd="http://www.sat.gob.mx/TimbreFiscalDigital" '
    'Version="1.1"/>'
    "</cfdi:Complemento></cfdi:Comprobante>"
)


def _con_par(par: ParDePrueba, rfc: str = "EMP010101AA1", **opciones: object) -> bytes:
    quien = cfdi.Emisor(rfc, "EMISOR DE PRUEBA", par)
    return cfdi.factura(quien, 7, **{"fecha": hora_local(), "lineas": 1, **opciones})  # type: ignore[arg-type]


# --- what is accepted ----------------------------------------------------------------------------


@pytest.mark.parametrize("rfc", sorted(cfdi.EMISORES))
@pytest.mark.parametrize("hacer", [cfdi.factura, cfdi.egreso, cfdi.pago, cfdi.traslado])
def test_validos(rfc: str, hacer: object) -> None:
    xml = hacer(emisor(rfc), 31, fecha=hora_local())  # type: ignore[operator]
    valido = validar(xml)
    assert valido.xml is xml
    assert valido.emisor == rfc
    assert valido.no_certificado == emisor(rfc).numero
    assert valido.folio == "31"
    assert valido.sello == atributo(xml, "Sello")
    assert valido.total == atributo(xml, "Total")
    assert valido.tipo == atributo(xml, "TipoDeComprobante")
    assert valido.fecha.astimezone(UTC) == AHORA
    assert len(valido.huella) == 32


def test_valido_es_inmutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        validar(factura()).emisor = "X"  # type: ignore[misc]


def test_la_huella_es_del_contenido_no_de_la_escritura() -> None:
    xml = factura()
    huella = validar(xml).huella
    otro_prefijo = xml.replace(b"cfdi:", b"c:").replace(b"xmlns:cfdi", b"xmlns:c")
    assert validar(otro_prefijo).huella == huella
    assert validar(emisor().sellar(xml)).huella == huella
    assert validar(cambiar(xml, "<cfdi:Receptor", "\r\n\t<cfdi:Receptor")).huella == huella
    assert validar(factura(serie="B")).huella != huella
    original = cfdi.cadena_original(etree.fromstring(xml))
    assert hashlib.sha256(b"EMP010101AA1" + original).digest() == huella


# --- 307 -----------------------------------------------------------------------------------------


def test_307_timbre_previo_aun_con_otros_errores() -> None:
    xml = cambiar(factura(), "</cfdi:Comprobante>", TIMBRE)
    assert codigo(xml) == "307"
    assert codigo(cambiar(xml, ' Moneda="MXN"', ' Moneda="PES"')) == "307"


def test_un_timbre_en_la_addenda_no_es_un_timbre() -> None:
    validar(factura(addenda='<t:TimbreFiscalDigital xmlns:t="http://www.sat.gob.mx/TimbreFiscalDigital"/>'))


# --- 306 and 308 ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "certificado", ["", "hola", "AAAA", "=" * 8, base64.b64encode(b"\x30\x82" * 500).decode(), "A" * 100_000]
)
def test_306_certificado_ilegible(certificado: str) -> None:
    xml = factura()
    assert codigo(cambiar(xml, atributo(xml, "Certificado"), certificado)) == "306"


def test_306_una_fiel_no_sella() -> None:
    error = rechazo(_con_par(csd("EMP010101AA1", fiel=True)))
    assert error.datos == {"codigo_sat": "306", "nodo": "Comprobante/@Certificado"}
    assert "e.firma" in error.detail


def test_306_la_autoridad_misma_no_sella() -> None:
    assert codigo(_con_par(autoridad().par)) == "306"


def test_308_autoridad_ajena_aunque_se_llame_igual() -> None:
    ajeno = emisor(ajeno=True)
    assert codigo(cfdi.factura(ajeno, 7, fecha=hora_local())) == "308"


def test_308_autofirmado() -> None:
    propio = Autoridad.nueva(nombre="AC DE PRUEBA CUENTA MAESTRA")
    assert codigo(_con_par(propio.par)) == "308"


def test_308_autoridad_vencida() -> None:
    vieja = Autoridad.nueva(dias=-2)
    par = csd("EMP010101AA1", quien=vieja)
    con = Validador(Confianza([leer_certificado(vieja.par.der)]))
    assert codigo(_con_par(par), con=con) == "308"
    fecha = AHORA - timedelta(days=3)
    assert con.validar(_con_par(par, fecha=hora_local(fecha)), fecha)


def test_308_firma_del_certificado_alterada() -> None:
    xml = factura()
    der = bytearray(emisor().par.der)
    der[-5] ^= 1
    assert codigo(cambiar(xml, atributo(xml, "Certificado"), base64.b64encode(der).decode())) == "308"


def test_csd_fijado_sin_su_autoridad() -> None:
    """The SAT's test authority is not published: its CSDs are trusted one by one."""
    ajeno = emisor(ajeno=True)
    con = Validador(Confianza([leer_certificado(ajeno.par.der)]))
    con.validar(cfdi.factura(ajeno, 7, fecha=hora_local()), AHORA)
    assert codigo(factura(), con=con) == "308"


# --- 303 -----------------------------------------------------------------------------------------


def test_303_numero_de_otro_certificado() -> None:
    xml = factura()
    error = rechazo(
        cambiar(xml, f'NoCertificado="{emisor().numero}"', 'NoCertificado="30001000000500003416"')
    )
    assert error.datos == {"codigo_sat": "303", "nodo": "Comprobante/@NoCertificado"}


def test_303_csd_de_otro_rfc() -> None:
    xml = resellar(factura(), emisor("PEGJ800101AA0"))
    error = rechazo(xml)
    assert error.datos == {"codigo_sat": "303", "nodo": "Comprobante/Emisor/@Rfc"}
    assert "PEGJ800101AA0" in error.detail


def test_303_el_rfc_del_representante_no_vale() -> None:
    assert codigo(cambiar(factura(), 'Rfc="EMP010101AA1"', 'Rfc="VADA800927DJ3"')) == "303"


# --- 302 and CFDI40102 ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sello",
    ["", "no es base64", "AAAA", "ñ" * 344, "A" * 340 + "====", base64.b64encode(b"x" * 255).decode()],
)
def test_302_forma_del_sello(sello: str) -> None:
    xml = factura()
    assert codigo(cambiar(xml, atributo(xml, "Sello"), sello)) == "302"


@settings(max_examples=60, deadline=None)
@given(
    posicion=st.integers(0, 340),
    letra=st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
)
def test_cfdi40102_un_caracter_del_sello(posicion: int, letra: str) -> None:
    xml = factura()
    sello = atributo(xml, "Sello")
    alterado = sello[:posicion] + letra + sello[posicion + 1 :]
    if alterado == sello:
        validar(xml)
    else:
        assert codigo(cambiar(xml, sello, alterado)) == "CFDI40102"


@pytest.mark.parametrize(
    ("viejo", "nuevo"),
    [
        (' Folio="7"', ' Folio="8"'),
        (' Cantidad="8"', ' Cantidad="9"'),
        (' Nombre="UNIVERSIDAD', ' Nombre="LA UNIVERSIDAD'),
        (' UsoCFDI="G03"', ' UsoCFDI="G01"'),
        (' TasaOCuota="0.160000"', ' TasaOCuota="0.080000"'),
    ],
)
def test_cfdi40102_contenido_alterado(viejo: str, nuevo: str) -> None:
    assert codigo(cambiar(factura(), viejo, nuevo)) == "CFDI40102"


def test_cfdi40102_sello_de_otra_llave() -> None:
    ajeno = cfdi.Emisor("EMP010101AA1", emisor().nombre, csd("EMP010101AA1"))
    xml, otro = factura(), cfdi.factura(ajeno, 7, fecha=hora_local(), lineas=2)
    assert codigo(cambiar(xml, atributo(xml, "Sello"), atributo(otro, "Sello"))) == "CFDI40102"


def test_sello_partido_en_lineas_vale() -> None:
    xml = factura()
    sello = atributo(xml, "Sello")
    validar(cambiar(xml, sello, sello[:76] + "\n" + sello[76:]))


# --- dates ---------------------------------------------------------------------------------------


def test_305_fecha_fuera_de_la_vigencia_del_csd() -> None:
    nuevo = autoridad().emitir("EMP010101AA1", "X", desde=AHORA - timedelta(hours=1))
    assert codigo(_con_par(nuevo, fecha=hora_local(AHORA - timedelta(hours=2)))) == "305"
    viejo = autoridad().emitir(
        "EMP010101AA1", "X", desde=AHORA - timedelta(days=9), hasta=AHORA - timedelta(hours=2)
    )
    assert codigo(_con_par(viejo, fecha=hora_local(AHORA - timedelta(hours=1)))) == "305"


def test_304_csd_que_caduco_despues_de_la_fecha() -> None:
    viejo = autoridad().emitir(
        "EMP010101AA1", "X", desde=AHORA - timedelta(days=9), hasta=AHORA - timedelta(hours=2)
    )
    xml = _con_par(viejo, fecha=hora_local(AHORA - timedelta(hours=3)))
    assert codigo(xml) == "304"
    validador().validar(xml, AHORA - timedelta(hours=2))


def test_403_anterior_a_2012() -> None:
    assert codigo(factura(fecha=datetime(2011, 12, 31, 23, 59, 59))) == "403"


def test_fecha_imposible() -> None:
    assert codigo(resellar(cambiar(factura(), hora_local().isoformat(), "2026-02-30T10:00:00"))) == "301"


@pytest.mark.parametrize(
    ("lugar", "zona"),
    [
        ("06000", "America/Mexico_City"),
        ("22000", "America/Tijuana"),
        ("21000", "America/Tijuana"),
        ("77500", "America/Cancun"),
        ("83000", "America/Hermosillo"),
        ("82000", "America/Mazatlan"),
        ("23000", "America/Mazatlan"),
        ("88000", "America/Matamoros"),
    ],
)
@pytest.mark.parametrize("mes", [1, 7])
def test_72_horas_y_futuro_en_la_zona_de_lugar_expedicion(lugar: str, zona: str, mes: int) -> None:
    """To the second, in winter and in summer (the border and Baja California change the clock)."""
    ahora = AHORA.replace(month=mes, day=15)
    for resta, esperado in (
        (timedelta(hours=72), None),
        (timedelta(hours=72, seconds=1), "401"),
        (timedelta(hours=72, seconds=-1), None),
        (timedelta(minutes=-5), None),
        (timedelta(minutes=-5, seconds=-1), "401"),
    ):
        xml = factura(lugar=lugar, fecha=hora_local(ahora - resta, zona))
        if esperado is None:
            validar(xml, ahora)
        else:
            error = rechazo(xml, ahora)
            assert error.datos == {"codigo_sat": esperado, "nodo": "Comprobante/@Fecha"}
            assert "LugarExpedicion" in error.detail


def test_hora_repetida_al_atrasar_el_reloj() -> None:
    """Tijuana, first Sunday of November: 01:30 happens twice; neither reading may be refused."""
    ano = AHORA.year
    domingo = next(d for d in range(1, 8) if datetime(ano, 11, d).weekday() == 6)
    xml = factura(lugar="22000", fecha=datetime(ano, 11, domingo, 1, 30))
    primera = datetime(ano, 11, domingo, 8, 30, tzinfo=UTC)
    validar(xml, primera)
    validar(xml, primera + timedelta(hours=73))
    assert codigo(xml, primera + timedelta(hours=73, seconds=1)) == "401"


# --- LCO -----------------------------------------------------------------------------------------


def _lco(estado: str, valida: bool) -> LcoEnMemoria:
    return LcoEnMemoria({("EMP010101AA1", emisor().numero): EstadoLco(estado, valida)})


@pytest.mark.parametrize(
    ("lco", "esperado"),
    [
        (LcoEnMemoria({}), "402"),
        (_lco("A", False), "402"),
        (_lco("R", True), "304"),
        (_lco("C", True), "304"),
    ],
)
def test_lco(lco: LcoEnMemoria, esperado: str) -> None:
    assert codigo(factura(), con=validador(lco)) == esperado


def test_lco_activo() -> None:
    validador(_lco("A", True)).validar(factura(), AHORA)


# --- order ---------------------------------------------------------------------------------------


def test_orden_de_las_reglas() -> None:
    """A document that breaks all of them hears of the first; mending each one shows the next."""
    ajena = Autoridad.nueva()
    quien = cfdi.Emisor("EMP010101AA1", "X", csd("EMP010101AA1", quien=ajena))
    xml = cfdi.factura(quien, 7, fecha=hora_local(AHORA - timedelta(days=9)), lineas=1)
    malo = cambiar(xml, ' Folio="7"', ' Folio="8"')  # CFDI40102
    malo = cambiar(malo, 'Rfc="EMP010101AA1"', 'Rfc="OTR010101AA1"')  # 303
    malo = cambiar(malo, ' ClaveUnidad="E48"', ' ClaveUnidad="QQQ"')  # CFDI40165
    malo = cambiar(malo, ' Exportacion="01"', "")  # 301
    malo = cambiar(malo, "</cfdi:Comprobante>", TIMBRE)  # 307
    de_confianza = Validador(Confianza([leer_certificado(ajena.par.der)]), LcoEnMemoria({}))
    assert codigo(malo) == "307"
    malo = cambiar(malo, TIMBRE, "</cfdi:Comprobante>")
    assert codigo(malo) == "301"
    malo = cambiar(malo, ' LugarExpedicion="06000"', ' Exportacion="01" LugarExpedicion="06000"')
    assert codigo(malo) == "CFDI40165"
    malo = cambiar(malo, ' ClaveUnidad="QQQ"', ' ClaveUnidad="E48"')
    assert codigo(malo) == "308"
    assert codigo(malo, con=de_confianza) == "303"
    malo = cambiar(malo, 'Rfc="OTR010101AA1"', 'Rfc="EMP010101AA1"')
    assert codigo(malo, con=de_confianza) == "CFDI40102"
    malo = cambiar(malo, ' Folio="8"', ' Folio="7"')
    assert malo == xml
    assert codigo(malo, con=de_confianza) == "401"
    fecha = AHORA - timedelta(days=9)
    assert codigo(malo, fecha, con=de_confianza) == "402"
