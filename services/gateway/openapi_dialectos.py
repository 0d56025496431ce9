"""The dialects in the OpenAPI document, by hand: they stand before the framework (`dialects/`).

What each one means is its own documentation's; here is which of it we serve, and what is particular to us.
"""

from __future__ import annotations

from typing import Any

from services.gateway.dialects.finkok_wsdl import SERVICIOS

_TAG = "dialectos"
_XML = {"text/xml": {"schema": {"type": "string"}}}
_SW_ERROR = {
    "description": "Error",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SwError"}}},
}
_APLICACION: dict[str, Any] = {
    "in": "header",
    "name": "X-Aplicacion",
    "required": False,
    "schema": {"type": "string"},
    "description": "Prueba de una aplicación registrada: la pide una CTI ilimitada.",
}
_BEARER_SW: list[dict[str, list[str]]] = [{"sw": []}]

ESQUEMAS_DE_SEGURIDAD: dict[str, dict[str, str]] = {
    "sw": {
        "type": "http",
        "scheme": "bearer",
        "description": "Token de `POST /security/authenticate`, vigente 2 horas; o, sin vencimiento, base64url de "
        "`cti:contraseña`.",
    },
}


def _texto(descripcion: str = "") -> dict[str, Any]:
    return {"type": "string", "description": descripcion} if descripcion else {"type": "string"}


def _objeto(requeridos: list[str], **propiedades: Any) -> dict[str, Any]:
    return {"type": "object", "required": requeridos, "properties": propiedades}


_SW_DATOS = _objeto(
    [],
    tfd=_texto("v1 y v2: el TimbreFiscalDigital."),
    cfdi=_texto("v2, v3 y v4: el CFDI con su timbre."),
    cadenaOriginalSAT=_texto("v4, como los demás."),
    noCertificadoSAT=_texto(),
    noCertificadoCFDI=_texto(),
    uuid=_texto(),
    selloSAT=_texto(),
    selloCFDI=_texto(),
    fechaTimbrado=_texto(),
    qrCode=_texto("PNG en base64."),
)

ESQUEMAS: dict[str, Any] = {
    "SwError": _objeto(
        ["message", "status"],
        message=_texto(
            "`código - texto`; o «307. El comprobante contiene un timbre previo.», con el timbre en `data`."
        ),
        messageDetail={"type": ["string", "null"]},
        data={"type": ["object", "null"]},
        status={"type": "string", "enum": ["error"]},
    ),
    "SwTimbrado": _objeto(["data", "status"], data=_SW_DATOS, status={"type": "string", "enum": ["success"]}),
    "SwToken": _objeto(
        ["data", "status"],
        data=_objeto(["token", "expires_in"], token=_texto(), expires_in={"type": "integer"}),
        status={"type": "string", "enum": ["success"]},
    ),
    "SwSaldo": _objeto(
        ["data", "status"],
        data=_objeto(
            ["saldoTimbres", "timbresUtilizados", "timbresAsignados", "unlimited", "fechaExpiracion"],
            idSaldoCliente=_texto(),
            idClienteUsuario=_texto(),
            saldoTimbres={"type": "integer"},
            timbresUtilizados={"type": "integer"},
            timbresAsignados={"type": "integer"},
            unlimited={"type": "boolean"},
            fechaExpiracion=_texto(),
        ),
        status={"type": "string", "enum": ["success"]},
    ),
    "SwSaldoV2": _objeto(
        ["data", "status"],
        data=_objeto(
            ["stampsBalance", "stampsUsed", "stampsAssigned", "isUnlimited", "expirationDate"],
            idUserBalance=_texto(),
            idUser=_texto(),
            stampsBalance={"type": "integer"},
            stampsUsed={"type": "integer"},
            stampsAssigned={"type": "integer"},
            isUnlimited={"type": "boolean"},
            unlimited={"type": "boolean"},
            expirationDate=_texto(),
            lastTransaction={"type": "null"},
        ),
        status={"type": "string", "enum": ["success"]},
    ),
    "SwCancelado": _objeto(
        ["data", "status"],
        data=_objeto(
            ["uuid"],
            acuse={"type": ["string", "null"]},
            uuid={
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "UUID → código del SAT.",
            },
        ),
        status={"type": "string", "enum": ["success"]},
    ),
    "SwCancelarCsd": _objeto(
        ["uuid", "motivo", "b64Cer", "b64Key", "password"],
        uuid=_texto(),
        motivo={"type": "string", "enum": ["01", "02", "03", "04"]},
        folioSustitucion={"type": ["string", "null"]},
        rfc=_texto(),
        b64Cer=_texto("El CSD del emisor; se usa para esta petición y no se guarda."),
        b64Key=_texto(),
        password=_texto("De la llave privada."),
    ),
    "SwRegistros": _objeto(
        ["data", "status"],
        data=_objeto(
            ["records"],
            metadata={"type": "object"},
            records={
                "type": "array",
                "items": _objeto(
                    ["uuid", "urlXml"], uuid=_texto(), urlXml=_texto("Enlace vigente 10 minutos.")
                ),
            },
        ),
        status={"type": "string", "enum": ["success"]},
    ),
    "InduxsoftCancelar": _objeto(
        ["pwd", "uuid", "motivo"],
        cti=_texto("Id de la CTI; también se acepta en `uid`."),
        uid=_texto(),
        pwd=_texto(),
        uuid=_texto(),
        motivo={"type": "string", "enum": ["01", "02", "03", "04"]},
        frel=_texto("UUID que sustituye, con motivo 01."),
        tipo=_texto(),
        cer=_texto("CSD del emisor en base64: se usa para esta petición y no se guarda."),
        key=_texto("Su llave privada en base64."),
        kpw=_texto("La contraseña de la llave."),
        sol=_texto("En lugar del CSD: la solicitud Cancelacion firmada, en base64."),
    ),
    "InduxsoftAcuses": _objeto(
        ["pwd", "uuid"],
        cti=_texto(),
        uid=_texto(),
        pwd=_texto(),
        uuid=_texto("Uno o varios, separados por comas."),
    ),
}


