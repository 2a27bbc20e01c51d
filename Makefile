# poolwright. `make demo` and `make test` set up everything they need; Python >= 3.11 and make are enough.

PYTHON ?= python3
VENV := .venv
RUN := PYTHONPATH=.:shared:functions $(VENV)/bin/python
FUNCTIONS_VENV := build/functions-venv
ARCHIVE := dist/poolwright-functions.zip
DOCS_VENV := build/docs-venv
MERMAID := build/docs-assets/mermaid.min.js
MERMAID_VERSION := 11.12.0
MERMAID_SHA256 := 93492e4d609be83653a41c435f4cbd7e74419f7fa6b4fc90a8c983195f64af82
SOURCES := $(shell find functions shared/poolwright environments cloudbuild -type f -not -name '*.pyc' 2>/dev/null)

# make demo STATE=world.yaml SEED=7 KEEP=1 WITHOUT=step
DEMO_OPTIONS := $(if $(STATE),--state $(STATE)) $(if $(SEED),--seed $(SEED)) $(if $(KEEP),--keep) \
	$(if $(WITHOUT),--without $(WITHOUT)) $(if $(PUBSUB),--pubsub $(PUBSUB)) $(if $(FIRESTORE),--firestore $(FIRESTORE))

# The operator's targets are one call of the command line each:
#   make mutate-instance-groups ENV=dev RUN_ID=42 INSTANCE_GROUPS=a,b
POOLWRIGHT = PYTHONPATH=shared $(VENV)/bin/poolwright
FOR_ENV = --env "$(ENV)"
FOR_RUN = $(if $(RUN_ID),--run-id "$(RUN_ID)")
FOR_GROUPS = $(if $(INSTANCE_GROUPS),--groups "$(INSTANCE_GROUPS)")

.PHONY: help rehearsal docs docs-serve test-docs references setup demo test test-slow test-packer test-kubernetes test-container test-browser screenshots packer test-terraform terraform-docs terraform-schemas lint types layers check package wheel kubernetes helm \
	tflint bench clean
.PHONY: gcloud-auth tidy create-test-ref-node-pool check-latest-source-image fetch-current-metadata \
	delete-test-ref-node-pool build-boot-disk list-node-pools mutate-instance-groups rollback-instance-groups

help: ## Show what can be made
	@awk -F ':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-28s%s\n", $$1, $$2}' Makefile

##@ Operate: every target takes ENV=dev; docs/operate.md shows them at work

gcloud-auth: $(VENV)/.done ## Log in, and see that the environment's project can be read
	@$(POOLWRIGHT) auth $(FOR_ENV)

list-node-pools: $(VENV)/.done ## List node pools, their instance groups and the run each is on
	@$(POOLWRIGHT) pools $(FOR_ENV)

create-test-ref-node-pool: $(VENV)/.done ## Create the reference pool, without nodes
	@$(POOLWRIGHT) reference create $(FOR_ENV)

check-latest-source-image: $(VENV)/.done ## Compare the source image GKE would use now with the environment's
	@$(POOLWRIGHT) reference check $(FOR_ENV)

fetch-current-metadata: $(VENV)/.done ## Fetch the reference pool's metadata into files, and show what GKE changed
	@$(POOLWRIGHT) reference fetch $(FOR_ENV)

delete-test-ref-node-pool: $(VENV)/.done ## Delete the reference pool
	@$(POOLWRIGHT) reference delete $(FOR_ENV)

build-boot-disk: $(VENV)/.done ## Build the next boot image (RUN_ID=43: only if that is the next run)
	@$(POOLWRIGHT) build $(FOR_ENV) $(FOR_RUN)

mutate-instance-groups: $(VENV)/.done ## Start the rollout of a run (RUN_ID=42 INSTANCE_GROUPS=a,b; default: the newest, all)
	@$(POOLWRIGHT) rollout start $(FOR_ENV) $(FOR_RUN) $(FOR_GROUPS) --wait

rollback-instance-groups: $(VENV)/.done ## Put groups back on GKE's own template (RUN_ID=42 or INSTANCE_GROUPS=a,b)
	@$(POOLWRIGHT) rollout rollback $(FOR_ENV) $(FOR_RUN) $(FOR_GROUPS) --wait

tidy: $(VENV)/.done ## Remove templates and images that nothing needs any more
	@$(POOLWRIGHT) tidy $(FOR_ENV)

##@ Try and develop

setup: $(VENV)/.done $(FUNCTIONS_VENV)/.done ## Make the virtual environments

demo: $(VENV)/.done $(FUNCTIONS_VENV)/.done $(ARCHIVE) ## Play the whole story on a local Google Cloud
	@$(RUN) -m localcloud.demo --archive $(ARCHIVE) --python $(FUNCTIONS_VENV)/bin/python $(DEMO_OPTIONS)

