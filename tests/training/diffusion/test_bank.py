"""Views made as training goes: what they show, and that a killed run goes on with the same ones."""

import math
from dataclasses import replace

import pytest
import torch

from backend.protocol.errors import OutputError
from tests.training.diffusion.parts import PROMPTS, tiny_maker
from training.diffusion import bank as module
from training.diffusion.bank import HELD_OUT, BankedViews, StreamingBank
from training.diffusion.config import DataConfig
from training.prompts.views import VIEW_WORDS, view_words
from training.toybox import Renders

SMALL = DataConfig(bank=3, chunk=4, refresh=5, supersample=1)


class Recorder:
    """Stands in for the renderer: remembers what it was asked, answers with flat pictures."""

    def __init__(self):
        self.calls = []

    def __call__(self, batch, cameras, size, *, lights, shading, background, compiled):
        self.calls.append((batch, cameras, lights, shading, background))
        flat = torch.full((len(batch), size, size), 0.5)
        rgb = flat[..., None].expand(-1, -1, -1, 3)
        return Renders(rgb, rgb, flat, flat, rgb)

    def joined(self, part):
        return torch.cat([part(call) for call in self.calls])


@pytest.fixture
def recorder(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(module, "render", recorder)
    return recorder


def same(one: BankedViews, other: BankedViews) -> bool:
    return all(torch.equal(vars(one)[name], vars(other)[name]) for name in vars(one))


def test_statistics_of_cameras_lights_and_shading(recorder):
    config = DataConfig(chunk=6000, albedo_share=0.3)
    views = tiny_maker(config, size=4).chunk(0)
    azimuth = recorder.joined(lambda call: call[1].azimuth)
    elevation = recorder.joined(lambda call: call[1].elevation)
    for values, (low, high) in (
        (torch.rad2deg(azimuth), (0.0, 360.0)),
        (torch.rad2deg(elevation), config.cameras.elevation),
        (recorder.joined(lambda call: call[1].distance), config.cameras.distance),
        (recorder.joined(lambda call: call[1].focal), config.cameras.focal),
    ):
        assert low - 1e-3 <= values.min() and values.max() <= high + 1e-3
        assert values.mean() == pytest.approx((low + high) / 2, rel=0.03)
        assert values.std() == pytest.approx((high - low) / math.sqrt(12), rel=0.05)
    lights = recorder.joined(lambda call: call[2])
    places = recorder.joined(lambda call: call[1].position)
    cosine = torch.nn.functional.cosine_similarity(lights, places, dim=1)
    assert torch.rad2deg(cosine.clamp(-1, 1).acos()).max() <= config.lights.angle[1] + 0.1
    unlit = sum(len(call[0]) for call in recorder.calls if call[3] == "albedo")
    assert unlit / 6000 == pytest.approx(0.3, abs=0.02)
    assert {call[3] for call in recorder.calls} == {"albedo", "full"}
    assert not recorder.joined(lambda call: call[4]).any()
    assert torch.bincount(views.objects).tolist() == [2000] * len(PROMPTS)
    quarters = torch.bincount(views.words, minlength=4) / 6000
    assert (quarters - 0.25).abs().max() < 0.02


def test_words_and_toys_belong_to_the_pictures(recorder):
    maker = tiny_maker(replace(SMALL, chunk=50))
    views = maker.chunk(4)
    lit = torch.tensor([call[3] == "full" for call in recorder.calls for _ in range(len(call[0]))])
    said = [words for call in recorder.calls for words in view_words(call[1], "sided")]
    # The renderer got the unlit ones first, each group in the chunk's order.
    solids = recorder.joined(lambda call: call[0].solids)
    toys = [int((maker._assets.solids == toy).flatten(1).all(1).nonzero()[0]) for toy in solids]
    asked = sorted(zip(toys, said, strict=True))
    kept = [VIEW_WORDS["sided"][word] for word in views.words.tolist()]
    assert asked == sorted(zip(views.objects.tolist(), kept, strict=True))
    assert 0 < lit.sum() < len(lit)


def test_pictures_are_the_toys():
    maker = tiny_maker(replace(SMALL, chunk=8, supersample=2))
    views = maker.chunk(0)
    covered = views.rgba[:, 3].float().mean((1, 2)) / 255
    assert 0.1 < covered.min() and covered.max() < 0.6
    # Color is multiplied by alpha: nothing shines where there is nothing.
    assert (views.rgba[:, :3].amax(1).int() <= views.rgba[:, 3].int() + 1).all()
    around = maker.around(torch.tensor([1, 0]))
    assert around.shape == (2, 4, 4, 16, 16)
    white = around[0, 0, :3] + 1 - around[0, 0, 3:]
    assert (white[:, 0, 0] == 1).all() and white.min() < 0.5


@pytest.mark.parametrize(("share", "shadings"), [(0.0, {"full"}), (1.0, {"albedo"})])
def test_one_kind_of_shading_only(recorder, share, shadings):
    views = tiny_maker(replace(SMALL, albedo_share=share)).chunk(0)
    assert {call[3] for call in recorder.calls} == shadings
    assert len(views.objects) == SMALL.chunk


def test_each_picture_lies_over_its_own_colour():
    rgba = torch.zeros(2, 4, 2, 2, dtype=torch.uint8)
    rgba[1, 3] = 255
    rgba[1, 0] = 255
    views = BankedViews(rgba, torch.zeros(2, dtype=torch.long), torch.zeros(2, dtype=torch.long))
    colors = torch.tensor([[0.0, 0.5, 1.0], [0.0, 0.5, 1.0]])
    clear, full = views.over(torch.tensor([0, 1]), colors)
    assert clear[:, 0, 0].tolist() == [-1.0, 0.0, 1.0]
    assert full[:, 0, 0].tolist() == [1.0, -1.0, -1.0]


def test_the_ring_takes_in_one_chunk_at_a_time(tmp_path):
    bank = StreamingBank(tiny_maker(SMALL), tmp_path)
    assert [bank.numbers(step) for step in (0, 4, 5, 10, 15)] == [
        [0, 1, 2],
        [0, 1, 2],
        [3, 1, 2],
        [3, 4, 2],
        [3, 4, 5],
    ]
    bank.close()


def test_without_refresh_the_views_stay(tmp_path):
    bank = StreamingBank(tiny_maker(replace(SMALL, refresh=0)), tmp_path)
    assert bank.numbers(10**6) == [0, 1, 2]
    bank.close()


def test_a_resumed_run_has_the_same_views(recorder, tmp_path):
    recorder.calls.clear()
    steady = StreamingBank(tiny_maker(SMALL), tmp_path / "a")
    for step in range(33):
        steady.advance(step)
    resumed = StreamingBank(tiny_maker(SMALL), tmp_path / "b")
    resumed.advance(32)
    assert same(steady.views, resumed.views)
    steady.close()
    resumed.close()


def test_chunks_are_read_back_and_old_ones_deleted(recorder, tmp_path):
    bank = StreamingBank(tiny_maker(SMALL), tmp_path)
    for step in range(60):
        bank.advance(step)
    bank.close()
    files = sorted(int(path.stem[-6:]) for path in tmp_path.iterdir())
    assert set(bank.numbers(59)) <= set(files)
    assert len(files) <= 2 * SMALL.bank + 1
    made = len(recorder.calls)
    again = StreamingBank(tiny_maker(SMALL), tmp_path)
    again.advance(58)
    again.close()
    assert len(recorder.calls) <= made + 2  # the helper's next chunk at most
    assert same(again.views, bank.views)


def test_a_damaged_chunk_is_made_again(recorder, tmp_path):
    bank = StreamingBank(tiny_maker(SMALL), tmp_path)
    bank.advance(0)
    bank.close()
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:40])
    again = StreamingBank(tiny_maker(SMALL), tmp_path)
    again.advance(0)
    again.close()
    assert same(again.views, bank.views)


def test_other_settings_have_other_pictures():
    makers = [
        tiny_maker(SMALL),
        tiny_maker(SMALL, seed=1),
        tiny_maker(SMALL, size=8),
        tiny_maker(replace(SMALL, albedo_share=0.5)),
    ]
    assert len({maker.fingerprint for maker in makers}) == len(makers)


def test_the_held_out_chunk_is_never_in_the_ring(tmp_path):
    bank = StreamingBank(tiny_maker(SMALL), tmp_path)
    assert all(HELD_OUT not in bank.numbers(step) for step in range(100))
    bank.close()
    held, first = tiny_maker(SMALL).chunk(HELD_OUT), tiny_maker(SMALL).chunk(0)
    assert not torch.equal(held.rgba, first.rgba)


def test_a_full_disk_is_named(recorder, tmp_path, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "atomic_write", full)
    bank = StreamingBank(tiny_maker(SMALL), tmp_path)
    with pytest.raises(OutputError, match="No space left"):
        bank.advance(0)
    bank.close()
