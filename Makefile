# Everything one does with the project. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PY := .venv/bin/python
export PYTHONPATH := $(CURDIR)
# The last stage of the bootstrap: a machine that has make but no Python at all.
PYTHON3 = command -v python3 >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get install -yq python3 >/dev/null \
	|| { echo "Missing: python3 (Debian: apt-get install python3 python3-venv)"; exit 1; }; }
# `make scale timbrado=3 gateway=2`: the words of the command line that name services.
ESCALAS = $(foreach s,clientes timbrado puntos licencias facturacion gateway,$(if $($(s)),$(s)=$($(s))))

.PHONY: help up down ps logs scale restart clean verify lco reconstruir-cartera check test unit integration e2e chaos fuzz bench format lint \
	lock install install-python hooks

help: ## This list
	@awk -F':.*## ' '/^[a-z0-9 -]+:.*## /{sub(/ /, "|", $$1); printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## Install what lacks, start everything, run the demonstration (docker=1: in containers)
ifeq ($(docker),1)
	@$(PYTHON3); python3 deploy/docker/arriba.py
else
	@$(MAKE) install
	@$(PY) -m deploy.local.arriba
endif

down: ## Stop everything; the data stays (docker=1: the containers)
ifeq ($(docker),1)
	@docker compose down
else
	@[ ! -x $(PY) ] || $(PY) -m deploy.local.operar down
endif

ps: install-python ## Processes, memory, metrics ports
	@$(PY) -m deploy.local.operar ps

logs: install-python ## Follow the logs (s=timbrado: of one service)
	@$(PY) -m deploy.local.operar logs $(s)

scale: install-python ## Change how many processes run: make scale timbrado=3 gateway=2
	@$(PY) -m deploy.local.operar scale $(ESCALAS)

restart: install-python ## Restart the services, replicas in turns (s=timbrado: one service)
	@$(PY) -m deploy.local.operar restart $(s)

clean: install-python ## Stop everything and delete its data, logs and secrets
	@$(PY) -m deploy.local.operar clean

verify: install-python ## Check the books of the running system: ledgers, holds, ventas
	@$(PY) -m deploy.lanzar .run/entorno/herramientas.env deploy.local.verificar

lco: install-python ## Load the SAT's LCO: make lco archivo="LCO_…_1.XML.gz LCO_…_2.XML.gz" (forzar=1: although shorter)
	@$(PY) -m deploy.lanzar .run/entorno/herramientas.env deploy.local.cargar_lco $(archivo) $(if $(forzar),--forzar)

reconstruir-cartera: install-python ## Work the searchable cartera out anew, in use (desde_el_inicio=1: not from where it stopped)
	@$(PY) -m deploy.lanzar .run/entorno/herramientas.env deploy.local.reconstruir_cartera $(if $(desde_el_inicio),--desde-el-inicio)

verificar-estado: ## Check statements offline: make verificar-estado f="noviembre.json diciembre.json"
	@$(PYTHON3); python3 shared/ledger/verificar.py $(f)

check: install-python ## Format, lint, types, imports, unit and contract tests
	@$(PY) -m deploy.local.comprobar check

test: install ## Everything that must be green: check, integration, e2e, short chaos
	@$(PY) -m deploy.local.comprobar test

unit contract: install-python ## One kind of tests, without services (t=expression: only those)
	@$(PY) -m pytest tests/$@ $(if $(t),-k "$(t)")

integration e2e: install ## One kind of tests, on real services (t=expression: only those)
	@$(PY) deploy/local/instalar.py --ajenos
	@$(PY) -m pytest tests/$@ $(if $(t),-k "$(t)")

chaos: install ## The long chaos tests
	@$(PY) -m pytest tests/chaos

fuzz: install ## Ask the API whatever its contract allows (n=60: examples per route)
	@FUZZ=$(or $(n),60) $(PY) -m pytest tests/e2e/test_contrato_http.py

bench: install ## Measure the stamping against its peers; writes docs/bench
	@$(PY) -m tests.bench

format: install-python ## Format the code and fix what can be fixed
	@$(PY) -m ruff format . && $(PY) -m ruff check --fix .

lock: install-python ## Resolve the dependencies again; the locks name no registry
	@$(PY) -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		pyproject.toml -o requirements.lock
	@$(PY) -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

hooks: install-python ## Run the checks before each commit
	@$(PY) -m pre_commit install

install: ## Install what lacks: Debian packages and the virtual environment
	@$(PYTHON3); python3 deploy/local/instalar.py

install-python: ## Only the virtual environment
	@$(PYTHON3); python3 deploy/local/instalar.py --solo-python