def _ref(nombre: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{nombre}"}}}


def _operacion(resumen: str, salida: dict[str, Any], **mas: Any) -> dict[str, Any]:
    return {
        "tags": [_TAG],
        "summary": resumen,
        "security": [],
        "responses": {"200": {"description": "OK", "content": salida}},
        **mas,
    }


def _cuerpo(contenido: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": contenido}


def _induxsoft() -> dict[str, Any]:
    """Every path but the two that `openapi_timbrado` has."""
    caminos = {
        "/cfdi/timbrado": ("Timbra un CFDI con el protocolo de Induxsoft.", "InduxsoftEntrada"),
        "/cr/timbrado": (
            "Timbra una constancia de retenciones con el protocolo de Induxsoft.",
            "InduxsoftEntrada",
        ),
        "/cfdi/descargar": ("Descarga un CFDI con el protocolo de Induxsoft.", "InduxsoftConsulta"),
        "/cr/descargar": ("Descarga una constancia con el protocolo de Induxsoft.", "InduxsoftConsulta"),
        "/comprobantes/cancelaciones/solicitar": (
            "Cancela con el protocolo de Induxsoft.",
            "InduxsoftCancelar",
        ),
        "/cfdi/cancelacion": ("Cancela un CFDI con el protocolo de Induxsoft.", "InduxsoftCancelar"),
        "/cfdi/cancelacion/4.0": ("Cancela un CFDI con el protocolo de Induxsoft.", "InduxsoftCancelar"),
        "/cr/cancelacion": ("Cancela una constancia con el protocolo de Induxsoft.", "InduxsoftCancelar"),
        "/comprobantes/cancelaciones/acuses": ("Acuses de cancelación.", "InduxsoftAcuses"),
        "/comprobantes/sellar-timbrar": (
            "Se rechaza siempre: no guardamos certificados.",
            "InduxsoftEntrada",
        ),
        "/comprobantes/sellar-y-timbrar": (
            "Se rechaza siempre: no guardamos certificados.",
            "InduxsoftEntrada",
        ),
        "/cfdi/sellado": ("Se rechaza siempre: no guardamos certificados.", "InduxsoftEntrada"),
        "/cr/sellado": ("Se rechaza siempre: no guardamos certificados.", "InduxsoftEntrada"),
    }
    return {
        f"{camino}/": {
            "post": _operacion(
                f"{resumen} Responde siempre 200.",
                _ref("InduxsoftSalida"),
                requestBody=_cuerpo(_ref(entrada)),
            )
        }
        for camino, (resumen, entrada) in caminos.items()
    }


def _finkok() -> dict[str, Any]:
    rutas: dict[str, Any] = {}
    for nombre, servicio in SERVICIOS.items():
        operaciones = ", ".join(servicio.operaciones)
        for final in (".wsdl", ""):
            rutas[f"/servicios/soap/{nombre}{final}"] = {
                "get": _operacion(f"WSDL del servicio {nombre} de Finkok.", _XML),
                "post": _operacion(
                    f"SOAP de Finkok, servicio {nombre}: {operaciones}. `username` es el id de la CTI.",
                    _XML,
                    requestBody=_cuerpo(_XML),
                    parameters=[_APLICACION],
                    responses={
                        "200": {"description": "OK", "content": _XML},
                        "500": {
                            "description": "Una falla de SOAP 1.1, que siempre va con 500.",
                            "content": _XML,
                        },
                    },
                ),
            }
    return rutas


def _sw() -> dict[str, Any]:
    formulario = {
        "multipart/form-data": {"schema": _objeto(["xml"], xml={"type": "string", "format": "binary"})}
    }

    def op(resumen: str, salida: str, **mas: Any) -> dict[str, Any]:
        operacion = _operacion(resumen, _ref(salida), **{"security": _BEARER_SW, **mas})
        operacion["responses"]["default"] = _SW_ERROR
        return operacion

    def en_ruta(*nombres: str) -> list[dict[str, Any]]:
        return [{"in": "path", "name": n, "required": True, "schema": {"type": "string"}} for n in nombres]

    customid = {
        "in": "header",
        "name": "customid",
        "required": False,
        "schema": {"type": "string", "maxLength": 100},
        "description": "Su identificador del comprobante: el mismo recibe el mismo timbre.",
    }
    timbrar = op(
        "Timbra con el protocolo de SW; un comprobante ya timbrado es un error 307 con el timbre en `data`.",
        "SwTimbrado",
        requestBody=_cuerpo(formulario),
    )
    rutas: dict[str, Any] = {}
    for clase in ("cfdi33", "cfdi40", "cfdi", "retencion", "retenciones"):
        raices = (f"/{clase}", f"/v4/{clase}")
        for raiz in raices:
            for final in ("", "/b64"):
                rutas[f"{raiz}/stamp/{{version}}{final}"] = {
                    "parameters": [*en_ruta("version"), customid, _APLICACION],
                    "post": timbrar,
                }
        rutas[f"/{clase}/cancel/csd"] = {
            "post": op(
                "Cancela con el CSD de la petición.",
                "SwCancelado",
                requestBody=_cuerpo(_ref("SwCancelarCsd")),
            )
        }
        rutas[f"/{clase}/cancel/xml"] = {
            "post": op("Cancela con la solicitud firmada.", "SwCancelado", requestBody=_cuerpo(formulario))
        }
    descarga = _operacion("El XML de un enlace.", {"application/xml": {"schema": {"type": "string"}}})
    descarga["responses"]["default"] = _SW_ERROR
    token = op("Un token de 2 horas: `user` y `password`, en cabeceras o en JSON.", "SwToken", security=[])
    return {
        **rutas,
        "/security/authenticate": {"post": token},
        "/v2/security/authenticate": {"post": token},
        "/account/balance": {"get": op("Saldo de la CTI.", "SwSaldo")},
        "/management/v2/api/users/balance": {"get": op("Saldo de la CTI, en la versión 2.", "SwSaldoV2")},
        "/datawarehouse/v1/live/{uuid}": {
            "parameters": en_ruta("uuid"),
            "get": op("Un CFDI timbrado antes, por su UUID.", "SwRegistros"),
        },
        "/datawarehouse/v1/xml/{enlace}": {
            "parameters": en_ruta("enlace"),
            "get": descarga,
        },
    }


RUTAS: dict[str, Any] = {**_induxsoft(), **_finkok(), **_sw()}
