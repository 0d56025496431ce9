"""SQL of who administers a CM. Every query names its CM: a call that asks over all of them is not walled."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from services.clientes.domain.cuentas import CuentaGuardada, Rol
from services.clientes.domain.usuarios import InvitacionGuardada, UsuarioGuardado
from services.clientes.models import CuentaMaestra
from services.clientes.repository.base import Base, tabla
from shared.pagination import Posicion

# Not FOR UPDATE: who makes a cliente of the CM, and so only refers to its row, need not wait.
_TURNO = text(
    f"SELECT {', '.join(c.name for c in tabla(CuentaMaestra).columns)} FROM cuentas_maestras"
    " WHERE cuenta_id = :cuenta_id FOR NO KEY UPDATE"
)
_USUARIO = (
    "SELECT u.perfil_id AS id, u.perfil_id, p.nombre, p.correo, p.movil, u.rol, u.creado_en,"
    " CAST(NULL AS timestamptz) AS vence_en FROM usuarios u JOIN perfiles p USING (perfil_id)"
    " WHERE u.cuenta_id = :cuenta_id"
)
_UNO = text(f"{_USUARIO} AND u.perfil_id = :perfil_id")
_POR_CORREO = text(
    "SELECT EXISTS (SELECT FROM usuarios u JOIN perfiles p USING (perfil_id)"
    " WHERE u.cuenta_id = :cuenta_id AND p.correo = :correo)"
)
_LISTAR = text(
    f"SELECT * FROM ({_USUARIO} UNION ALL"
    " SELECT invitacion_id, NULL, NULL, correo, NULL, rol, creado_en, vence_en FROM invitaciones"
    "  WHERE cuenta_id = :cuenta_id AND vence_en > :en) x"
    " WHERE CAST(:desde_en AS timestamptz) IS NULL"
    "  OR (creado_en, id) > (CAST(:desde_en AS timestamptz), CAST(:desde_id AS uuid))"
    " ORDER BY creado_en, id LIMIT :limite"
)
_ROL = text("UPDATE usuarios SET rol = :rol WHERE cuenta_id = :cuenta_id AND perfil_id = :perfil_id")
_BORRAR = text("DELETE FROM usuarios WHERE cuenta_id = :cuenta_id AND perfil_id = :perfil_id")
_OTRO_LADO = text(
    "SELECT EXISTS (SELECT FROM usuarios u JOIN cuentas_maestras x USING (cuenta_id)"
    " WHERE u.perfil_id = :perfil_id AND (x.padre_id = :cuenta_id"
    "  OR x.cuenta_id = (SELECT padre_id FROM cuentas_maestras WHERE cuenta_id = :cuenta_id)))"
)
_COLUMNAS = "invitacion_id, cuenta_id, correo, rol, invitado_por, creado_en, vence_en"
_CONTAR = text(
    "SELECT count(*) FROM invitaciones WHERE cuenta_id = :cuenta_id AND correo <> :correo AND vence_en > :en"
)
# An open one goes on, with what was said last.
_INVITAR = text(
    f"INSERT INTO invitaciones ({_COLUMNAS})"
    " VALUES (:invitacion_id, :cuenta_id, :correo, :rol, :invitado_por, :creado_en, :vence_en)"
    " ON CONFLICT (cuenta_id, correo) DO UPDATE SET rol = excluded.rol, invitado_por = excluded.invitado_por,"
    f" vence_en = excluded.vence_en RETURNING {_COLUMNAS}"
)
_INVITACION = text(
    f"SELECT {_COLUMNAS} FROM invitaciones WHERE invitacion_id = :invitacion_id AND vence_en > :en"
)
_PARA = text(
    f"SELECT {_COLUMNAS} FROM invitaciones WHERE correo = :correo AND vence_en > :en ORDER BY cuenta_id LIMIT 100"
)
_TOMAR = text(
    "DELETE FROM invitaciones WHERE cuenta_id = :cuenta_id AND invitacion_id = :invitacion_id"
    f" RETURNING {_COLUMNAS}"
)
_BORRAR_DE_CORREO = text("DELETE FROM invitaciones WHERE cuenta_id = :cuenta_id AND correo = :correo")
_BORRAR_DE = text("DELETE FROM invitaciones WHERE cuenta_id = :cuenta_id AND invitado_por = :perfil_id")
_CADUCAR = text(
    "DELETE FROM invitaciones WHERE invitacion_id IN (SELECT invitacion_id FROM invitaciones WHERE vence_en <= :en"
    " ORDER BY vence_en LIMIT :limite FOR UPDATE SKIP LOCKED) RETURNING invitacion_id"
)


class Usuarios(Base):
    """Usuarios of a CM, and who was invited to be one."""

    def turno_de_usuarios(self, cuenta_id: UUID) -> CuentaGuardada | None:
        """The CM, locked: of two who change who administers it, one goes first."""
        fila = self.session.execute(_TURNO, {"cuenta_id": cuenta_id}).one_or_none()
        return None if fila is None else CuentaGuardada(**fila._mapping)

    def usuario(self, cuenta_id: UUID, perfil_id: UUID) -> UsuarioGuardado | None:
        fila = self.session.execute(_UNO, {"cuenta_id": cuenta_id, "perfil_id": perfil_id}).one_or_none()
        return None if fila is None else UsuarioGuardado(**fila._mapping)

    def hay_usuario_con_correo(self, cuenta_id: UUID, correo: str) -> bool:
        return bool(self.session.scalar(_POR_CORREO, {"cuenta_id": cuenta_id, "correo": correo}))

    def usuarios(
        self, cuenta_id: UUID, en: datetime, *, desde: Posicion | None, limite: int
    ) -> list[UsuarioGuardado]:
        """Usuarios and open invitations, the oldest first."""
        filas = self.session.execute(
            _LISTAR,
            {
                "cuenta_id": cuenta_id,
                "en": en,
                "desde_en": desde.en if desde else None,
                "desde_id": desde.id if desde else None,
                "limite": limite,
            },
        )
        return [UsuarioGuardado(**fila._mapping) for fila in filas]

    def poner_rol(self, cuenta_id: UUID, perfil_id: UUID, rol: Rol) -> None:
        self.session.execute(_ROL, {"cuenta_id": cuenta_id, "perfil_id": perfil_id, "rol": str(rol)})

    def borrar_usuario(self, cuenta_id: UUID, perfil_id: UUID) -> None:
        self.session.execute(_BORRAR, {"cuenta_id": cuenta_id, "perfil_id": perfil_id})

    def administra_el_otro_lado(self, cuenta_id: UUID, perfil_id: UUID) -> bool:
        """Whether a perfil administers the CM's parent or one of its direct sub-distributors."""
        return bool(self.session.scalar(_OTRO_LADO, {"cuenta_id": cuenta_id, "perfil_id": perfil_id}))

    def contar_invitaciones(self, cuenta_id: UUID, en: datetime, *, salvo: str) -> int:
        """Open invitations of a CM to others than `salvo`."""
        return int(self.session.scalar(_CONTAR, {"cuenta_id": cuenta_id, "en": en, "correo": salvo}) or 0)

    def invitar(self, invitacion: InvitacionGuardada) -> InvitacionGuardada:
        """Keep it, or go on with the one that the CM has for that correo."""
        return InvitacionGuardada(**self.session.execute(_INVITAR, invitacion.__dict__).one()._mapping)

    def invitacion(self, invitacion_id: UUID, en: datetime) -> InvitacionGuardada | None:
        fila = self.session.execute(_INVITACION, {"invitacion_id": invitacion_id, "en": en}).one_or_none()
        return None if fila is None else InvitacionGuardada(**fila._mapping)

    def invitaciones_para(self, correo: str, en: datetime) -> list[InvitacionGuardada]:
        """Of every CM, in the order in which CMs are locked."""
        return [
            InvitacionGuardada(**fila._mapping)
            for fila in self.session.execute(_PARA, {"correo": correo, "en": en})
        ]

    def tomar_invitacion(self, cuenta_id: UUID, invitacion_id: UUID) -> InvitacionGuardada | None:
        """The invitation, which is gone then; None when it was before."""
        fila = self.session.execute(
            _TOMAR, {"cuenta_id": cuenta_id, "invitacion_id": invitacion_id}
        ).one_or_none()
        return None if fila is None else InvitacionGuardada(**fila._mapping)

    def borrar_invitacion_a(self, cuenta_id: UUID, correo: str) -> None:
        self.session.execute(_BORRAR_DE_CORREO, {"cuenta_id": cuenta_id, "correo": correo})

    def borrar_invitaciones_de(self, cuenta_id: UUID, perfil_id: UUID) -> None:
        """What somebody offered who can't offer it any more."""
        self.session.execute(_BORRAR_DE, {"cuenta_id": cuenta_id, "perfil_id": perfil_id})

    def caducar_invitaciones(self, en: datetime, limite: int) -> int:
        return len(self.session.execute(_CADUCAR, {"en": en, "limite": limite}).all())
