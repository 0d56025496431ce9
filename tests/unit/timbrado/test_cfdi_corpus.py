"""Documents that we did not write, against an independent verdict on each (`manifest.csv`)."""

from __future__ import annotations

import base64
import tempfile
from functools import cache
from pathlib import Path

import pytest

from services.timbrado.cfdi import cadena, documento, esquemas, tfd
from services.timbrado.cfdi.certificados import Confianza, de_base64
from services.timbrado.cfdi.lco import LcoEnMemoria
from services.timbrado.cfdi.validacion import Validador
from services.timbrado.pac.protocolo import Solicitud, Timbrado, verificar_tfd
from services.timbrado.pac.sandbox import PacSandbox
from shared.testing import cfdi
from shared.testing.pac import MemoriaEnProceso
from tests import corpus
from tests.corpus import CORPUS, CUANDO, con_corpus
from tests.unit.timbrado import apoyo_cfdi

pytestmark = con_corpus
FILAS = list(corpus.manifiesto().values())
BARE = "misaelma-examples-cfdi40-gobl.cfdi-invoice-b2b-bare.xml"
TABLA = [v for v in corpus.veredictos().values() if v.archivo in corpus.manifiesto()]


@cache
def pac() -> PacSandbox:
    return PacSandbox(cfdi.preparar(Path(tempfile.mkdtemp())).pac, MemoriaEnProceso())


def test_la_tabla_tiene_cada_archivo_y_el_motivo_de_cada_diferencia() -> None:
    assert set(corpus.veredictos()) == set(corpus.manifiesto())
    for archivo, fila in corpus.manifiesto().items():
        veredicto = corpus.veredictos()[archivo]
        como_el_manifiesto = ("ok" if fila["xsd"] == "XSD_OK" else "301") == veredicto.resellado
        assert veredicto.motivo.startswith("as it is")
        assert como_el_manifiesto or "re-sealed" in veredicto.motivo, archivo


@pytest.mark.parametrize("fila", TABLA, ids=lambda fila: fila.archivo)
def test_veredicto_de_la_tabla_y_timbre_de_los_que_pasan(fila: corpus.Veredicto) -> None:
    assert corpus.codigo(corpus.leer(fila.archivo)) == fila.original
    xml = corpus.resellar(fila.archivo)
    assert corpus.codigo(xml) == fila.resellado
    if "TimbreFiscalDigital" in corpus.manifiesto()[fila.archivo]["complementos"]:
        assert corpus.codigo(corpus.resellar(fila.archivo, quitar_timbre=False)) == "307"
    if fila.resellado != "ok":
        return
    # A valid one is stamped, and the result is the same document with one valid TFD more.
    valido = corpus.validador().validar(xml, CUANDO)
    solicitud = Solicitud(valido.huella, xml, valido.sello, valido.emisor, valido.no_certificado)
    [resultado] = pac().timbrar([solicitud])
    assert isinstance(resultado, Timbrado)
    verificar_tfd(solicitud, resultado.tfd, pac().certificado_de)
    timbrado = tfd.insertar(xml, resultado.tfd)
    assert tfd.extraer(timbrado) == resultado.tfd
    raiz, original = documento.analizar(timbrado), documento.analizar(xml)
    hallado = documento.buscar_timbre(raiz)
    assert hallado is not None
    assert esquemas.tfd_valido(hallado)
    assert cadena.cadena_original(raiz) == cadena.cadena_original(original)
    assert corpus.codigo(timbrado) == "307"


def test_lo_que_la_matriz_rechaza_lo_timbra_quien_la_deja_al_pac() -> None:
    """Nothing but the matrix stands between those files and a stamp: structure, seal and dates are right."""
    sin_matriz = Validador(Confianza(corpus.csds()), omitidas={"*"})
    de_la_matriz = [v for v in TABLA if v.resellado not in ("ok", "301")]
    assert len(de_la_matriz) > 60
    for fila in de_la_matriz[::8]:
        sin_matriz.validar(corpus.resellar(fila.archivo), CUANDO)


@pytest.mark.parametrize(
    "fila",
    [
        f
        for f in FILAS
        if f["seal"] in ("OK", "BAD:InvalidSignature") and "TimbreFiscalDigital" not in f["complementos"]
    ],
    ids=lambda fila: fila["file"],
)
def test_sello_ajeno_original(fila: dict[str, str]) -> None:
    """Seals made by other software: our cadena is what their CSD signed, whatever the dates say now."""
    raiz = documento.analizar((CORPUS / "cfdi" / fila["file"]).read_bytes())
    firma = base64.b64decode(raiz.get("Sello", ""))
    cert = de_base64(raiz.get("Certificado", ""))
    assert cert.firmo(firma, cadena.cadena_original(raiz)) is (fila["seal"] == "OK")


@pytest.mark.parametrize("fila", [f for f in FILAS if "TFD_OK" in f["tfd"]], ids=lambda fila: fila["file"])
def test_timbres_de_pac_verdaderos_se_leen(fila: dict[str, str]) -> None:
    fragmento = tfd.extraer((CORPUS / "cfdi" / fila["file"]).read_bytes())
    assert fragmento is not None
    leido = tfd.leer(fragmento)
    assert leido.no_certificado_sat in fila["tfd"]
    assert f"prov={leido.rfc_prov_certif}" in fila["tfd"]


@pytest.mark.parametrize("csd", sorted(p.stem for p in (CORPUS / "csd").glob("*-csd-*.cer")))
def test_cada_csd_de_prueba_sella(csd: str) -> None:
    """Ñ and & in RFC and name, and subjects in old encodings, from the key to the verdict."""
    assert corpus.codigo(corpus.resellar(BARE, csd)) == "ok"


def test_csd_ajeno_a_lo_configurado() -> None:
    assert apoyo_cfdi.codigo(corpus.resellar(BARE), CUANDO) == "308"


def test_lco_de_prueba_del_sat() -> None:
    lco = LcoEnMemoria.de_archivo(CORPUS / "lco-prueba-2023-05-19.xml")
    assert len(lco) == 2637
    linea = lco.buscar("BUT831121QT0", "00001000000202500628")
    assert linea is not None
    assert (linea.estado, linea.obligaciones_validas) == ("A", True)
    assert lco.buscar("EKU9003173C9", "00001000000202500628") is None
    xml = corpus.resellar(BARE)
    con = Validador(Confianza(corpus.csds()), lco)
    esperado = lco.buscar("EKU9003173C9", "30001000000500003416")
    if esperado is None:
        assert apoyo_cfdi.codigo(xml, CUANDO, con=con) == "402"
    else:
        con.validar(xml, CUANDO)
