"""What v a copy should have that no training saw."""

import pytest
import torch

from training.amortized.copies import shares_of_copies
from training.assets import Shown

ASSETS, PAINTS, STRETCHES = 14, ("red", "blue", "green"), ("tall", "wide")
LOOKS = [(paint, stretch) for paint in ("", *PAINTS) for stretch in ("", *STRETCHES)]
EVERYTHING = [Shown(i, f"thing {i}", *look) for i in range(ASSETS) for look in LOOKS]
WIDTH = 6
METRIC = torch.eye(WIDTH)
HELD = [i for i in range(len(EVERYTHING)) if (i * 7) % 10 == 3]
KNOWN = [i for i in range(len(EVERYTHING)) if i not in HELD]


def draw(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def sums():
    """v of everything, where each word adds the same to every asset."""
    assets, paints, stretches = (
        draw(count, WIDTH, seed=seed)
        for seed, count in enumerate((ASSETS, len(PAINTS), len(STRETCHES)))
    )
    rows = []
    for each in EVERYTHING:
        v = assets[each.asset]
        v = v + paints[PAINTS.index(each.paint)] if each.paint else v
        rows.append(v + stretches[STRETCHES.index(each.stretch)] if each.stretch else v)
    return torch.stack(rows)


def maps():
    """v of everything, where each word that stretches is one linear map of every asset's v."""
    assets, stretches = draw(ASSETS, WIDTH, seed=0), draw(len(STRETCHES), WIDTH, WIDTH, seed=1)
    rows = []
    for each in EVERYTHING:
        v = assets[each.asset]
        rows.append(stretches[STRETCHES.index(each.stretch)] @ v if each.stretch else v)
    return torch.stack(rows)


def unexplained(v, like=None):
    """What is left of held-out copies, as a share of what their own assets as they are leave."""
    shown = [EVERYTHING[i] for i in HELD]
    known = [EVERYTHING[i] for i in KNOWN]
    told = v[KNOWN] if like is None else like[KNOWN]
    shares = shares_of_copies(shown, known, told, METRIC)
    left = (shares @ v[KNOWN] - v[HELD]).square().sum()
    plain = {each.asset: v[i] for i, each in enumerate(EVERYTHING) if each.as_it_is}
    return (left / (torch.stack([plain[s.asset] for s in shown]) - v[HELD]).square().sum()).item()


def test_what_words_add_to_every_asset_is_found():
    assert unexplained(sums()) < 0.03


def test_what_a_word_does_to_alike_assets_is_found_better_where_it_is_known_which_are_alike():
    v = maps()
    assert unexplained(v) < 0.8 * unexplained(v, like=draw(*v.shape, seed=9))


def test_what_is_known_is_expected_to_be_nearly_what_it_is():
    v = sums()
    shares = shares_of_copies(EVERYTHING, EVERYTHING, v, METRIC)
    assert (shares @ v - v).square().mean() < 0.02 * v.var(0).mean()


def test_shares_sum_to_one_so_that_one_more_number_for_all_changes_nothing_else():
    v = sums()
    shares = shares_of_copies([EVERYTHING[i] for i in HELD], EVERYTHING, v, METRIC)
    assert torch.allclose(shares.sum(1), torch.ones(len(HELD)), atol=1e-4)


@pytest.mark.parametrize("known", [EVERYTHING[1:], EVERYTHING[len(LOOKS) :], EVERYTHING[1:2]])
def test_an_asset_that_is_not_known_as_it_is_or_not_at_all_is_judged_by_the_words_alone(known):
    v = draw(len(known), WIDTH, seed=4)
    shares = shares_of_copies(EVERYTHING[:3], known, v, METRIC)
    assert shares.isfinite().all() and torch.allclose(shares.sum(1), torch.ones(3), atol=1e-4)


def test_more_copies_than_are_looked_at_at_once_are_judged_alike(monkeypatch):
    v, asked = sums(), [EVERYTHING[i] for i in HELD]
    whole = shares_of_copies(asked, EVERYTHING, v, METRIC)
    monkeypatch.setattr("training.amortized.copies.AT_ONCE", 5)
    assert torch.allclose(shares_of_copies(asked, EVERYTHING, v, METRIC), whole, atol=1e-5)
