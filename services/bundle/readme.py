"""The texts of a bundle: `README.md` and `run.sh`."""

from __future__ import annotations

from services.bundle.manifest import SEALED, Bundle, Step
from services.report.markdown import code, text

ABSENT = ": too large to be here, it is had from where the task named it"
RUN = """#!/bin/sh
# Rebuilds the model of this bundle, scores it, and says whether it agrees with the run: no key, no language model.
#   ./run.sh [--work DIR]      DIR: an empty folder to rebuild in, and to keep
# It makes a virtual environment in .venv with the packages of requirements.txt. To use one that has them already:
#   PYTHON=/path/to/bin/python ./run.sh
set -eu
PATH="${PATH:-/usr/local/bin:/usr/bin:/bin}"; export PATH
cd "$(dirname "$0")"
if [ -z "${PYTHON:-}" ]; then
  [ -x .venv/bin/python ] || python3 -m venv .venv
  .venv/bin/python -m pip install --quiet --no-deps --retries 1 -r requirements-torch.txt
  .venv/bin/python -m pip install --quiet -r requirements.txt
  PYTHON=.venv/bin/python
fi
PYTHONPATH="$PWD/code" PYTHONDONTWRITEBYTECODE=1 exec "$PYTHON" -m services.bundle.rerun "$PWD" "$@"
"""


def readme(bundle: Bundle) -> str:
    scores = "\n".join(f"- {split}: {score}, {score.n} items" for split, score in bundle.scores.items())
    return f"""# {text(bundle.candidate)} of run {text(bundle.run)}

What rebuilds this model without the crew that found it: no key, no language model.

```sh
./run.sh                     # in a virtual environment of its own, with the packages of requirements.txt
postdocs verify .            # the same where postdocs is installed
```

Both check that nothing here was changed, train the model again from its base, score it, and say whether it agrees with
the run: whether its score lies in the 95 % interval of the run's. They end with exit code 0 when it agrees, 3 when a
file differs or a score does not agree, 2 when the base model is not to be had, 4 when a step fails. The scripts in
`steps/` run as you, without a sandbox: read them, or trust who gave you this.

The run's scores:

{scores}

## How it is made

{_chain(bundle)}

A training in the run lasted a number of seconds. It is repeated by steps instead: as many as it made, each at the
learning rate that it had (`learning_rates.jsonl`), with the same seeds, rows and order of rows. On another machine, or
with another number of threads, numbers are added up in another order, so that the weights may differ a little.

| | |
| --- | --- |
| `bundle.json` | every file with its SHA-256, the steps, the scores |
| `base/` | the base model{"" if bundle.base.included else ABSENT} |
| `data/` | the rows trained on, the dev split, and `recipe.json`: their sources with seeds, what was left out and why |
| `steps/` | the script and the settings of each training |
| `use/` | how the model is prompted and decoded |
| `task_metric/` | the task's own metric, where it has one |
| `code/` | the scorer of the run |
| `{SEALED}/` | the test split, readable by its owner alone |

## The test split

`{SEALED}/test.jsonl` is here so that its owner can score the model again. Whoever has it can train on it: **take the
folder out before you publish this bundle**. `postdocs verify` then scores the dev split alone, and says so.
"""


def _chain(bundle: Bundle) -> str:
    if not bundle.chain:
        return f"It is the base model {code(bundle.base.name)} itself, untouched: nothing was trained."
    lines = [f"1. Base: {code(bundle.base.name)}, sha256 `{bundle.base.sha256[:12]}`"]
    lines += [f"{number}. {code(step.folder)}: {_told(step)}" for number, step in enumerate(bundle.chain, start=2)]
    return "\n".join(lines)


def _told(step: Step) -> str:
    if step.steps is None:
        return "as many steps as its script likes, since it did not tell how many it made"
    how = "each at its recorded learning rate" if step.recorded else "at rates by its schedule; they were not recorded"
    return f"{step.steps} steps, {how}"
