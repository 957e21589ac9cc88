"""The packages that a bundle needs, at the versions that are installed here."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

ROOTS = ("accelerate", "datasets", "huggingface-hub", "numpy", "packaging", "peft", "psutil", "pydantic", "pyyaml",
         "torch", "transformers", "trl", "vllm")  # fmt: skip
"""What the scripts and the scorer import. vLLM only where it was there to take part."""


TORCH_BUILDS = "https://download.pytorch.org/whl"
"""Where the builds of PyTorch for one kind of device are (`cpu`, `cu128`); pip takes another where it cannot be reached
(https://pytorch.org/get-started/locally/)."""


def torch_build() -> str:
    """`requirements-torch.txt`: PyTorch alone, in the build for the kind of device that was here. A file of its own, as
    pip asks an index for everything in a file, and this one may be out of reach."""
    version = distribution("torch").version
    public, _, build = version.partition("+")
    index = [f"--extra-index-url {TORCH_BUILDS}/{build}"] if build else []
    return "\n".join([*index, f"torch=={public}"]) + "\n"


def requirements(more: Iterable[str] = ()) -> str:
    """`requirements.txt`: each package with all that it requires here; `more` are those that a job asked for itself."""
    pins: dict[str, str] = {}
    waiting = list(ROOTS)
    while waiting:
        name = canonicalize_name(waiting.pop())
        found = _installed(name)
        if found is not None and name not in pins:
            pins[name] = found.version
            waiting += _required(found)
    lines = [f"# Python {sys.version.split()[0]}; what was installed where the run's scorer ran."]
    lines += [f"{name}=={version.partition('+')[0]}" + (f"  # {version}" if "+" in version else "")
              for name, version in sorted(pins.items())]  # fmt: skip
    lines += [line for line in dict.fromkeys(more) if canonicalize_name(_name(line)) not in pins]
    return "\n".join(lines) + "\n"


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _required(found: Distribution) -> list[str]:
    """Without the extras: what of them is needed is among the roots."""
    told = [Requirement(line) for line in found.requires or ()]
    return [one.name for one in told if one.marker is None or one.marker.evaluate({"extra": ""})]


def _name(line: str) -> str:
    try:
        return Requirement(line).name
    except InvalidRequirement:  # an address
        return line
