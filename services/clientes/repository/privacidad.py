"""SQL of privacy: versions of the notice, consents, and what is erased of a person, a cliente, a CM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from services.clientes.domain.privacidad import (
    CLIENTE_SUPRIMIDO,
    PERFIL_SUPRIMIDO,
    SIN_CONTRASENA,
    AvisoGuardado,
    ConsentimientoGuardado,
    correo_suprimido,
    movil_suprimido,
)
from services.clientes.repository.base import Base

_AVISO = "SELECT version, texto, huella, publicado_en, publicado_por FROM avisos_de_privacidad"
_VIGENTE = text(f"{_AVISO} ORDER BY version DESC LIMIT 1")
_AVISOS = text(
    f"{_AVISO} WHERE CAST(:antes_de AS bigint) IS NULL OR version < :antes_de ORDER BY version DESC LIMIT :limite"
)
# Of two who publish at once the second waits, and its version is the next.
_TURNO = text("LOCK TABLE avisos_de_privacidad IN SHARE ROW EXCLUSIVE MODE")
_PUBLICAR = text(
    "INSERT INTO avisos_de_privacidad (version, texto, huella, publicado_en, publicado_por)"
    " SELECT max(version) + 1, :texto, sha256(convert_to(:texto, 'UTF8')), :ahora, :actor FROM avisos_de_privacidad"
    " RETURNING version, texto, huella, publicado_en, publicado_por"
)
_CONSENTIR = text(
    "INSERT INTO consentimientos (perfil_id, version, en, origen_ip)"
    " SELECT :perfil_id, version, :en, :ip FROM avisos_de_privacidad WHERE version::text = :version"
    " ON CONFLICT DO NOTHING"
)
_CONSENTIMIENTOS = text(
    "SELECT version, en, origen_ip FROM consentimientos WHERE perfil_id = :perfil_id"
    " AND (CAST(:antes_de AS bigint) IS NULL OR version < :antes_de) ORDER BY version DESC LIMIT :limite"
)
_SESIONES = text(
    "SELECT sesion_id, creada_en, vence_en, origen_ip, agente, usada_en, usada_ip, revocada_en FROM sesiones"
    " WHERE perfil_id = :perfil_id ORDER BY creada_en DESC"
)
_CORREOS = text(
    "SELECT asunto, estado, creado_en, enviado_en FROM correos WHERE para = :correo OR perfil_id = :perfil_id"
    " ORDER BY creado_en DESC"
)
_CLIENTES = text(
    "SELECT c.nic, c.nombre, m.nombre AS cuenta FROM clientes c JOIN cuentas_maestras m USING (cuenta_id)"
    " WHERE c.perfil_principal_id = :perfil_id ORDER BY c.nic"
)
_IMPORTADO = text(
    "SELECT f.importacion_id, f.linea, f.resultado, f.rfc, i.creada_en AS en FROM importaciones i"
    " JOIN importaciones_filas f ON f.importacion_id = i.id AND f.nic = :nic AND f.resultado <> 'rechazado'"
    " WHERE i.cuenta_id = :cuenta_id ORDER BY i.creada_en DESC, f.linea"
)
# In order of id, as whoever else locks several.
_TOMAR_SUYAS = text(
    "SELECT m.cuenta_id, m.nombre, m.estado, u.rol FROM cuentas_maestras m"
    " LEFT JOIN usuarios u ON u.cuenta_id = m.cuenta_id AND u.perfil_id = :perfil_id"
    " WHERE m.correo = :correo OR m.cuenta_id IN (SELECT cuenta_id FROM usuarios WHERE perfil_id = :perfil_id)"
    " ORDER BY m.cuenta_id FOR UPDATE OF m"
)
_TOMAR_CLIENTES = text(
    "SELECT cliente_id FROM clientes WHERE perfil_principal_id = :perfil_id ORDER BY cliente_id FOR UPDATE"
)
_DE_PERFIL = tuple(
    text(sql)
    for sql in (
        "UPDATE clientes SET perfil_principal_id = NULL, version = version + 1 WHERE perfil_principal_id = :perfil_id",
        "DELETE FROM usuarios WHERE perfil_id = :perfil_id",
        "DELETE FROM segundos_factores WHERE perfil_id = :perfil_id",
        "DELETE FROM conocidos WHERE perfil_id = :perfil_id",
        "DELETE FROM sesiones WHERE perfil_id = :perfil_id",
        "DELETE FROM tokens WHERE sujeto = :sujeto OR datos ->> 'correo' = :correo",
        # Links to CMs that wait for it: whoever finds one in a mailbox does not become this person.
        (
            "DELETE FROM tokens WHERE proposito = 'alta_distribuidor' AND sujeto IN (SELECT cuenta_id::text"
            " FROM cuentas_maestras WHERE correo = :correo AND estado = 'sin_validar')"
        ),
        "DELETE FROM invitaciones WHERE correo = :correo",
        "UPDATE consentimientos SET origen_ip = '' WHERE perfil_id = :perfil_id",
        "DELETE FROM correos WHERE para = :correo OR perfil_id = :perfil_id",
        # A mail to somebody else that names it. What was sent keeps no text. What waits leaves as it is, and then none
        # of it stays either.
        (
            "UPDATE correos SET secreto = true, texto = CASE estado WHEN 'fallido' THEN '' ELSE texto END,"
            " html = CASE estado WHEN 'fallido' THEN '' ELSE html END"
            " WHERE sobre_perfil_id = :perfil_id AND estado IN ('pendiente', 'fallido')"
        ),
        "DELETE FROM perfiles WHERE correo = :correo AND confirmado_en IS NULL",
        # What a parent wrote of it at an alta. One that waits to be confirmed can't be any more, and ends by itself.
        (
            "UPDATE cuentas_maestras SET titular_nombre = NULL,"
            " correo = CASE WHEN estado = 'sin_validar' THEN :correo_nuevo END,"
            " movil = CASE WHEN estado = 'sin_validar' THEN :movil_nuevo END WHERE correo = :correo"
        ),
    )
)
_SUPRIMIR_PERFIL = text(
    "UPDATE perfiles SET suprimido_en = :ahora, nombre = :nombre, correo = :correo_nuevo, movil = :movil_nuevo,"
    " hash_contrasena = :hash, aviso_version = NULL WHERE perfil_id = :perfil_id"
)
_IMPORTA = text(
    "SELECT EXISTS (SELECT FROM importaciones WHERE cuenta_id = :cuenta_id"
    " AND estado IN ('recibiendo', 'recibida', 'trabajando'))"
)
_SUPRIMIR_CLIENTES = text(
    "UPDATE clientes SET suprimido_en = :ahora, nombre = :nombre, version = version + 1, nombre_comercial = NULL,"
    " rfc = NULL, telefono = NULL, correo = NULL, representante = NULL, financiero = NULL, tecnico = NULL,"
    " notas = NULL, sitio_web = NULL, domicilio = NULL, otros = NULL, regimen_fiscal = NULL, uso_cfdi = NULL,"
    " perfil_principal_id = NULL WHERE cliente_id = ANY(:ids)"
)
_LINEA_SIN_PERSONA = (
    "rfc = NULL, advertencia = NULL, mensaje = CASE WHEN mensaje IS NULL THEN NULL ELSE 'Suprimido.' END"
)
_DE_CLIENTE = tuple(
    text(sql)
    for sql in (
        "UPDATE conversiones SET notas = NULL WHERE cliente_id = :cliente_id",
        (
            f"UPDATE importaciones_filas f SET {_LINEA_SIN_PERSONA} FROM importaciones i WHERE f.importacion_id = i.id"
            " AND i.cuenta_id = ANY(:cuentas) AND f.nic = :nic AND f.resultado <> 'rechazado'"
        ),
        (
            f"UPDATE importaciones_filas f SET {_LINEA_SIN_PERSONA} WHERE f.cuenta_id = ANY(:cuentas)"
            " AND f.resultado IN ('rechazado', 'omitido') AND f.rfc = :rfc"
        ),
        (
            "UPDATE importaciones_piezas p SET contenido = '[]' FROM importaciones i WHERE p.importacion_id = i.id"
            " AND i.cuenta_id = ANY(:cuentas) AND i.terminada_en IS NOT NULL AND p.contenido <> '[]'"
        ),
        # The name of a file may be that of the cliente in it.
        (
            "UPDATE importaciones i SET archivo = '' WHERE i.cuenta_id = ANY(:cuentas) AND i.archivo <> ''"
            " AND EXISTS (SELECT FROM importaciones_filas f WHERE f.importacion_id = i.id AND f.nic = :nic"
            " AND f.resultado <> 'rechazado')"
        ),
    )
)
_ANTERIOR = text("SELECT cuenta_id FROM conversiones WHERE cliente_id = :cliente_id")
_CONTACTOS_DE_CUENTAS = text("SELECT cuenta_id, correo FROM cuentas_maestras WHERE cuenta_id = ANY(:ids)")
_PROPIOS = text(
    "SELECT c.cliente_id, c.nic, c.cuenta_id, c.rfc FROM conversiones v JOIN clientes c USING (cliente_id)"
    " WHERE v.distribuidor_id = ANY(:ids) AND c.suprimido_en IS NULL ORDER BY c.cliente_id FOR UPDATE OF c"
)
_FILAS_IMPORTADAS = text(
    "DELETE FROM importaciones_filas WHERE (importacion_id, linea) IN (SELECT f.importacion_id, f.linea"
    " FROM importaciones i JOIN importaciones_filas f ON f.importacion_id = i.id WHERE i.cuenta_id = ANY(:ids)"
    " LIMIT :limite)"
)
_DE_CUENTAS = tuple(
    text(sql)
    for sql in (
        "DELETE FROM invitaciones WHERE cuenta_id = ANY(:ids)",
        "DELETE FROM altas WHERE distribuidor_id = ANY(:ids)",
        "DELETE FROM tokens WHERE sujeto = ANY(CAST(:ids AS text[]))",
        "DELETE FROM correos WHERE para = ANY(CAST(:correos AS text[]))",
        "DELETE FROM avisos_por_correo WHERE cuenta_id = ANY(:ids)",
        "DELETE FROM importaciones_filas WHERE importacion_id IN (SELECT id FROM importaciones WHERE cuenta_id = ANY(:ids))",
        "DELETE FROM importaciones WHERE cuenta_id = ANY(:ids)",
        (
            "UPDATE estados_de_cuenta_maestra SET motivo = '(suprimido)'"
            " WHERE cuenta_id = ANY(:ids) AND quien <> 'sistema' AND motivo IS NOT NULL"
        ),
        (
            "UPDATE llaves_publicas SET nombre = 'Llave eliminada', titulo = '', gracias = '', aviso_url = NULL,"
            " aviso_version = NULL, origenes = '{https://eliminada.invalid}', revocada_en = coalesce(revocada_en, :ahora)"
            " WHERE cuenta_id = ANY(:ids)"
        ),
        (
            "UPDATE llaves_api SET nombre = 'Llave eliminada', redes = '{}', usada_ip = NULL,"
            " revocada_en = coalesce(revocada_en, :ahora) WHERE cuenta_id = ANY(:ids)"
        ),
    )
)
# Those operators are what a prefix needs of the index, whatever the collation; ';' comes after ':'.
_OLVIDAR_CORREOS = text(
    "DELETE FROM correos c USING unnest(CAST(:que AS text[])) q(que)"
    " WHERE c.clave ~>=~ (q.que || ':') AND c.clave ~<~ (q.que || ';')"
)
#: By whom an answer is about; each of them an index.
_RESPUESTAS = {
    "perfil_id": "respuesta ? 'perfil_id' AND respuesta ->> 'perfil_id'",
    "cliente_id": "respuesta ? 'cliente_id' AND respuesta ->> 'cliente_id'",
    "correo": "respuesta ? 'correo' AND respuesta ->> 'correo'",
    "cuenta_id": "respuesta ? 'cuenta_id' AND NOT respuesta ? 'cliente_id' AND respuesta ->> 'cuenta_id'",
}
_PONER_RESPUESTA = text(
    "UPDATE idempotency SET respuesta = :respuesta WHERE contrato = :contrato AND clave = :clave"
).bindparams(bindparam("respuesta", type_=JSONB))


class Privacidad(Base):
    """What is erased is replaced in place: ids stay, so that ledger and audit still hold together."""

    def aviso_vigente(self) -> AvisoGuardado:
        """The newest version; the migration published the first."""
        return _aviso(self.session.execute(_VIGENTE).one())

    def avisos(self, antes_de: int | None, limite: int) -> list[AvisoGuardado]:
        """Newest first."""
        filas = self.session.execute(_AVISOS, {"antes_de": antes_de, "limite": limite})
        return [_aviso(f) for f in filas]

    def publicar_aviso(self, texto: str, actor: UUID, ahora: datetime) -> AvisoGuardado:
        """The next version."""
        self.session.execute(_TURNO)
        return _aviso(self.session.execute(_PUBLICAR, {"texto": texto, "actor": actor, "ahora": ahora}).one())

    def consentir(self, perfil_id: UUID, version: str, en: datetime, ip: str) -> None:
        """Note a consent to a version that exists; the first one stays as it was."""
        self.session.execute(_CONSENTIR, {"perfil_id": perfil_id, "version": version, "en": en, "ip": ip})

    def consentimientos(
        self, perfil_id: UUID, antes_de: int | None, limite: int | None
    ) -> list[ConsentimientoGuardado]:
        """The latest version first; `limite` None: all."""
        datos = {"perfil_id": perfil_id, "antes_de": antes_de, "limite": limite}
        return [ConsentimientoGuardado(**f._mapping) for f in self.session.execute(_CONSENTIMIENTOS, datos)]

    def datos_de_perfil(self, perfil_id: UUID, correo: str) -> dict[str, list[dict[str, Any]]]:
        """`sesiones`, `correos`, `clientes`: the rows that are about a person."""
        datos = {"perfil_id": perfil_id, "correo": correo}
        partes = {"sesiones": _SESIONES, "correos": _CORREOS, "clientes": _CLIENTES}
        return {
            parte: [dict(f._mapping) for f in self.session.execute(sql, datos)]
            for parte, sql in partes.items()
        }

    def importado_de(self, cuenta_id: UUID, nic: int) -> list[dict[str, Any]]:
        """Rows of the CM's imports that were this cliente's."""
        filas = self.session.execute(_IMPORTADO, {"cuenta_id": cuenta_id, "nic": nic})
        return [dict(f._mapping) for f in filas]

    def tomar_cuentas_de(self, perfil_id: UUID, correo: str) -> list[Any]:
        """CMs that a perfil administers, and those that name its correo (`rol` None), locked:
        (cuenta_id, nombre, estado, rol)."""
        return list(self.session.execute(_TOMAR_SUYAS, {"perfil_id": perfil_id, "correo": correo}))

    def suprimir_perfil(self, perfil_id: UUID, correo: str, ahora: datetime) -> None:
        """A perfil that the caller holds, its CMs too: everything that says who it was or lets it in."""
        numero = int(self.session.scalar(text("SELECT nextval('perfiles_suprimidos')")) or 0)
        datos = {
            "perfil_id": perfil_id,
            "sujeto": str(perfil_id),
            "correo": correo,
            "correo_nuevo": correo_suprimido(perfil_id),
            "movil_nuevo": movil_suprimido(numero),
            "nombre": PERFIL_SUPRIMIDO,
            "hash": SIN_CONTRASENA,
            "ahora": ahora,
        }
        for sql in (_TOMAR_CLIENTES, *_DE_PERFIL, _SUPRIMIR_PERFIL):
            self.session.execute(sql, datos)

    def importacion_en_curso(self, cuenta_id: UUID) -> bool:
        """An import of the CM has rows that are still to be read."""
        return bool(self.session.scalar(_IMPORTA, {"cuenta_id": cuenta_id}))

    def suprimir_cliente(
        self, cliente_id: UUID, nic: int, cuenta_id: UUID, rfc: str | None, ahora: datetime
    ) -> None:
        """A cliente that the caller holds: its form, and its rows of imports, also of the CM that had it before."""
        anterior = self.session.scalars(_ANTERIOR, {"cliente_id": cliente_id}).all()
        datos = {
            "cliente_id": cliente_id, "nic": nic, "rfc": rfc, "cuentas": [cuenta_id, *anterior],
            "ids": [cliente_id], "nombre": CLIENTE_SUPRIMIDO, "ahora": ahora,
        }  # fmt: skip
        for sql in (_SUPRIMIR_CLIENTES, *_DE_CLIENTE):
            self.session.execute(sql, datos)

    def contactos_de_cuentas(self, ids: Sequence[UUID]) -> list[Any]:
        """(cuenta_id, correo) of these CMs."""
        return list(self.session.execute(_CONTACTOS_DE_CUENTAS, {"ids": list(ids)}))

    def tomar_clientes_propios(self, ids: Sequence[UUID]) -> list[Any]:
        """Clientes that became these CMs, locked: (cliente_id, nic, cuenta_id, rfc)."""
        return list(self.session.execute(_PROPIOS, {"ids": list(ids)}))

    def borrar_rastro_de_cuentas(self, ids: Sequence[UUID], correos: Sequence[str], ahora: datetime) -> None:
        """What else names a CM: its alta, links of mails, mails to who was to be its titular, its keys."""
        datos = {"ids": list(ids), "correos": list(correos), "ahora": ahora}
        for sql in _DE_CUENTAS:
            self.session.execute(sql, datos)

    def borrar_filas_importadas(self, ids: Sequence[UUID], limite: int) -> int:
        """Delete so many rows of the reports of these CMs' imports; how many there were."""
        hecho = self.session.execute(_FILAS_IMPORTADAS, {"ids": list(ids), "limite": limite})
        return int(hecho.rowcount)  # type: ignore[attr-defined]

    def olvidar_correos_sobre(self, que: Sequence[str]) -> None:
        """Delete mails to whomever about these (`cuenta:<id>`): those whose key begins so."""
        self.session.execute(_OLVIDAR_CORREOS, {"que": list(que)})

    def limpiar_respuestas(
        self, campo: str, valores: Sequence[str], limpiar: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> None:
        """Rewrite the stored answers whose `campo` is one of `valores`, where `limpiar` changes them."""
        filas = self.session.execute(
            text(
                "SELECT contrato, clave, respuesta FROM idempotency WHERE"
                f" {_RESPUESTAS[campo]} = ANY(CAST(:valores AS text[])) ORDER BY contrato, clave FOR UPDATE"
            ),
            {"valores": list(valores)},
        ).all()
        for fila in filas:
            if (limpia := limpiar(fila.respuesta)) != fila.respuesta:
                self.session.execute(
                    _PONER_RESPUESTA,
                    {"respuesta": limpia, "contrato": fila.contrato, "clave": fila.clave},
                )


def _aviso(fila: Any) -> AvisoGuardado:
    return AvisoGuardado(**{**fila._mapping, "huella": bytes(fila.huella)})
