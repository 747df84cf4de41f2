# The whole set-up lives in .venv; it is made anew when the dependencies change.
PYTHON ?= python3
BIN := .venv/bin
# Python keeps what it compiles, whatever the shell says; else each of the many processes would compile all anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo demo-training dashboard bench docs test check audit clean

demo: .venv/ready
	$(BIN)/python -m jobs.demo --output demo --replace

demo-training: .venv/ready
	$(BIN)/python -m jobs.demo --training --output demo-training --replace

dashboard: .venv/ready
	$(BIN)/python -m jobs.dashboard --scores demo/scores --faces demo/faces --videos demo/films

bench: .venv/ready
	$(BIN)/uv pip install --python $(BIN)/python -c constraints.txt -e '.[bench]' --quiet
	$(BIN)/python -m benchmarks.run_all --output bench

# The pages keep their places, so that their links hold.
docs: .venv/ready
	rm -rf build/pages && mkdir -p build/pages
	cp -R --parents LICENSE docs cluster examples $(wildcard *.md emotionscope/*/*.md emotionscope/*/*/*.md) build/pages
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "open build/site/index.html"

test: check
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers auto

# Asks the internet's list of known holes for every pinned version; the tests ask the short one that ships.
audit: .venv/ready
	$(BIN)/uv tool run pip-audit==2.10.1 --disable-pip --no-deps -r constraints.txt

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --python $(BIN)/python -c constraints.txt pip -e '.[dashboard,dev,docs,encoder]' --quiet
	$(BIN)/python -m emotionscope predict --quiet --text "What is compiled is kept." >/dev/null
	touch $@

clean:
	rm -rf .venv demo demo-training bench build *.egg-info
