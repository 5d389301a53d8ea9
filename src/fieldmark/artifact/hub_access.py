"""What push and fetch share: names on the Hugging Face Hub, and its errors as one sentence each."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fieldmark.errors import ModelError, SettingError

__all__ = ["HubName", "endpoint", "hub_errors", "hub_library", "parse_hub_name"]

_HTTP_LIBRARIES = ("httpx", "httpcore", "requests", "urllib3")  # httpx2 too
_SCHEME = re.compile(r"hf:/{1,2}")  # a Path joins two slashes to one
_NAME = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class HubName:
    """A model on the Hub: ``user/name``, and a branch, tag or commit; None is the main branch."""

    repo: str
    revision: str | None = None


def parse_hub_name(model: str | Path) -> HubName | None:
    """Return the name of ``hf://user/name[@revision]``; None for any other path.

    Raises:
        SettingError: The part behind ``hf://`` is no such name.
    """
    text = str(model)
    scheme = _SCHEME.match(text)
    if scheme is None:
        return None
    name = _NAME.fullmatch(text[scheme.end() :])
    if name is None:
        raise SettingError(f"expected hf://user/name or hf://user/name@revision, but got '{text}'")
    return HubName(name["repo"], name["revision"])


def endpoint() -> str:
    """Return the address of the Hub: ``HF_ENDPOINT`` as it is now, or the one that `huggingface_hub` knows."""
    return str(os.environ.get("HF_ENDPOINT") or hub_library().constants.ENDPOINT).rstrip("/")


def hub_library() -> Any:
    """Return the module `huggingface_hub`, without progress bars and warnings.

    Raises:
        SettingError: It is not installed.
    """
    try:
        import huggingface_hub
    except ModuleNotFoundError:
        raise SettingError("models on the Hub need the `hub` extra: pip install 'fieldmark[hub]'") from None
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # what goes wrong is told in one sentence
    return huggingface_hub


@contextmanager
def hub_errors(name: HubName) -> Iterator[None]:
    """Turn errors of `huggingface_hub` and of the network into one sentence.

    Raises:
        ModelError: The repository, the revision or the file is not there, or the Hub refuses or cannot be reached.
    """
    errors = hub_library().errors
    try:
        yield
    except errors.GatedRepoError:
        raise ModelError(f"{name.repo} on the Hub asks for your consent: accept its terms there and log in") from None
    except errors.RepositoryNotFoundError:
        raise ModelError(
            f"the Hub has no model {name.repo}, or it is private: check the name, or log in with 'hf auth login'"
        ) from None
    except errors.RevisionNotFoundError:
        raise ModelError(
            f"{name.repo} on the Hub has no revision '{name.revision}': name a branch, a tag or a commit"
        ) from None
    except errors.LocalEntryNotFoundError:
        raise _unreachable(name) from None
    except errors.EntryNotFoundError:
        raise ModelError(
            f"{name.repo} on the Hub is no complete Fieldmark model: ask its maker to push it again"
        ) from None
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        if status in (401, 403):
            raise ModelError(f"the Hub does not let you use {name.repo}: log in with 'hf auth login'") from None
        raise ModelError(f"the Hub could not serve {name.repo} (status {status}): try again later") from None
    except Exception as error:
        if not _is_network(error):
            raise
        raise _unreachable(name) from None


def _is_network(error: BaseException) -> bool:
    """Whether an error comes from the HTTP library, whichever `huggingface_hub` uses, or from the operating system."""
    modules = [cls.__module__ for cls in type(error).__mro__]
    is_http = any(module.startswith(_HTTP_LIBRARIES) for module in modules)
    return is_http or isinstance(error, ConnectionError | TimeoutError)


def _unreachable(name: HubName) -> ModelError:
    return ModelError(f"the Hub at {endpoint()} cannot be reached for {name.repo}: check the network, then try again")
