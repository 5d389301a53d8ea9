"""Fixtures that many tests share. Tests that need real photos from outside of the repository skip without them."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("fieldmark", deadline=None)  # no test goes by the clock: machines are busy
settings.load_profile("fieldmark")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start long files first: one that starts last leaves the other process without work."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Delete the folders that a fixture of a module made when its tests are done: models are large."""
    if fixturedef.scope != "module":
        return (yield)
    base = request.getfixturevalue("tmp_path_factory").getbasetemp()
    before, made = set(base.iterdir()), set[Path]()

    def delete() -> None:
        for folder in made:
            shutil.rmtree(folder, ignore_errors=True)

    fixturedef.addfinalizer(delete)  # before the fixture adds its own, which so come first
    value = yield
    made.update(set(base.iterdir()) - before)
    return value


REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def _real(name: str) -> Path:
    folder = REAL_DATA / name
    if not folder.is_dir():
        pytest.skip(f"needs the real data set at {folder}, which is not part of the repository")
    return folder


@pytest.fixture(scope="session")
def cub50() -> Path:
    """CUB-200-2011, species 1-50, in the set's own layout."""
    return _real("CUB_200_2011_first50")


@pytest.fixture(scope="session")
def flowers17() -> Path:
    """Oxford Flowers-17: 17 folders of 80 photos."""
    return _real("flowers17")


@pytest.fixture(scope="session")
def grocery81() -> Path:
    """GroceryStoreDataset: labels.csv with path, label, coarse_label, split."""
    return _real("grocery81")


@pytest.fixture(scope="session")
def clothing() -> Path:
    """200 real photos in the repository: images.csv with ids, senders and labels, and the folder images."""
    return Path(__file__).resolve().parents[1] / "examples" / "clothing"


@pytest.fixture(scope="session")
def annotations() -> Path:
    """True annotation files of six data sets, without photos."""
    return _real("annotations")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Nothing that a test computes lands in the user's cache, and no earlier run answers for this one.

    Each process has its own: the cache knows where the photos of a model are, and each process draws its own photos.
    """
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("FIELDMARK_CACHE", str(folder))
        patch.setenv("FIELDMARK_RUNNER", "onnxruntime")  # no test goes by a measurement of the machine
        yield folder


@pytest.fixture(scope="session", autouse=True)
def _own_temporary_folder(_own_cache: Path) -> Iterator[None]:
    """What a process that a test killed left in the temporary folder goes with the tests.

    Not in pytest's folder: the names of sockets may only have a hundred characters.
    """
    folder = tempfile.mkdtemp(prefix="fm-")
    # At the end of the process, after multiprocessing has deleted its own folder in there, at priority -100.
    Finalize(None, shutil.rmtree, (folder, True), exitpriority=-200)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield


@pytest.fixture(autouse=True)
def _own_verbosity() -> Iterator[None]:
    """A command that runs in this process sets what Fieldmark prints; afterwards it is as it was."""
    logger = logging.getLogger("fieldmark")
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = before


@pytest.fixture(scope="session")
def birds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders, no splits: 4 drawn species x 24 pictures of 128 px."""
    from fieldmark_synth import synthesize

    drawn = synthesize(tmp_path_factory.mktemp("drawn") / "birds", 4, 24, "folder", 0, 128)
    root = tmp_path_factory.mktemp("photos") / "birds"
    for record in drawn:
        folder = root / drawn.classes[record.label]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(record.path, folder / record.path.name)
    return root


@pytest.fixture(scope="session")
def half_of_birds(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every second photo of `birds`, for fits that read each photo many times."""
    root = tmp_path_factory.mktemp("half")
    for path in sorted(birds.rglob("*.jpg"))[::2]:
        (root / path.parent.name).mkdir(exist_ok=True)
        shutil.copyfile(path, root / path.parent.name / path.name)
    return root


@pytest.fixture(scope="session")
def fitted(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder, fitted on `birds` with its test split carved. Copy it before damaging it."""
    from fieldmark import fit

    out = tmp_path_factory.mktemp("models") / "model"
    fit(birds, out, method="linear_probe", image_size=96)
    return out


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, steered by Playwright; tests that want it skip without either."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright to steer a browser")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("needs a browser to test the page in: install the package chromium")
    with playwright.sync_playwright() as running:
        flags = [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--use-fake-device-for-media-stream",
            # One process for all pages: otherwise each page starts one or two, which is most of its processor time.
            "--renderer-process-limit=1",
            "--disable-features=SpareRendererForSitePerProcess",
        ]
        opened = running.chromium.launch(executable_path=found, args=flags)
        yield opened
        opened.close()


@pytest.fixture
def fits_a_phone(browser: Any) -> Callable[[Path], None]:
    """Opens an HTML file on a phone: nothing sticks out, no script fails, and it asks nobody for anything."""

    def look(page: Path) -> None:
        context = browser.new_context(viewport={"width": 390, "height": 844})
        opened = context.new_page()
        wrong: list[str] = []
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.on("request", lambda request: wrong.append(request.url))
        opened.goto(page.as_uri())
        width = opened.evaluate("() => document.documentElement.scrollWidth")
        context.close()
        assert (width, [url for url in wrong if not url.startswith("data:")]) == (390, [page.as_uri()])

    return look


@pytest.fixture
def model_copy(fitted: Path, tmp_path: Path) -> Path:
    """A model folder that a test may damage."""
    return shutil.copytree(fitted, tmp_path / "model")


@dataclass(frozen=True)
class CommandResult:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., CommandResult]:
    """Run ``fieldmark ARGS`` in this process."""
    from fieldmark.cli.main import main

    def run(*arguments: object) -> CommandResult:
        monkeypatch.setattr("sys.argv", ["fieldmark", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return CommandResult(int(ended.value.code or 0), printed.out, printed.err)

    return run
