"""XSD of CFDI 4.0 and of retention receipts 2.0 with their complements, compiled once per process, offline.

The SAT's catalogues are XSD enumerations of up to 95,777 values; libxml2 walks them one by one (3–9 ms a
document, 156 MB). So an enumeration of more than `MAXIMO_EN_XSD` values is taken out of the schema while it
is read, and becomes a frozenset that `validar` checks itself: the schema alone would accept any key.

Only complements that the SAT's stylesheet of the cadena original knows are accepted: another one would be
outside the seal, and anybody could change it after the issuer signed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

from lxml import etree

from services.timbrado.cfdi import formatos, mensajes
from services.timbrado.cfdi.cadena import RAIZ_SAT
from services.timbrado.cfdi.formatos import NS_CFDI, NS_RETENCIONES
from shared.errors import DomainError

MAXIMO_EN_XSD: Final = 300
GRANDE: Final = 32 * 1024
"""Bytes from which a document is validated in chunks (see `_errores_por_partes`)."""
_TROZO: Final = 16 * 1024

_XS: Final = "{http://www.w3.org/2001/XMLSchema}"
_SAT: Final = "http://www.sat.gob.mx/"
_CFD: Final = "sitio_internet/cfd/"
_RET: Final = "esquemas/retencionpago/"

COMPLEMENTOS: Final[dict[str, str]] = {
    _SAT + espacio: _CFD + archivo
    for espacio, archivo in {
        "ComercioExterior11": "ComercioExterior11/ComercioExterior11.xsd",
        "ComercioExterior20": "ComercioExterior20/ComercioExterior20.xsd",
        "donat": "donat/donat11.xsd",
        "divisas": "divisas/divisas.xsd",
        "implocal": "implocal/implocal.xsd",
        "leyendasFiscales": "leyendasFiscales/leyendasFisc.xsd",
        "pfic": "pfic/pfic.xsd",
        "TuristaPasajeroExtranjero": "TuristaPasajeroExtranjero/TuristaPasajeroExtranjero.xsd",
        "nomina12": "nomina/nomina12.xsd",
        "registrofiscal": "cfdiregistrofiscal/cfdiregistrofiscal.xsd",
        "pagoenespecie": "pagoenespecie/pagoenespecie.xsd",
        "aerolineas": "aerolineas/aerolineas.xsd",
        "valesdedespensa": "valesdedespensa/valesdedespensa.xsd",
        "notariospublicos": "notariospublicos/notariospublicos.xsd",
        "vehiculousado": "vehiculousado/vehiculousado.xsd",
        "servicioparcialconstruccion": "servicioparcialconstruccion/servicioparcialconstruccion.xsd",
        "renovacionysustitucionvehiculos": (
            "renovacionysustitucionvehiculos/renovacionysustitucionvehiculos.xsd"
        ),
        "certificadodestruccion": "certificadodestruccion/certificadodedestruccion.xsd",
        "arteantiguedades": "arteantiguedades/obrasarteantiguedades.xsd",
        "ine": "ine/ine11.xsd",
        "iedu": "iedu/iedu.xsd",
        "ventavehiculos": "ventavehiculos/ventavehiculos11.xsd",
        "detallista": "detallista/detallista.xsd",
        "EstadoDeCuentaCombustible12": "EstadoDeCuentaCombustible/ecc12.xsd",
        "ConsumoDeCombustibles11": "consumodecombustibles/consumodeCombustibles11.xsd",
        "GastosHidrocarburos10": "GastosHidrocarburos10/GastosHidrocarburos10.xsd",
        "IngresosHidrocarburos10": "IngresosHidrocarburos10/IngresosHidrocarburos.xsd",
        "CartaPorte20": "CartaPorte/CartaPorte20.xsd",
        "CartaPorte30": "CartaPorte/CartaPorte30.xsd",
        "CartaPorte31": "CartaPorte/CartaPorte31.xsd",
        "Pagos20": "Pagos/Pagos20.xsd",
        "hidrocarburospetroliferos": "hidrocarburospetroliferos.xsd",
    }.items()
}
"""Namespace → schema, for every complement in `cadenaoriginal_4_0.xslt`."""

COMPLEMENTOS_CR: Final[dict[str, str]] = {
    f"{_SAT}{_RET}1/{carpeta}": f"{_RET}1/{carpeta}/{archivo}.xsd"
    for carpeta, archivo in {
        "arrendamientoenfideicomiso": "arrendamientoenfideicomiso",
        "dividendos": "dividendos",
        "enajenaciondeacciones": "enajenaciondeacciones",
        "fideicomisonoempresarial": "fideicomisonoempresarial",
        "intereses": "intereses",
        "intereseshipotecarios": "intereseshipotecarios",
        "operacionesconderivados": "operacionesconderivados",
        "pagosaextranjeros": "pagosaextranjeros",
        "planesderetiro11": "planesderetiro11",
        "PlataformasTecnologicas10": "ServiciosPlataformasTecnologicas10",
        "premios": "premios",
        "sectorfinanciero": "sectorfinanciero",
    }.items()
}
"""Namespace → schema, for every complement in `retenciones.xslt` of version 2.0."""

# Matrices de errores CFDI 4.0 and Retenciones 2.0: the codes of the catalogues that we check ourselves.
# Complements have none here.
_CODIGO_SAT: Final = {
    ("Comprobante", "LugarExpedicion"): "CFDI40126",
    ("Concepto", "ClaveProdServ"): "CFDI40162",
    ("Concepto", "ClaveUnidad"): "CFDI40165",
    ("Parte", "ClaveProdServ"): "CFDI40196",
    ("Retenciones", "LugarExpRetenc"): "Reten20104",
}


@dataclass(frozen=True, slots=True)
class _Regla:
    """`atributo` of an element below `padre` must be one of `valores` (catalogue `catalogo`)."""

    padre: str | None
    atributo: str
    catalogo: str
    valores: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Esquema:
    xsd: etree.XMLSchema
    reglas: dict[str, tuple[_Regla, ...]]
    """By element tag in Clark notation."""


#: What libxml2 sees instead of the real folder, whose name may hold a space, which a URL may not.
_BASE: Final = "file:///sat/"


#: (target namespace, type name) → values. Both formats use the SAT's large ones: one set of each.
_CATALOGOS: Final[dict[tuple[str, str], frozenset[str]]] = {}


@cache
def _recortado(ruta: Path) -> bytes:
    """One of the SAT's files with its long enumerations taken out, and kept in `_CATALOGOS`.

    Remembered until both formats are compiled: the one with the catalogues is 6 MB, and 60 as a tree.
    """
    arbol = etree.parse(ruta).getroot()
    for tipo in arbol.iterchildren(f"{_XS}simpleType"):
        restriccion = tipo[0]
        if len(restriccion) > MAXIMO_EN_XSD:
            enumeraciones = restriccion.findall(f"{_XS}enumeration")
            clave = arbol.get("targetNamespace", ""), tipo.get("name", "")
            _CATALOGOS[clave] = frozenset(e.get("value", "") for e in enumeraciones)
            for enumeracion in enumeraciones:
                restriccion.remove(enumeracion)
    return etree.tostring(arbol, encoding="UTF-8")


class _Recortador(etree.Resolver):
    """Serves the SAT's files to the schema compiler with the long enumerations taken out."""

    def __init__(self) -> None:
        super().__init__()
        self.atributos: list[tuple[str, str | None, etree._Element]] = []

    def resolve(self, system_url: str | None, public_id: str | None, context: Any) -> Any:  # noqa: ARG002
        ruta = (RAIZ_SAT / (system_url or "").removeprefix(_BASE)).resolve()
        if not ruta.is_relative_to(RAIZ_SAT.resolve()):
            raise ValueError(f"schema outside the SAT's folder: {system_url}")
        texto = _recortado(ruta)
        arbol = etree.fromstring(texto)
        espacio = arbol.get("targetNamespace", "")
        self.atributos += [
            (espacio, a.get("type"), a) for a in arbol.iter(f"{_XS}attribute") if a.get("type")
        ]
        return self.resolve_string(
            texto, context, base_url=_BASE + ruta.relative_to(RAIZ_SAT.resolve()).as_posix()
        )

    def reglas(self) -> dict[str, tuple[_Regla, ...]]:
        """Where the catalogues taken out are used: attributes of the schemas served so far."""
        reglas: dict[str, list[_Regla]] = {}
        for espacio, tipo, atributo in self.atributos:
            prefijo, _, nombre = (tipo or "").rpartition(":")
            valores = _CATALOGOS.get((atributo.nsmap.get(prefijo or None, ""), nombre))
            if valores is None:
                continue
            elementos = [str(e.get("name")) for e in atributo.iterancestors(f"{_XS}element")]
            regla = _Regla(
                padre=f"{{{espacio}}}{elementos[1]}" if len(elementos) > 1 else None,
                atributo=str(atributo.get("name")),
                catalogo=nombre,
                valores=valores,
            )
            reglas.setdefault(f"{{{espacio}}}{elementos[0]}", []).append(regla)
        return {etiqueta: tuple(lista) for etiqueta, lista in reglas.items()}


