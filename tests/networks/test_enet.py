"""ENet against the published checkpoint's names and numbers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from crossvox.networks import build_network2d
from crossvox.networks.enet import FIXED, TAP, ENet


@pytest.fixture(scope="module")
def facts(published: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((published / "networks.json").read_text())["enet"]
    return facts


@pytest.fixture(scope="module")
def network(enet_state: dict[str, Tensor]) -> ENet:
    network = ENet(41).eval()
    network.load_state_dict(enet_state)
    return network


def sha256(value: Tensor) -> str:
    return hashlib.sha256(value.detach().numpy().tobytes()).hexdigest()


@pytest.fixture
def one_thread() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def probe(value: Tensor, facts: dict[str, Any]) -> None:
    assert list(value.shape) == facts["shape"]
    flat = value.flatten().numpy()
    np.testing.assert_allclose(flat[facts["probe_idx"]], facts["probe"], rtol=1e-4, atol=1e-5)
    assert float(np.abs(flat).sum(dtype=np.float64)) == pytest.approx(facts["abs_sum"], rel=1e-5)
    assert float(flat.std(dtype=np.float64)) == pytest.approx(facts["std"], rel=1e-5)


def test_keys_shapes_and_counts(network: ENet, facts: dict[str, Any]) -> None:
    found = [[n, list(v.shape), str(v.dtype)] for n, v in network.state_dict().items()]
    assert found == facts["keys"]
    assert sum(p.numel() for p in network.parameters()) == facts["params"] == 343_404
    numbered = [name for name, _ in network.named_children() if name != "rescale"]
    assert numbered == [str(number) for number in range(27)]
    assert len(numbered) == facts["n_modules"]
    assert facts["trainable_split"] == [FIXED, TAP]


def test_a_seed_gives_the_published_starting_weights(facts: dict[str, Any]) -> None:
    torch.manual_seed(0)
    own = dict(build_network2d("enet", 41).named_parameters())
    expected = facts["weights_sha256"]
    assert own.keys() == expected.keys()
    other = [name for name, value in own.items() if sha256(value) != expected[name]]
    assert other == []


def test_small_image(network: ENet, published: Path, one_thread: None) -> None:
    with np.load(published / "enet_answers.npz") as io, torch.no_grad():
        generator = torch.Generator().manual_seed(int(io["small_x_seed"]))
        image = torch.randn(1, 3, 64, 80, generator=generator)
        np.testing.assert_array_equal(image[0, :, :8, :8].numpy(), io["small_x_first"])
        features = network.features(image)
        out = network.get_submodule("26")(features).numpy()
        np.testing.assert_allclose(out, io["small_out"], rtol=1e-4, atol=1e-5)


def test_published_size(
    network: ENet, published: Path, facts: dict[str, Any], one_thread: None
) -> None:
    with np.load(published / "enet_answers.npz") as io, torch.no_grad():
        generator = torch.Generator().manual_seed(int(io["x_seed"]))
        image = torch.randn(1, 3, 256, 328, generator=generator)
        np.testing.assert_array_equal(image[0, :, :8, :8].numpy(), io["x_first"])
        prediction = network(image)
        small = network.get_submodule("26")(prediction.features)
        np.testing.assert_allclose(small.numpy(), io["out"], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            prediction.features[:, ::8].numpy(), io["feat"], rtol=1e-4, atol=1e-5
        )
        assert prediction.logits.shape == (1, 41, 256, 328)
        probe(small, facts["out"])
        probe(prediction.features, facts["feat"])
        children = [network.get_submodule(str(number)) for number in range(27)]
        value = torch.cat((children[0](image), children[1](image)), dim=1)
        for child in children[2:FIXED]:
            value = child(value)
        probe(value, facts["fixed"])


def test_dropout_damps_at_evaluation_and_keeps_the_mean_in_training() -> None:
    dropout = next(m for m in ENet(3).modules() if type(m).__name__ == "_Dropout" and m.p == 0.1)
    ones = torch.ones(1, 1000, 2, 2)
    torch.testing.assert_close(dropout.eval()(ones), ones * 0.9)
    torch.manual_seed(0)
    value = dropout.train()(ones)
    assert sorted(value.unique().tolist()) == pytest.approx([0, 1])
    assert value.mean().item() == pytest.approx(0.9, abs=0.03)
