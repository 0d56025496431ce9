"""The stamping routes in the OpenAPI document, by hand: they stand before the framework (`timbrado.py`)."""

from __future__ import annotations

from typing import Any

_ERROR = {"$ref": "#/components/responses/DEFAULT_ERROR"}
_CTI: list[dict[str, list[str]]] = [{"cti": []}]
_XML = {"application/xml": {"schema": {"type": "string", "description": "El CFDI con su timbre."}}}

ESQUEMAS: dict[str, Any] = {
    "TimbradoEntrada": {
        "type": "object",
        "additionalProperties": False,
        "required": ["xml"],
        "properties": {
            "xml": {"type": "string", "description": "CFDI 4.0 sellado, sin timbre."},
            "idd": {
                "type": ["string", "null"],
                "description": "Identificador del documento en su sistema: el mismo recibe el mismo timbre.",
            },
        },
    },
    "TimbradoSalida": {
        "type": "object",
        "required": ["uuid", "idd", "repetido", "xml"],
        "properties": {
            "uuid": {"type": "string", "format": "uuid"},
            "idd": {"type": ["string", "null"]},
            "repetido": {"type": "boolean", "description": "Ya estaba timbrado: no se cobró de nuevo."},
            "xml": {"type": "string", "description": "El CFDI con su timbre."},
        },
    },
    "ValidacionDeCfdi": {
        "type": "object",
        "required": ["valido"],
        "properties": {"valido": {"type": "boolean"}, "idd": {"type": ["string", "null"]}},
    },
    "InduxsoftEntrada": {
        "type": "object",
        "required": ["cti", "pwd", "xml"],
        "properties": {
            "cti": {"type": "string"},
            "pwd": {"type": "string"},
            "xml": {"type": "string", "description": "Base64 de UTF-8, o texto con `nb64`."},
            "idd": {"type": ["string", "null"]},
            "nb64": {"type": ["boolean", "string"]},
        },
    },
    "InduxsoftConsulta": {
        "type": "object",
        "required": ["cti", "pwd"],
        "properties": {
            "cti": {"type": "string"},
            "pwd": {"type": "string"},
            "uuid": {"type": "string"},
            "idd": {"type": "string"},
            "nb64": {"type": ["boolean", "string"]},
        },
    },
    "InduxsoftSalida": {
        "type": "object",
        "required": ["success"],
        "properties": {
            "success": {"type": "boolean"},
            "data": {
                "type": "object",
                "properties": {
                    "uuid": {"type": "string"},
                    "xml": {"type": "string"},
                    "idd": {"type": "string"},
                    "tpo": {"type": "string", "enum": ["cfdi", "cr"]},
                },
            },
            "message": {"type": "string"},
        },
    },
}


def _ref(nombre: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{nombre}"}}}


def _operacion(
    resumen: str, entrada: dict[str, Any] | None, salida: dict[str, Any], *, dialecto: bool = False
) -> dict[str, Any]:
    operacion: dict[str, Any] = {
        "tags": ["dialectos" if dialecto else "timbrado"],
        "summary": resumen,
        "security": [] if dialecto else _CTI,
        "responses": {"200": {"description": "OK", "content": salida}, "default": _ERROR},
    }
    if entrada is not None:
        operacion["requestBody"] = {"required": True, "content": entrada}
    return operacion


_ENTRADA = {
    **_ref("TimbradoEntrada"),
    "application/xml": {"schema": {"type": "string", "description": "El CFDI tal cual."}},
}
_IDD = {
    "in": "header",
    "name": "X-Idd",
    "required": False,
    "schema": {"type": "string"},
    "description": "El `idd` cuando el cuerpo es XML.",
}

RUTAS: dict[str, Any] = {
    "/v1/timbrado": {
        "post": {
            **_operacion("Timbra un CFDI.", _ENTRADA, {**_ref("TimbradoSalida"), **_XML}),
            "parameters": [_IDD],
        }
    },
    "/v1/timbrado/validaciones": {
        "post": _operacion("Valida un CFDI sin timbrarlo ni cobrarlo.", _ENTRADA, _ref("ValidacionDeCfdi"))
    },
    "/v1/timbrado/{uuid_o_idd}": {
        "parameters": [{"in": "path", "name": "uuid_o_idd", "required": True, "schema": {"type": "string"}}],
        "get": _operacion("Un CFDI ya timbrado.", None, {**_ref("TimbradoSalida"), **_XML}),
    },
    "/comprobantes/timbrar/": {
        "post": _operacion(
            "Timbra con el protocolo de Induxsoft; responde siempre 200.",
            _ref("InduxsoftEntrada"),
            _ref("InduxsoftSalida"),
            dialecto=True,
        )
    },
    "/comprobantes/descargar/": {
        "post": _operacion(
            "Descarga con el protocolo de Induxsoft; responde siempre 200.",
            _ref("InduxsoftConsulta"),
            _ref("InduxsoftSalida"),
            dialecto=True,
        )
    },
}
