"""How a mail looks: the one place where its text and its HTML are made of a `Mensaje`.

The HTML is a single column without images, fonts or scripts: it reads the same with everything blocked, in a screen
reader and in a client that shows text alone.
"""

from __future__ import annotations

from html import escape

from services.clientes.domain import PORTAL, Boton, Mensaje

MARCA = "Cuenta Maestra"
PIE = "Este correo se envió automáticamente; no lo responda. Si no lo esperaba, ignórelo."

_HOJA = """\
<!doctype html>
<html lang="es-MX">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{asunto}</title>
</head>
<body style="margin:0;padding:0;background:#f3f4f6;color:#1f2937">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background:#f3f4f6">
<tr><td align="center" style="padding:24px 12px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"
 style="max-width:560px;background:#ffffff;border:1px solid #d1d5db;border-radius:8px;\
font-family:Arial,Helvetica,sans-serif;font-size:16px;line-height:1.5">
<tr><td style="padding:20px 28px;border-bottom:1px solid #d1d5db;font-weight:bold;color:#0b4f8a">{marca}</td></tr>
<tr><td style="padding:24px 28px">
<h1 style="margin:0 0 16px;font-size:20px;line-height:1.3">{asunto}</h1>
{cuerpo}
</td></tr>
<tr><td style="padding:16px 28px;border-top:1px solid #d1d5db;font-size:13px;color:#4b5563">{pie}</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
"""
_PARRAFO = '<p style="margin:0 0 16px">{}</p>'
_BOTON = (
    '<p style="margin:0 0 16px"><a href="{enlace}" style="display:inline-block;padding:12px 20px;background:#0b4f8a;'
    'color:#ffffff;text-decoration:none;border-radius:6px">{texto}</a></p>\n'
    '<p style="margin:0;font-size:13px;color:#4b5563">Si el botón no funciona, copie esta dirección en su navegador:'
    '<br><span style="word-break:break-all">{enlace}</span></p>'
)


def en_texto(mensaje: Mensaje) -> str:
    """The mail for who reads plain text."""
    partes = list(mensaje.parrafos)
    if mensaje.boton:
        partes.append(f"{mensaje.boton.texto}:\n{enlace(mensaje.boton)}")
    return "\n\n".join([*partes, f"-- \n{MARCA}\n{PIE}"]) + "\n"


def en_html(mensaje: Mensaje) -> str:
    """The same, as a page without external resources."""
    cuerpo = "\n".join(_PARRAFO.format(escape(p).replace("\n", "<br>")) for p in mensaje.parrafos)
    if mensaje.boton:
        cuerpo += "\n" + _BOTON.format(
            enlace=escape(enlace(mensaje.boton)), texto=escape(mensaje.boton.texto)
        )
    return _HOJA.format(asunto=escape(mensaje.asunto), marca=MARCA, cuerpo=cuerpo, pie=escape(PIE))


def enlace(boton: Boton) -> str:
    """The link, with the portal's address still to be filled in."""
    return f"{PORTAL}{boton.ruta}"
