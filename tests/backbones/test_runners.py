"""Every runner returns the outputs of the module, from any thread, at any batch size."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fieldmark.backbones.factory import create_backbone
from fieldmark.backbones.onnx_export import Normalized, export_graph
from fieldmark.backbones.runners import device as device_module
from fieldmark.backbones.runners.choose_runner import module_runner
from fieldmark.backbones.runners.device import choose_device
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.backbones.runners.openvino_runner import OpenVinoRunner, has_openvino
from fieldmark.backbones.runners.runner import Runner
from fieldmark.backbones.runners.torch_runner import TorchRunner
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.views import with_mirrored
from fieldmark.errors import ModelError, SettingError

gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


class _Means(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = create_backbone("test_efficientnet", pretrained=False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        feature_map = self.backbone(images)
        mean = feature_map.mean((2, 3))
        return {"avg": mean, "max": feature_map.amax((2, 3)), "same": mean}  # one tensor with two names


@pytest.fixture(scope="module")
def module() -> _Means:
    torch.manual_seed(0)
    return _Means().eval()


@pytest.fixture(scope="module")
def preprocess(module: _Means) -> Preprocess:
    return module.backbone.preprocess(64)


def _need_openvino() -> None:
    """Skip without the extra; `pytest.importorskip` would import OpenVINO with its telemetry."""
    if not has_openvino():
        pytest.skip("needs the extra openvino")


def _images(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def graph(module: _Means, preprocess: Preprocess) -> bytes:
    return export_graph(module, preprocess, ["max", "same", "avg"])


@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize("runtime", ["PyTorch", "ONNX Runtime, two threads", "OpenVINO", "OpenVINO, two threads"])
def test_all_runners_agree(module: _Means, preprocess: Preprocess, graph: bytes, runtime: str, count: int) -> None:
    onnx = OnnxRunner(graph)
    other: Runner
    if runtime == "PyTorch":
        other = TorchRunner(Normalized(module, preprocess), ["max", "same", "avg"], "cpu")
    elif runtime.startswith("ONNX"):
        other = OnnxRunner(graph, callers=1, threads=2)
    else:
        _need_openvino()
        other = OpenVinoRunner(graph, callers=1, threads=2) if "two" in runtime else OpenVinoRunner(graph, callers=2)
    stack = with_mirrored(_images(count)).reshape(count, 2, 64, 64, 3)
    expected, found = onnx.run_stack(stack), other.run_stack(stack)
    assert list(found) == list(expected) == ["max", "same", "avg"]
    for name, values in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], values, rtol=1e-3, atol=1e-4)
        cosine = (found[name] * values).sum(-1) / np.linalg.norm(found[name], axis=-1) / np.linalg.norm(values, axis=-1)
        assert cosine.min(initial=1.0) >= 0.9999


@pytest.mark.parametrize("runtime", ["PyTorch", "ONNX Runtime", "OpenVINO"])
def test_many_threads_may_call_one_runner(module: _Means, preprocess: Preprocess, graph: bytes, runtime: str) -> None:
    runner: Runner
    if runtime == "PyTorch":
        runner = TorchRunner(Normalized(module, preprocess), ["avg"], "cpu")
    elif runtime == "ONNX Runtime":
        runner = OnnxRunner(graph, callers=2)
    else:
        _need_openvino()
        runner = OpenVinoRunner(graph, callers=2)
    batches = [_images(count) for count in range(1, 9)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(runner.run, batches))
    for images, found in zip(batches, together, strict=True):
        np.testing.assert_allclose(found["avg"], runner.run(images)["avg"], rtol=1e-5, atol=1e-6)


def test_an_image_that_fails_leaves_openvino_usable(graph: bytes) -> None:
    _need_openvino()
    runner = OpenVinoRunner(graph, callers=1)
    images = _images(6)
    expected = runner.run(images)["avg"]
    with pytest.raises(ModelError, match=r"^the model's graph fails on a photo \("):
        runner.run(np.zeros((6, 32, 32, 3), np.uint8))  # another size than the graph's
    np.testing.assert_array_equal(runner.run(images)["avg"], expected)


class _Huge(nn.Module):
    """Its intermediate sum exceeds the largest float16, 65,504; its result does not."""

    def __init__(self) -> None:
        super().__init__()
        self.total = nn.Linear(3, 1, bias=False)
        nn.init.constant_(self.total.weight, 60_000.0)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"total": self.total(images.mean((2, 3)).abs() + 1).log()}


def test_results_that_overflow_in_half_precision_are_computed_again() -> None:
    preprocess = Preprocess(64)
    half = TorchRunner(Normalized(_Huge(), preprocess), ["total"], "cpu", half=True)
    full = TorchRunner(Normalized(_Huge(), preprocess), ["total"], "cpu", half=False)
    images = _images(3)
    assert np.isfinite(half.run(images)["total"]).all()
    np.testing.assert_array_equal(half.run(images)["total"], full.run(images)["total"])


def test_the_runner_keeps_its_own_copy_of_the_module(module: _Means, preprocess: Preprocess) -> None:
    runner = TorchRunner(Normalized(module, preprocess), ["avg"], "cpu")
    assert all(parameter.requires_grad for parameter in module.parameters())
    before = runner.run(_images(2))["avg"]
    weight = next(module.parameters())
    with torch.no_grad():
        weight.add_(1.0)
    after = runner.run(_images(2))["avg"]
    with torch.no_grad():
        weight.sub_(1.0)
    np.testing.assert_array_equal(before, after)


def test_batches_fill_a_gpu_and_stay_small_on_a_cpu(module: _Means, preprocess: Preprocess) -> None:
    onnx, by_torch = (
        module_runner(module, preprocess, ["avg"], "cpu"),
        TorchRunner(Normalized(module, preprocess), ["avg"], "cpu"),
    )
    for runner in (onnx, by_torch):
        assert [runner.batch_size(side) for side in (224, 448, 2048)] == [4, 1, 1]


def test_a_missing_device_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingError) as caught:
        choose_device("cuda")
    assert str(caught.value) == "PyTorch finds no CUDA device here: choose --device cpu, or leave it out"
    monkeypatch.setattr(device_module, "_may_have_gpu", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("cuda") == "cuda"


@gpu
def test_a_gpu_in_half_precision_agrees_with_the_cpu(module: _Means, preprocess: Preprocess) -> None:
    on_cpu, on_gpu = (module_runner(module, preprocess, ["avg"], device) for device in ("cpu", "cuda"))
    assert isinstance(on_gpu, TorchRunner)
    a, b = on_cpu.run(_images(50))["avg"], on_gpu.run(_images(50))["avg"]
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosine.min() >= 0.9999
