"""The WSDL of Finkok's services as far as we serve them: from one table of types and operations.

Names, namespaces and order are Finkok's, because clients generate code from them: Odoo asks the type factory
for `UUID` and `UUIDArray`, Java and .NET programs were compiled against `AcuseRecepcionCFDI` and the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from services.gateway.dialects.soap import RESULTADOS
from services.gateway.dialects.xml import texto

CADENA, BINARIO, BOOLEANO = "xs:string", "xs:base64Binary", "xs:boolean"

Campos = tuple[tuple[str, str], ...]


def _cadenas(*nombres: str) -> Campos:
    return tuple((nombre, CADENA) for nombre in nombres)


@dataclass(frozen=True, slots=True)
class Operacion:
    """Its fields in order, and the type of its result."""

    campos: Campos
    resultado: str


@dataclass(frozen=True, slots=True)
class Servicio:
    """One WSDL: what it is called, where its elements live, and what it can do."""

    nombre: str
    ns: str
    operaciones: dict[str, Operacion]


#: Result types: fields in order. `X[]` is any number of X; every field may lack, as in Finkok's own.
TIPOS: Final[dict[str, Campos]] = {
    "AcuseRecepcionCFDI": (
        *_cadenas("xml", "UUID", "faultstring", "Fecha", "CodEstatus", "faultcode", "SatSeal"),
        ("Incidencias", "s0:IncidenciaArray"),
        ("NoCertificadoSAT", CADENA),
    ),
    "IncidenciaArray": (("Incidencia", "s0:Incidencia[]"),),
    "Incidencia": _cadenas(
        "IdIncidencia", "Uuid", "CodigoError", "WorkProcessId", "MensajeIncidencia", "RfcEmisor", "ExtraInfo",
        "NoCertificadoPac", "FechaRegistro",
    ),
    "QueryPendingResult": _cadenas(
        "status", "xml", "uuid", "uuid_status", "next_attempt", "attempts", "error", "date"
    ),
    "UUIDArray": (("UUID", "s0:UUID[]"),),
    "CancelaCFDResult": (
        ("Folios", "s0:FolioArray"),
        *_cadenas("Acuse", "Fecha", "RfcEmisor", "CodEstatus"),
    ),
    "FolioArray": (("Folio", "s0:Folio[]"),),
    "Folio": _cadenas("UUID", "EstatusUUID", "EstatusCancelacion"),
    "AcuseSatEstatus": (("error", CADENA), ("sat", "s0:AcuseSATConsulta")),
    "AcuseSATConsulta": _cadenas("EsCancelable", "CodigoEstatus", "Estado", "EstatusCancelacion"),
    "ReceiptResult": (
        ("uuid", CADENA), ("success", BOOLEANO), *_cadenas("receipt", "taxpayer_id", "error", "date")
    ),
    "DatetimeResult": _cadenas("datetime", "error"),
    "GetXMLResult": _cadenas("xml", "error"),
}  # fmt: skip
#: Complex types that are attributes alone.
_ATRIBUTOS: Final = {"UUID": ("UUID", "FolioSustitucion", "Motivo")}

_QUIEN = _cadenas("username", "password")
_SELLADO = Operacion((("xml", BINARIO), *_QUIEN), "AcuseRecepcionCFDI")
_CANCELAR = Operacion(
    (
        ("UUIDS", "s0:UUIDArray"), *_QUIEN, ("taxpayer_id", CADENA), ("cer", BINARIO), ("key", BINARIO),
        ("store_pending", BOOLEANO),
    ),
    "CancelaCFDResult",
)  # fmt: skip
_FIRMADA = Operacion((("xml", BINARIO), *_QUIEN, ("store_pending", BOOLEANO)), "CancelaCFDResult")
_ACUSE = Operacion((*_QUIEN, *_cadenas("taxpayer_id", "uuid", "type")), "ReceiptResult")
_ESTADO = Operacion((*_QUIEN, *_cadenas("taxpayer_id", "rtaxpayer_id", "uuid", "total")), "AcuseSatEstatus")

SERVICIOS: Final = {
    "stamp": Servicio(
        "StampSOAP",
        "http://facturacion.finkok.com/stamp",
        {
            "stamp": _SELLADO,
            "quick_stamp": _SELLADO,
            "stamped": _SELLADO,
            "sign_stamp": _SELLADO,
            "query_pending": Operacion((*_QUIEN, ("uuid", CADENA)), "QueryPendingResult"),
        },
    ),
    "cancel": Servicio(
        "CancelSOAP",
        "http://facturacion.finkok.com/cancel",
        {
            "cancel": _CANCELAR,
            "sign_cancel": Operacion(
                (
                    ("UUIDS", "s0:UUIDArray"),
                    *_QUIEN,
                    *_cadenas("taxpayer_id", "serial"),
                    ("store_pending", BOOLEANO),
                ),
                "CancelaCFDResult",
            ),
            "cancel_signature": _FIRMADA,
            "get_receipt": _ACUSE,
            "get_sat_status": _ESTADO,
        },
    ),
    "utilities": Servicio(
        "UtilitiesSOAP",
        "http://facturacion.finkok.com/utilities",
        {
            "datetime": Operacion((*_QUIEN, ("zipcode", CADENA)), "DatetimeResult"),
            "get_xml": Operacion((*_QUIEN, *_cadenas("uuid", "taxpayer_id", "invoice_type")), "GetXMLResult"),
        },
    ),
    "retentions": Servicio(
        "RetentionSOAP",
        "http://facturacion.finkok.com/retentions",
        {
            "stamp": _SELLADO,
            "stamped": _SELLADO,
            "cancel": _CANCELAR,
            "cancel_signature": _FIRMADA,
            "get_receipt": _ACUSE,
        },
    ),
}


def wsdl(ruta: str, base: str) -> bytes:
    """The document of the service `ruta`, whose address is under `base`."""
    s = SERVICIOS[ruta]
    operaciones = s.operaciones
    cabeza = (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        '<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:xs="http://www.w3.org/2001/XMLSchema"'
        f' xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:s0="{RESULTADOS}" xmlns:tns="{s.ns}"'
        f' targetNamespace="{s.ns}" name="Application"><wsdl:types>{_esquema_de_resultados(s)}'
        f'<xs:schema targetNamespace="{s.ns}" elementFormDefault="qualified"><xs:import namespace="{RESULTADOS}"/>'
    )
    partes = [cabeza]
    for nombre, o in operaciones.items():
        resultado = _elemento(f"{nombre}Result", f"s0:{o.resultado}")
        partes += [_complejo(nombre, o.campos), _tipo(f"{nombre}Response", resultado)]
        partes += [f'<xs:element name="{n}" type="tns:{n}"/>' for n in (nombre, f"{nombre}Response")]
    partes.append("</xs:schema></wsdl:types>")
    for nombre in operaciones:
        for mensaje in (nombre, f"{nombre}Response"):
            partes.append(
                f'<wsdl:message name="{mensaje}"><wsdl:part name="{mensaje}" element="tns:{mensaje}"/></wsdl:message>'
            )
    partes.append('<wsdl:portType name="Application">')
    for nombre in operaciones:
        partes.append(
            f'<wsdl:operation name="{nombre}"><wsdl:input message="tns:{nombre}"/>'
            f'<wsdl:output message="tns:{nombre}Response"/></wsdl:operation>'
        )
    partes.append(
        '</wsdl:portType><wsdl:binding name="Application" type="tns:Application">'
        '<soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>'
    )
    for nombre in operaciones:
        partes.append(
            f'<wsdl:operation name="{nombre}"><soap:operation soapAction="{nombre}" style="document"/>'
            '<wsdl:input><soap:body use="literal"/></wsdl:input>'
            '<wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation>'
        )
    partes.append(
        f'</wsdl:binding><wsdl:service name="{s.nombre}"><wsdl:port name="Application" binding="tns:Application">'
        f'<soap:address location="{texto(base)}/servicios/soap/{ruta}"/></wsdl:port></wsdl:service>'
        "</wsdl:definitions>"
    )
    return "".join(partes).encode()


def _esquema_de_resultados(s: Servicio) -> str:
    usados: list[str] = []
    pendientes = [t for o in s.operaciones.values() for t in (o.resultado, *_referidos(o.campos))]
    while pendientes:
        tipo = pendientes.pop()
        if tipo not in usados:
            usados.append(tipo)
            pendientes += _referidos(TIPOS.get(tipo, ()))
    cuerpo = "".join(_complejo(t, TIPOS[t]) if t in TIPOS else _de_atributos(t) for t in sorted(usados))
    return f'<xs:schema targetNamespace="{RESULTADOS}" elementFormDefault="qualified">{cuerpo}</xs:schema>'


def _referidos(campos: Campos) -> list[str]:
    return [t.removeprefix("s0:").removesuffix("[]") for _, t in campos if t.startswith("s0:")]


def _complejo(nombre: str, campos: Campos) -> str:
    return _tipo(nombre, "".join(_elemento(n, t) for n, t in campos))


def _tipo(nombre: str, cuerpo: str) -> str:
    return f'<xs:complexType name="{nombre}"><xs:sequence>{cuerpo}</xs:sequence></xs:complexType>'


def _de_atributos(nombre: str) -> str:
    atributos = "".join(f'<xs:attribute name="{a}" type="{CADENA}"/>' for a in _ATRIBUTOS[nombre])
    return f'<xs:complexType name="{nombre}">{atributos}</xs:complexType>'


def _elemento(nombre: str, tipo: str) -> str:
    veces = ' maxOccurs="unbounded"' if tipo.endswith("[]") else ""
    return (
        f'<xs:element name="{nombre}" type="{tipo.removesuffix("[]")}" minOccurs="0"{veces} nillable="true"/>'
    )
