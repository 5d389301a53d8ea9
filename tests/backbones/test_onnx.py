"""The exported graph equals the module; batches keep their order and limit memory and threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone, create_backbone
from fieldmark.backbones.onnx_export import Normalize, export_graph
from fieldmark.backbones.runners.batches import available_cpus, in_batches, load_good
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.views import with_mirrored
from fieldmark.errors import PhotoError
from fieldmark.layers.pooling.descriptors import DescriptorPool

NETWORKS = {"tf_efficientnet_lite0": 64, "resnet18": 64, "vit_tiny_patch16_224": 96}


class _Descriptors(nn.Module):
    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.pool = DescriptorPool(backbone, ("avg", "gem", "cov"), cov_channels=8)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return self.pool(*self.backbone.maps(images))  # type: ignore[no-any-return]


def _images(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize(("name", "size"), NETWORKS.items())
def test_the_graph_equals_the_module_at_any_batch_size(name: str, size: int) -> None:
    torch.manual_seed(0)
    module = _Descriptors(create_backbone(name, image_size=size, pretrained=False)).eval()
    preprocess = module.backbone.preprocess(size)
    graph = export_graph(module, preprocess, ["gem", "cov", "avg"])
    runner, bare = OnnxRunner(graph), ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    assert runner.outputs == ("gem", "cov", "avg")
    for count in (1, 3, 5):
        images = _images(count, size)
        with torch.no_grad():
            expected = module(Normalize(preprocess)(torch.from_numpy(images)))
        at_once = dict(zip(runner.outputs, bare.run(None, {"images": images}), strict=True))
        for key, values in [*runner.run(images).items(), *at_once.items()]:
            reference = expected[key].numpy()
            assert np.abs(values - reference).max() <= 1e-4 * max(1.0, np.abs(reference).max()), key


class _Means(nn.Module):
    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"left": images[..., : images.shape[-1] // 2].mean((2, 3)), "all": images.mean((2, 3))}


@pytest.fixture(scope="module")
def means() -> OnnxRunner:
    preprocess = Preprocess(16, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.125))
    return OnnxRunner(export_graph(_Means(), preprocess, ["left", "all"]))


def test_normalisation_is_inside_the_graph(means: OnnxRunner) -> None:
    images = _images(2, 16)
    expected = (images.mean((1, 2)) / 255 - (0.1, 0.2, 0.3)) / (0.5, 0.25, 0.125)
    np.testing.assert_allclose(means.run(images)["all"], expected, rtol=1e-4, atol=1e-5)


def test_the_second_view_is_the_mirror_image(means: OnnxRunner) -> None:
    images = _images(3, 16)
    views = means.run_stack(with_mirrored(images).reshape(3, 2, 16, 16, 3))
    assert views["left"].shape == (3, 2, 3)
    flipped = np.ascontiguousarray(images[:, :, ::-1])
    np.testing.assert_array_equal(views["left"][:, 0], means.run(images)["left"])
    np.testing.assert_array_equal(views["left"][:, 1], means.run(flipped)["left"])


def test_no_photo_at_all(means: OnnxRunner) -> None:
    assert means.run_stack(np.zeros((0, 2, 16, 16, 3), np.uint8))["left"].shape == (0, 2, 3)


def test_outputs_do_not_depend_on_other_images() -> None:
    module = _Descriptors(create_backbone("resnet18", image_size=64, pretrained=False)).eval()
    runner, images = OnnxRunner(export_graph(module, module.backbone.preprocess(64), ["gem", "cov"])), _images(3, 64)
    together = runner.run(images)
    for index in range(3):
        for key, values in runner.run(images[[index]]).items():
            np.testing.assert_array_equal(values[0], together[key][index])


def test_a_graph_from_a_file_is_that_from_memory(tmp_path: Path, means: OnnxRunner) -> None:
    graph = export_graph(_Means(), Preprocess(16), ["all"])
    (tmp_path / "graph.onnx").write_bytes(graph)
    images = _images(1, 16)
    from_file = OnnxRunner(tmp_path / "graph.onnx").run(images)["all"]
    np.testing.assert_array_equal(from_file, OnnxRunner(graph).run(images)["all"])


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 7, 50])
def test_results_come_in_order(count: int, threads: int) -> None:
    def work(batch: Sequence[int]) -> list[int]:
        time.sleep(0.002 * (batch[0] % 3))
        return list(batch)

    results = list(in_batches(range(count), work, batch_size=4, threads=threads))
    assert [number for batch in results for number in batch] == list(range(count))
    assert all(len(batch) == 4 for batch in results[:-1])


def test_a_slow_consumer_holds_few_results_in_memory() -> None:
    started: list[int] = []
    results = in_batches(range(100), lambda batch: started.append(batch[0]), batch_size=1, threads=2)
    for read in range(1, 20):
        next(results)
        time.sleep(0.005)
        assert len(started) <= read + 2 * 2
    results.close()  # type: ignore[attr-defined]


def test_an_error_in_a_worker_reaches_the_caller() -> None:
    before = _workers()

    def work(batch: Sequence[int]) -> int:
        if 5 in batch:
            raise ValueError("five")
        return batch[0]

    results = in_batches(range(20), work, batch_size=1, threads=2)
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="five"):
        next(results)
    assert _workers() <= before


def test_closing_early_leaves_no_threads() -> None:
    before = _workers()
    results = in_batches(range(100), lambda batch: batch[0], batch_size=1, threads=3)
    assert next(results) == 0
    assert _workers() - before
    results.close()  # type: ignore[attr-defined]
    assert _workers() <= before


def test_load_good_separates_unreadable_photos() -> None:
    def load(number: int) -> str:
        if number % 2:
            raise PhotoError(f"{number} is odd")
        return str(number)

    assert load_good([1, 2, 3, 4], load) == ([2, 4], ["2", "4"], [(1, "1 is odd"), (3, "3 is odd")])


def test_at_least_one_cpu_is_available() -> None:
    assert available_cpus() >= 1


def _workers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("fieldmark")}