def _compilar(importados: dict[str, str]) -> _Esquema:
    recortador = _Recortador()
    parser = etree.XMLParser(no_network=True, resolve_entities=False)
    parser.resolvers.add(recortador)
    imports = "".join(
        f'<xs:import namespace="{espacio}" schemaLocation="{_BASE}{archivo}"/>'
        for espacio, archivo in importados.items()
    )
    conductor = f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{imports}</xs:schema>'
    xsd = etree.XMLSchema(etree.fromstring(conductor, parser, base_url=_BASE + "conductor.xsd"))
    return _Esquema(xsd, recortador.reglas())


@cache
def _cfdi() -> _Esquema:
    # All complements together compile in some 0.15 s, since the time was in the enumerations.
    return _compilar({NS_CFDI: _CFD + "4/cfdv40.xsd", **COMPLEMENTOS})


@cache
def _retenciones() -> _Esquema:
    return _compilar({NS_RETENCIONES: _RET + "2/retencionpagov2.xsd", **COMPLEMENTOS_CR})


@cache
def _tfd() -> _Esquema:
    return _compilar({_SAT + "TimbreFiscalDigital": _CFD + "TimbreFiscalDigital/TimbreFiscalDigitalv11.xsd"})


def validar(raiz: etree._Element, *, grande: bool = False) -> None:
    """Structure and catalogues of a document without Addenda. Raises `cfdi_invalido` 301 or CFDI40xxx.

    Of the catalogues only the first problem is told. It names the node, as the SAT's own validators do. `grande` (of more
    than `GRANDE` bytes) bounds the work that an invalid document can cause.
    """
    estructura(raiz, grande=grande)
    for problema in fuera_de_catalogo(raiz):
        raise problema


