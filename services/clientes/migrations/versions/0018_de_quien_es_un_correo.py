"""Mails say whose they are and of whom they speak, so that an erasure finds them by id and never by their text.

And deliveries of audit entries that are long past are found, to be forgotten; that index is built beside the writes of
the version still running. A run that died is taken up where it stopped.
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"

INDICE = "ix_inbox_asientos_recibido_en"
DDL = r"""
-- `perfil_id`: whose mail it is when its address does not tell, since it is one that the perfil had or asked for.
-- `sobre_perfil_id`: another person whom it names.
ALTER TABLE correos ADD COLUMN perfil_id uuid, ADD COLUMN sobre_perfil_id uuid;
CREATE INDEX ix_correos_perfil_id ON correos (perfil_id) WHERE perfil_id IS NOT NULL;
CREATE INDEX ix_correos_sobre_perfil_id ON correos (sobre_perfil_id) WHERE sobre_perfil_id IS NOT NULL;

-- Those that were queued before don't say whom they name, and no search of their text could tell. They are notices to a
-- titular, so none keeps its text any more once it is given up; all are gone in 90 days.
UPDATE correos SET secreto = true, texto = CASE estado WHEN 'fallido' THEN '' ELSE texto END,
    html = CASE estado WHEN 'fallido' THEN '' ELSE html END
    WHERE estado IN ('pendiente', 'fallido') AND clave ~
    '^cuenta:[^:]+:(usuario-titular|usuario-rol-titular|usuario-retirado-titular|titular|titular-anterior|por_activar):';

-- Servers repeat the address that they refuse.
UPDATE correos SET error = regexp_replace(error, '[^[:space:]<>"''(),;:]*@[^[:space:]<>"''(),;:]*', '(correo)', 'g')
    WHERE error LIKE '%@%';
-- What was answered to who sent a mail again says to whom it went.
UPDATE idempotency SET respuesta = respuesta || '{"para": "", "error": null}'
    WHERE contrato = 'clientes.reintentar_correo_v1' AND respuesta IS NOT NULL;
"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        ejecutar = op.get_bind().exec_driver_sql
        a_medias = f"SELECT FROM pg_index WHERE indexrelid = to_regclass('{INDICE}') AND NOT indisvalid"
        if ejecutar(a_medias).first() is not None:
            ejecutar(f"DROP INDEX {INDICE}")
        ejecutar(
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {INDICE} ON inbox (recibido_en)"
            " WHERE manejador = 'anotar_asiento'"
        )
    op.get_bind().exec_driver_sql(DDL.replace("%", "%%"))
