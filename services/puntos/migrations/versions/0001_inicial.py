"""The ledger with its account `emision`, and the wallets."""

from alembic import op

from shared.ledger.tables import LEDGER_V1
from shared.persistence.base import PATTERNS_V1

revision = "0001"
down_revision = None

TABLAS = """
CREATE TABLE monederos_cm (
    cuenta_id uuid NOT NULL,
    padre_id uuid,
    nombre text NOT NULL,
    libro_id bigint NOT NULL,
    CONSTRAINT pk_monederos_cm PRIMARY KEY (cuenta_id),
    CONSTRAINT uq_monederos_cm_libro_id UNIQUE (libro_id),
    CONSTRAINT fk_monederos_cm_libro_id FOREIGN KEY (libro_id) REFERENCES cuentas (id)
);
-- The tree has one root, the only account that may mint.
CREATE UNIQUE INDEX uq_monederos_cm_raiz ON monederos_cm ((padre_id IS NULL)) WHERE padre_id IS NULL;

CREATE TABLE monederos_cliente (
    cliente_id uuid NOT NULL,
    cuenta_id uuid NOT NULL,
    nic bigint NOT NULL,
    nombre text NOT NULL,
    libro_id bigint NOT NULL,
    CONSTRAINT pk_monederos_cliente PRIMARY KEY (cliente_id),
    CONSTRAINT uq_monederos_cliente_nic UNIQUE (nic),
    CONSTRAINT uq_monederos_cliente_libro_id UNIQUE (libro_id),
    CONSTRAINT fk_monederos_cliente_libro_id FOREIGN KEY (libro_id) REFERENCES cuentas (id)
);

INSERT INTO cuentas (tipo, titular, con_limite) VALUES ('emision', '', false), ('consumo', '', false);
"""


def upgrade() -> None:
    """Create everything."""
    op.execute(PATTERNS_V1)
    op.execute(LEDGER_V1)
    op.execute(TABLAS)
