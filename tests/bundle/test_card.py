"""The model card that a bundle carries: what it says is what bundle.json says."""

from pathlib import Path

import pytest

from emotionscope.bundle import model_card
from emotionscope.bundle import store as bundle_store
from emotionscope.commands.bundle import Bundle, run
from emotionscope.labels import EMOTIONS


def test_the_card_beside_a_bundle_tells_data_figures_and_label_order(obvious: Path) -> None:
    manifest = bundle_store.read_manifest(str(obvious / "bundle"))
    told = (obvious / "bundle" / "README.md").read_text()
    assert told == model_card.render(manifest)
    assert manifest["version"] in told
    assert ", ".join(EMOTIONS) in told
    for part in ("text", "vision"):
        entry = manifest["parts"][part]
        assert entry["data"]["sha256"] in told
        assert f"{entry['dev']['weighted_f1']:.4f}" in told
    assert f"{manifest['parts']['fusion']['weighted_f1']['dev']['fused']:.4f}" in told
    assert "licence: not stated" in told


def test_a_licence_and_an_odd_name_are_told_on_one_line(obvious: Path) -> None:
    manifest = bundle_store.read_manifest(str(obvious / "bundle"))
    text = {**manifest["parts"]["text"], "licence": "GPL-3 | see\n# here"}
    told = model_card.render({**manifest, "parts": {"text": text}})
    assert "licence: GPL-3 / see # here" in told
    assert "No fusion has been learnt" in told


def test_the_job_shows_a_model_card(obvious: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(Bundle(bundle=str(obvious / "bundle"), card=True))
    told = capsys.readouterr().out
    assert bundle_store.read_manifest(str(obvious / "bundle"))["version"] in told
    assert "Limits" in told
    run(Bundle(card=True))
    assert bundle_store.read_manifest(bundle_store.SHIPPED)["version"] in capsys.readouterr().out
