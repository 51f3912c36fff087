"""DeepLabv3 against the published checkpoint's names and numbers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crossvox.networks import build_network2d
from crossvox.networks.deeplab import DeepLabHead


@pytest.fixture(scope="module")
def facts(published: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((published / "networks.json").read_text())
    return facts


def keys(network: torch.nn.Module) -> list[list[Any]]:
    return [[n, list(v.shape), str(v.dtype)] for n, v in network.state_dict().items()]


def test_head(published: Path, facts: dict[str, Any]) -> None:
    torch.manual_seed(0)
    head = DeepLabHead(64, 41).eval()
    assert keys(head) == facts["deeplab_head64"]["keys"]
    assert sum(p.numel() for p in head.parameters()) == facts["deeplab_head64"]["params"]
    weights = {
        name: hashlib.sha256(value.numpy().tobytes()).hexdigest()
        for name, value in head.state_dict().items()
    }
    assert weights == facts["deeplab_head64"]["weights_sha256"]
    with np.load(published / "deeplab_head.npz") as io, torch.no_grad():
        generator = torch.Generator().manual_seed(int(io["x_seed"]))
        image = torch.randn(1, 64, 16, 20, generator=generator)
        np.testing.assert_array_equal(image[0, :, :2, :4].numpy(), io["x_first"])
        logits, features = head(image)
        np.testing.assert_allclose(features.numpy(), io["feats"], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(logits.numpy(), io["preds"], rtol=1e-4, atol=1e-5)
        assert (features < 0).any(), "the tap lies before the activation"


def test_seeded_network(facts: dict[str, Any]) -> None:
    expected = facts["deeplabv3"]
    torch.manual_seed(0)
    network = build_network2d("deeplab", 41).eval()
    assert keys(network) == expected["keys"]
    assert sum(p.numel() for p in network.parameters()) == expected["params"] == 31_346_665
    image = torch.randn(1, 3, 256, 328, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        prediction = network(image)
    for value, numbers in (
        (prediction.features, expected["feat"]),
        (prediction.logits, expected["pred"]),
    ):
        assert list(value.shape) == numbers["shape"]
        flat = value.flatten().numpy()
        np.testing.assert_allclose(
            flat[numbers["probe_idx"]], numbers["probe"], rtol=1e-3, atol=1e-3
        )
        assert float(np.abs(flat).sum(dtype=np.float64)) == pytest.approx(
            numbers["abs_sum"], rel=1e-5
        )


def test_the_early_part_is_all_of_the_backbone_but_its_last_stage() -> None:
    network = build_network2d("deeplab", 41)
    network.freeze("early")
    frozen = {n for n, p in network.named_parameters() if not p.requires_grad}
    expected = {
        n
        for n, _ in network.named_parameters()
        if n.startswith("dlv3.backbone.") and ".layer4." not in n
    }
    assert frozen == expected
    assert len(frozen) > 100