rehearsal: $(VENV)/.done $(FUNCTIONS_VENV)/.done ## A local Google Cloud to go through docs/deploy.md on, until Ctrl-C
	@$(RUN) -m localcloud.rehearsal

test: $(VENV)/.done $(FUNCTIONS_VENV)/.done $(ARCHIVE) ## The everyday tests
	@$(RUN) -m pytest -q -n 3 --dist loadfile -m "not slow and not gcloud and not official and not packer and not terraform and not kubernetes and not browser and not container and not docs" $(TESTS)

test-slow: $(VENV)/.done $(FUNCTIONS_VENV)/.done $(ARCHIVE) ## What takes longer, or needs gcloud and its emulators
	@$(RUN) -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "(slow or gcloud or official) and not packer and not kubernetes and not container" $(TESTS)

test-kubernetes: $(VENV)/.done $(FUNCTIONS_VENV)/.done $(ARCHIVE) ## On a real control plane (make kubernetes, make helm)
	@for each in build/kubernetes build/helm; do \
		test -x $$each || { echo "$$each is missing: run make $${each#build/}" >&2; exit 1; }; done
	@command -v kubectl >/dev/null || { echo "make test-kubernetes needs kubectl" >&2; exit 1; }
	@$(RUN) -m pytest -q -n 0 -m kubernetes $(TESTS)

# apt-get install packer containerd docker-registry skopeo umoci openssh-server sudo shellcheck shfmt
test-packer: $(VENV)/.done ## The boot image on real packers, containerd and registry (make packer; needs root and Debian's programs)
	@test -e build/packer/.done || { echo "build/packer is missing: run make packer" >&2; exit 1; }
	@for each in packer containerd docker-registry skopeo umoci sshd sudo shellcheck shfmt; do \
		PATH="$$PATH:/usr/sbin" command -v $$each >/dev/null || { echo "make test-packer needs $$each" >&2; exit 1; }; done
	@test "$$(id -u)" = 0 || { echo "make test-packer mounts file systems: run it as root" >&2; exit 1; }
	@$(RUN) -m pytest -q -n 0 -m packer $(or $(TESTS),tests/packer tests/permissions)

# apt-get install buildah mmdebstrap
test-container: $(VENV)/.done ## The container image, built and run (needs root; Debian has the programs)
	@for each in buildah mmdebstrap; do \
		command -v $$each >/dev/null || { echo "make test-container needs $$each" >&2; exit 1; }; done
	@test "$$(id -u)" = 0 || { echo "make test-container builds an image: run it as root" >&2; exit 1; }
	@$(RUN) -m pytest -q -n 0 -m container $(or $(TESTS),tests/package)

# apt-get install chromium
test-browser: $(VENV)/.done ## The status page in a real browser
	@command -v chromium >/dev/null || { echo "make test-browser needs chromium" >&2; exit 1; }
	@$(RUN) -m pytest -q -n 0 -m browser $(or $(TESTS),tests/status_page)

screenshots: $(VENV)/.done ## The pictures of the status page, into docs/images
	@$(RUN) -m tests.status_page.screenshots >/dev/null

test-terraform: $(VENV)/.done ## The Terraform modules (needs terraform, Go, kubectl; make helm, make tflint)
	@for each in build/helm build/tflint; do \
		test -x $$each || { echo "$$each is missing: run make $${each#build/}" >&2; exit 1; }; done
	@for each in terraform go kubectl; do \
		command -v $$each >/dev/null || { echo "make test-terraform needs $$each" >&2; exit 1; }; done
	@$(RUN) -m pytest -q -n 0 -m terraform $(or $(TESTS),tests/terraform)

terraform-schemas: $(VENV)/.done ## The providers' schemas as far as the modules use them, for their tests (downloads 70 MB)
	@$(RUN) tests/terraform/provider_schemas.py

terraform-docs: $(VENV)/.done ## The modules' inputs and outputs, into their READMEs
	@$(RUN) tools/terraform_readme.py

lint: $(VENV)/.done ## Style
	@$(RUN) -m ruff check . && $(RUN) -m ruff format --check .

types: $(VENV)/.done ## Types
	@$(RUN) -m mypy

layers: $(VENV)/.done ## Which part may import which
	@PYTHONPATH=.:shared:functions $(VENV)/bin/lint-imports

check: lint types layers ## Style, types, layers

package: $(ARCHIVE) ## The deployment archive

wheel: ## The command line alone, as a wheel in dist/
	@$(PYTHON) -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

kubernetes: build/kubernetes ## A real control plane for tests (needs Go; four to five minutes, once)

helm: build/helm ## The helm that installs the chart in tests (needs Go; two minutes, once)

tflint: build/tflint ## The tflint that reads the Terraform modules in tests (needs Go; two minutes, once)

