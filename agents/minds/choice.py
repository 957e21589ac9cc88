"""Which mind a role has, as `--model` says it: `playbook`, or `provider/model`, for all roles or for one of them.

--model anthropic/claude-opus-5-5
--model engineer=openai/gpt-5.5 --model default=ollama/qwen3:32b
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from protocol.errors import BadInput

PLAYBOOK = "playbook"
DEFAULT = "default"
MODEL_VARIABLE = "POSTDOCS_MODEL"
OLLAMA_HOST, OLLAMA_PORT = "OLLAMA_HOST", 11434
"""Where Ollama's server listens, as its users set it: a port is added to what has neither port nor scheme, and no host
is this machine (`Host` in envconfig/config.go, https://github.com/ollama/ollama)."""
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "": "127.0.0.1"}
"""Hosts that a server listens at and that nobody can ask → this machine's, which is one of those meant."""


@dataclass(frozen=True)
class Provider:
    """Who serves models, and the variables that its users set anyway."""

    name: str
    url: str
    """Where its API is when no variable says otherwise."""
    url_variables: tuple[str, ...]
    key_variables: tuple[str, ...]
    needs_key: bool = True
    first_choice: str | None = None
    """Its model when there is a key and nothing else was said."""

    def address(self, environment: Mapping[str, str] = os.environ) -> tuple[str, str | None]:
        """Where its API is, and the variable that says so, if one does. A host without a path is taken as the
        OpenAI-compatible `/v1` of it."""
        variable = next((name for name in self.url_variables if environment.get(name)), None)
        if variable is None:
            return self.url, None
        url = _whole(environment[variable], OLLAMA_PORT if variable == OLLAMA_HOST else None)
        bare = re.fullmatch(r"\w+://[^/]+/?", url) is not None
        return url.rstrip("/") + "/v1" if bare and self.name != "anthropic" else url, variable


def _whole(given: str, port: int | None) -> str:
    """An address as somebody wrote it, with its scheme and a host that can be asked; `port` where it has no scheme and
    no port."""
    scheme, said, rest = given.strip().rpartition("://")
    place, slash, path = rest.partition("/")
    place = f"[{place}]" if re.fullmatch(r"[\da-f]*:[\da-f]*:[\da-f:]*", place) else place  # an IPv6 address
    name, _, number = place.rpartition(":") if re.search(r":\d*$", place) else (place, "", "")
    if not said and not number and port is not None:
        number = str(port)
    return f"{scheme or 'http'}://{_EVERYWHERE.get(name, name)}{number and ':' + number}{slash}{path}"


PROVIDERS = {
    provider.name: provider
    for provider in (
        Provider(
            "anthropic",
            "https://api.anthropic.com",
            ("ANTHROPIC_BASE_URL",),
            ("ANTHROPIC_API_KEY",),
            first_choice="claude-opus-5-5",
        ),
        Provider(
            "openai", "https://api.openai.com/v1", ("OPENAI_BASE_URL",), ("OPENAI_API_KEY",), first_choice="gpt-5.5"
        ),
        Provider("hf", "https://router.huggingface.co/v1", ("HF_ROUTER_URL",), ("HF_TOKEN",)),
        Provider("ollama", "http://localhost:11434/v1", ("OLLAMA_BASE_URL", "OLLAMA_HOST"), ("OLLAMA_API_KEY",), False),
        Provider("vllm", "http://localhost:8000/v1", ("VLLM_BASE_URL", "VLLM_API_BASE"), ("VLLM_API_KEY",), False),
        Provider(
            "lm_studio",
            "http://localhost:1234/v1",
            ("LM_STUDIO_BASE_URL", "LM_STUDIO_API_BASE"),
            ("LM_STUDIO_API_KEY",),
            False,
        ),
        Provider(
            "llamacpp",
            "http://localhost:8080/v1",
            ("LLAMACPP_BASE_URL", "LLAMA_CPP_BASE_URL"),
            ("LLAMACPP_API_KEY",),
            False,
        ),
    )
}


@dataclass(frozen=True)
class Model:
    """A model of a provider."""

    provider: Provider
    name: str

    def __str__(self) -> str:
        return f"{self.provider.name}/{self.name}"

    def url(self, environment: Mapping[str, str] = os.environ) -> str:
        """Where it is asked."""
        return self.provider.address(environment)[0]

    def key(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """Its key, if there is one. Raises `BadInput` where it cannot do without."""
        found = next((environment[name] for name in self.provider.key_variables if environment.get(name)), None)
        if found is None and self.provider.needs_key:
            raise BadInput(f"{self} needs a key: set {' or '.join(self.provider.key_variables)}")
        return found


Minds = dict[str, Model | None]
"""Role → its model, None for the playbook; `default` stands for the roles that are not named."""


def parse(text: str) -> Model | None:
    """`provider/model`, or None for `playbook`. Raises `BadInput`."""
    if text == PLAYBOOK:
        return None
    provider, _, name = text.partition("/")
    if provider not in PROVIDERS or not name:
        raise BadInput(f"{text!r} names no model: use playbook, or {', '.join(f'{known}/…' for known in PROVIDERS)}")
    return Model(PROVIDERS[provider], name)


def choose(given: Iterable[str], roles: Collection[str], environment: Mapping[str, str] = os.environ) -> Minds:
    """What `--model` said, once or several times; without a word what the environment offers, else the playbook.

    Raises `BadInput` for an unknown model or role, and for a key that is missing.
    """
    chosen: Minds = {}
    for text in given:
        role, said, model = text.partition("=")
        role, model = (role, model) if said and "/" not in role else (DEFAULT, text)
        if role not in {DEFAULT, *roles}:
            raise BadInput(f"--model {text!r}: there is no role {role!r}, only {', '.join([DEFAULT, *sorted(roles)])}")
        chosen[role] = parse(model)
    if DEFAULT not in chosen:
        chosen[DEFAULT] = None if chosen else configured(environment)
    for found in chosen.values():
        if found is not None:
            found.key(environment)
    return chosen


def chosen(minds: Minds) -> tuple[str, ...]:
    """As `parsed` reads it: what a brief keeps of a choice."""
    return tuple(f"{role}={model or PLAYBOOK}" for role, model in sorted(minds.items()))


def parsed(kept: Iterable[str]) -> Minds:
    """The choice that a brief keeps, without asking for keys."""
    return {role: parse(model) for role, _, model in (text.partition("=") for text in kept)}


def configured(environment: Mapping[str, str] = os.environ) -> Model | None:
    """The model that this machine is set up for: `POSTDOCS_MODEL`, else that of a provider whose key is set."""
    if named := environment.get(MODEL_VARIABLE):
        return parse(named)
    for provider in PROVIDERS.values():
        if provider.first_choice and any(environment.get(name) for name in provider.key_variables):
            return Model(provider, provider.first_choice)
    return None


def of(minds: Minds, role: str) -> Model | None:
    """The model of one role."""
    return minds.get(role, minds.get(DEFAULT))


def told(minds: Minds) -> str:
    """For people: `anthropic/…, engineer: openai/…`."""
    rest = [f"{role}: {model or PLAYBOOK}" for role, model in sorted(minds.items()) if role != DEFAULT]
    return ", ".join([str(minds.get(DEFAULT) or PLAYBOOK), *rest])