def estructura(raiz: etree._Element, *, grande: bool = False) -> None:
    """The XSD alone, as `validar` says. Raises `cfdi_invalido` 301, or CFDI40xxx for a short catalogue.

    A document that is not `grande` has every error told (`mensajes.juntos`).
    """
    es_cfdi = formatos.de(raiz) is formatos.CFDI
    xsd = (_cfdi() if es_cfdi else _retenciones()).xsd
    errores = _errores_por_partes(xsd, raiz) if grande else _errores(xsd, raiz)
    if not errores:
        return
    complementos = COMPLEMENTOS if es_cfdi else COMPLEMENTOS_CR
    problemas: dict[object, DomainError] = {}
    for error in errores:
        # libxml2 tells a wrong value twice: the facet that it breaks, and then that it is not of its type.
        problema = mensajes.de_esquema(raiz, error, complementos)
        problemas.setdefault(problema.datos.get("nodo"), problema)
    raise mensajes.juntos(list(problemas.values()))


def fuera_de_catalogo(raiz: etree._Element) -> Iterator[DomainError]:
    """Each key outside of the catalogues that were taken out of the XSD."""
    esquema = _cfdi() if formatos.de(raiz) is formatos.CFDI else _retenciones()
    for elemento, regla, valor in _fuera_de_catalogo(raiz, esquema.reglas):
        local = etree.QName(elemento).localname
        codigo = _CODIGO_SAT.get((local, regla.atributo), "301") if _es_propio(elemento) else "301"
        yield mensajes.fuera_de_catalogo(
            codigo, regla.catalogo, mensajes.ruta(elemento), regla.atributo, valor
        )


def _errores(xsd: etree.XMLSchema, raiz: etree._Element) -> list[etree._LogEntry]:
    return [] if xsd.validate(raiz) else list(islice(xsd.error_log, 2 * mensajes.MAXIMO))


def _errores_por_partes(xsd: etree.XMLSchema, raiz: etree._Element) -> list[etree._LogEntry]:
    """The first error, without working out all the others.

    lxml writes the path of every error, which counts the siblings before it: 100,000 empty Conceptos took
    68 s of CPU. Fed in chunks, the validation stops at the first chunk that has an error (0.01 s); a valid
    1.5 MB document takes twice the time it took, 0.03 s.
    """
    parser = etree.XMLParser(schema=xsd, resolve_entities=False, no_network=True, collect_ids=False)
    texto = etree.tostring(raiz, encoding="UTF-8")
    try:
        for inicio in range(0, len(texto), _TROZO):
            parser.feed(texto[inicio : inicio + _TROZO])
            if len(parser.feed_error_log) > 0:
                break
        else:
            parser.close()
    except etree.XMLSyntaxError:
        if len(parser.feed_error_log) == 0:
            return _errores(xsd, raiz)
    return [parser.feed_error_log[0]] if len(parser.feed_error_log) > 0 else []


def tfd_valido(tfd: etree._Element) -> bool:
    """Whether an element is a TFD 1.1 by the SAT's XSD."""
    return _tfd().xsd.validate(tfd)


def precargar() -> None:
    """Compile now, so that the first stamping of a process does not wait for it."""
    _cfdi()
    _retenciones()
    _tfd()
    _recortado.cache_clear()


def _fuera_de_catalogo(
    raiz: etree._Element, reglas: dict[str, tuple[_Regla, ...]]
) -> Iterator[tuple[etree._Element, _Regla, str]]:
    for elemento in raiz.iter(*reglas):
        for regla in reglas[str(elemento.tag)]:
            valor = elemento.get(regla.atributo)
            if valor is None or valor in regla.valores:
                continue
            padre = elemento.getparent()
            if regla.padre is not None and (padre is None or padre.tag != regla.padre):
                continue
            if " ".join(valor.split()) not in regla.valores:  # whiteSpace="collapse" of the catalogues
                yield elemento, regla, valor


def _es_propio(elemento: etree._Element) -> bool:
    """Of the document itself and not of a complement."""
    return etree.QName(elemento).namespace in (NS_CFDI, NS_RETENCIONES)