docs: $(DOCS_VENV)/.done $(MERMAID) ## The documentation as a site, in build/docs; any broken link fails it (needs npm)
	@NO_MKDOCS_2_WARNING=1 PYTHONPATH=. $(DOCS_VENV)/bin/mkdocs build
	@echo "build/docs/index.html"

test-docs: $(VENV)/.done docs ## That the site is whole, and is not made with a broken link
	@$(RUN) -m pytest -q -n 0 -m docs $(or $(TESTS),tests/docs)

references: $(VENV)/.done ## The pages of docs/reference, from the code
	@$(RUN) tools/reference.py

docs-serve: $(DOCS_VENV)/.done $(MERMAID) ## The site on loopback, built anew at each change
	@NO_MKDOCS_2_WARNING=1 PYTHONPATH=. $(DOCS_VENV)/bin/mkdocs serve

packer: build/packer/.done ## The packer and the plugin that builds of boot images use, for tests (needs Go; three minutes, once)

bench: $(VENV)/.done $(FUNCTIONS_VENV)/.done $(ARCHIVE) ## Every figure, with its baseline
	@$(RUN) -m bench

clean: ## Remove what was made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

build/kubernetes: tools/kubernetes/main.go tools/kubernetes/go.mod tools/kubernetes/go.sum
	@command -v go >/dev/null || { echo "make kubernetes needs Go (https://go.dev/doc/install)" >&2; exit 1; }
	@echo "building a Kubernetes control plane; this takes minutes, once"
	@cd tools/kubernetes && CGO_ENABLED=0 go build -trimpath -o ../../$@ -ldflags \
		"-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3 \
		-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36" .

build/helm: tools/helm/go.mod tools/helm/go.sum
	@command -v go >/dev/null || { echo "make helm needs Go (https://go.dev/doc/install)" >&2; exit 1; }
	@echo "building helm; this takes minutes, once"
	@cd tools/helm && CGO_ENABLED=0 go build -trimpath -o ../../$@ \
		-ldflags "-s -w -X helm.sh/helm/v3/internal/version.version=v3.22.0" helm.sh/helm/v3/cmd/helm

build/tflint: tools/tflint/go.mod tools/tflint/go.sum
	@command -v go >/dev/null || { echo "make tflint needs Go (https://go.dev/doc/install)" >&2; exit 1; }
	@echo "building tflint; this takes minutes, once"
	@cd tools/tflint && CGO_ENABLED=0 go build -trimpath -o ../../$@ github.com/terraform-linters/tflint

build/packer/.done: tools/packer/go.mod tools/packer/go.sum
	@command -v go >/dev/null || { echo "make packer needs Go (https://go.dev/doc/install)" >&2; exit 1; }
	@echo "building packer; this takes minutes, once"
	@cd tools/packer && CGO_ENABLED=0 go build -trimpath -o ../../$(@D)/packer -ldflags "-s -w" github.com/hashicorp/packer
	@cd tools/packer && CGO_ENABLED=0 go build -trimpath -o ../../$(@D)/googlecompute \
		-ldflags "-s -w -X github.com/hashicorp/packer-plugin-googlecompute/version.VersionPrerelease=" \
		github.com/hashicorp/packer-plugin-googlecompute
	@export CHECKPOINT_DISABLE=1 PACKER_CONFIG_DIR=$(@D) PACKER_PLUGIN_PATH=$(@D)/plugins; \
		$(@D)/packer plugins install --path $(@D)/googlecompute github.com/hashicorp/googlecompute >/dev/null
	@touch $@

$(ARCHIVE): $(VENV)/.done $(SOURCES) requirements.txt tools/package.py
	@$(RUN) tools/package.py $@ >/dev/null

$(VENV)/.done: requirements.txt requirements-cli.txt requirements-dev.txt
	@echo "setting up $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "poolwright needs Python >= 3.11; say which: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(DOCS_VENV)/.done: requirements-docs.txt
	@echo "setting up $(DOCS_VENV)"
	@$(PYTHON) -m venv $(DOCS_VENV)
	@$(DOCS_VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	@touch $@

$(MERMAID):
	@command -v npm >/dev/null || { echo "make docs needs npm (https://docs.npmjs.com/downloading-and-installing-node-js-and-npm)" >&2; exit 1; }
	@mkdir -p $(@D) && cd $(@D) && npm pack --silent mermaid@$(MERMAID_VERSION) >/dev/null
	@cd $(@D) && echo "$(MERMAID_SHA256)  mermaid-$(MERMAID_VERSION).tgz" | sha256sum --check --quiet
	@cd $(@D) && tar -xzf mermaid-$(MERMAID_VERSION).tgz --strip-components=2 package/dist/mermaid.min.js && touch mermaid.min.js

$(FUNCTIONS_VENV)/.done: requirements.txt
	@echo "setting up $(FUNCTIONS_VENV)"
	@$(PYTHON) -m venv $(FUNCTIONS_VENV)
	@$(FUNCTIONS_VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@
