"""SQL of the altas from outside: publishable keys, who came by which."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.clientes.domain.altas import AltaGuardada, LlaveGuardada
from services.clientes.repository.base import Base

_COLUMNAS = (
    "llave, cuenta_id, nombre, origenes, titulo, gracias, aviso_url, aviso_version, creada_por, creada_en,"
    " revocada_en"
)
_AGREGAR = text(
    f"INSERT INTO llaves_publicas ({_COLUMNAS}) VALUES (:llave, :cuenta_id, :nombre, CAST(:origenes AS text[]),"
    " :titulo, :gracias, :aviso_url, :aviso_version, :creada_por, :creada_en, :revocada_en)"
)
_REVOCAR = text(
    "UPDATE llaves_publicas SET revocada_en = coalesce(revocada_en, :ahora)"
    f" WHERE llave = :llave AND cuenta_id = :cuenta_id RETURNING {_COLUMNAS}"
)
_VIGENTE = text(f"SELECT {_COLUMNAS} FROM llaves_publicas WHERE llave = :llave AND revocada_en IS NULL")
_EN_ALGUNA = text(
    "SELECT EXISTS (SELECT FROM llaves_publicas WHERE origenes @> CAST(:origenes AS text[]) AND revocada_en IS NULL)"
)
_PAGINA = (
    f"SELECT {_COLUMNAS} FROM llaves_publicas WHERE cuenta_id = :cuenta_id{{despues}}"
    " ORDER BY creada_en DESC, llave DESC LIMIT :limite"
)
_RAIZ = text("SELECT cuenta_id FROM cuentas_maestras WHERE padre_id IS NULL")
_AVISO = text("SELECT version, texto, publicado_en FROM avisos_de_privacidad ORDER BY version DESC LIMIT 1")
# Asked for again while it waits to be confirmed: the consent is the latest, and the way is the first.
_ANOTAR = text(
    "INSERT INTO altas AS a (distribuidor_id, cuenta_id, llave, sitio, aviso_url, aviso_version, creada_en, enviada_en)"
    " VALUES (:distribuidor_id, :cuenta_id, :llave, :sitio, :aviso_url, :aviso_version, :ahora, :ahora)"
    " ON CONFLICT (distribuidor_id) DO UPDATE SET aviso_url = excluded.aviso_url,"
    " aviso_version = excluded.aviso_version, envios = a.envios + 1, enviada_en = excluded.enviada_en"
)
_EN_ESPERA = text(
    "SELECT a.envios, a.enviada_en FROM cuentas_maestras c JOIN altas a ON a.distribuidor_id = c.cuenta_id"
    " WHERE c.padre_id = :padre_id AND c.correo = :correo AND c.estado = 'sin_validar'"
)
_ALTAS = (
    "SELECT a.distribuidor_id, a.llave, k.nombre AS llave_nombre, a.sitio, c.nombre, c.rfc,"
    " coalesce(p.nombre, c.titular_nombre) AS titular, coalesce(p.correo, c.correo) AS correo,"
    " coalesce(p.movil, c.movil) AS movil, c.estado, a.aviso_version, a.creada_en FROM altas a"
    " JOIN cuentas_maestras c ON c.cuenta_id = a.distribuidor_id LEFT JOIN llaves_publicas k ON k.llave = a.llave"
    " LEFT JOIN usuarios u ON u.cuenta_id = c.cuenta_id AND u.rol = 'titular'"
    " LEFT JOIN perfiles p ON p.perfil_id = u.perfil_id WHERE a.cuenta_id = :cuenta_id AND c.estado <> 'eliminado'"
)


class Altas(Base):
    """Keys by themselves and by CM; altas by CM."""

    def agregar_llave_publica(self, llave: LlaveGuardada) -> None:
        self.session.execute(_AGREGAR, dict(llave.__dict__))

    def revocar_llave_publica(self, cuenta_id: UUID, llave: str, ahora: datetime) -> LlaveGuardada | None:
        """For good; None when it is not this CM's."""
        fila = self.session.execute(
            _REVOCAR, {"cuenta_id": cuenta_id, "llave": llave, "ahora": ahora}
        ).one_or_none()
        return None if fila is None else LlaveGuardada(**fila._mapping)

    def llave_publica(self, llave: str) -> LlaveGuardada | None:
        """One that is not revoked, whosever it is."""
        fila = self.session.execute(_VIGENTE, {"llave": llave}).one_or_none()
        return None if fila is None else LlaveGuardada(**fila._mapping)

    def origen_en_alguna_llave(self, origen: str) -> bool:
        """Whether any key that is not revoked is for pages of this origin."""
        return bool(self.session.scalar(_EN_ALGUNA, {"origenes": [origen]}))

    def llaves_publicas(
        self, cuenta_id: UUID, despues: tuple[datetime, str] | None, limite: int
    ) -> list[LlaveGuardada]:
        """Keys of a CM after (created, key), newest first."""
        datos: dict[str, Any] = {"cuenta_id": cuenta_id, "limite": limite}
        donde = ""
        if despues is not None:
            donde = " AND (creada_en, llave) < (:en, :llave)"
            datos |= {"en": despues[0], "llave": despues[1]}
        filas = self.session.execute(text(_PAGINA.format(despues=donde)), datos)
        return [LlaveGuardada(**f._mapping) for f in filas]

    def raiz(self) -> UUID | None:
        """The root CM, once there is one."""
        id_: UUID | None = self.session.scalar(_RAIZ)
        return id_

    def aviso_publicado(self) -> tuple[str, str, datetime]:
        """Version, text and date of Cuenta Maestra's privacy notice in force; the migration published the first."""
        fila = self.session.execute(_AVISO).one()
        return str(fila.version), fila.texto, fila.publicado_en

    def anotar_alta(
        self,
        *,
        distribuidor_id: UUID,
        cuenta_id: UUID,
        llave: str | None,
        sitio: str | None,
        aviso_url: str,
        aviso_version: str,
        ahora: datetime,
    ) -> None:
        """By which way a CM was asked for, and the notice that was accepted."""
        self.session.execute(
            _ANOTAR,
            {
                "distribuidor_id": distribuidor_id, "cuenta_id": cuenta_id, "llave": llave, "sitio": sitio,
                "aviso_url": aviso_url, "aviso_version": aviso_version, "ahora": ahora,
            },
        )  # fmt: skip

    def alta_en_espera(self, padre_id: UUID, correo: str) -> tuple[int, datetime] | None:
        """How many mails went to a correo whose alta under this CM waits to be confirmed, and when the last did."""
        fila = self.session.execute(_EN_ESPERA, {"padre_id": padre_id, "correo": correo}).one_or_none()
        return None if fila is None else (fila.envios, fila.enviada_en)

    def altas(
        self,
        cuenta_id: UUID,
        *,
        estado: str | None,
        llave: str | None,
        despues: tuple[datetime, UUID] | None,
        limite: int,
    ) -> list[AltaGuardada]:
        """Altas of a CM after (when, distributor), newest first."""
        sql, datos = _ALTAS, {"cuenta_id": cuenta_id, "limite": limite}
        if estado is not None:
            sql += " AND c.estado = :estado"
            datos["estado"] = estado
        if llave is not None:
            sql += " AND a.llave = :llave"
            datos["llave"] = llave
        if despues is not None:
            sql += " AND (a.creada_en, a.distribuidor_id) < (:en, :id)"
            datos |= {"en": despues[0], "id": despues[1]}
        filas = self.session.execute(
            text(f"{sql} ORDER BY a.creada_en DESC, a.distribuidor_id DESC LIMIT :limite"), datos
        )
        return [AltaGuardada(**f._mapping) for f in filas]
