"""Guidance formulas, against the same written out with loops (A28, Perp-Neg, Lin et al.)."""

import pytest
import torch

from training.guidance.diffusion.combine import (
    between_prompts,
    classifier_free,
    perp_negative,
    perpendicular,
    rescale,
)


def images(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, 3, 4, 4)


def test_classifier_free_guidance_moves_away_from_the_empty_prompt():
    empty, prompt = images(2), images(2)
    weight = torch.tensor([1.0, 7.5])
    guided = classifier_free(empty, prompt, weight)
    torch.testing.assert_close(guided[0], prompt[0])
    torch.testing.assert_close(guided[1], empty[1] + 7.5 * (prompt[1] - empty[1]))


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_equation_11_with_any_number_of_ends(count):
    empty, ends = images(2), images(count, 2)
    shares = torch.rand(2, count).softmax(1)
    weight = torch.tensor([4.0, 100.0])
    for i in range(2):
        expected = empty[i].clone()
        for j in range(count):
            expected += shares[i, j] * weight[i] * (ends[j, i] - empty[i])
        torch.testing.assert_close(between_prompts(empty, ends, shares, weight)[i], expected)


def test_equation_11_with_equal_ends_is_plain_guidance():
    empty, end = images(2), images(2)
    shares = torch.tensor([[0.3, 0.7], [0.5, 0.5]])
    weight = torch.tensor([9.0, 30.0])
    torch.testing.assert_close(
        between_prompts(empty, torch.stack([end, end]), shares, weight),
        classifier_free(empty, end, weight),
    )


def test_equation_11_with_all_of_one_end_is_plain_guidance():
    empty, ends = images(2), images(3, 2)
    shares = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    weight = torch.tensor([9.0, 30.0])
    guided = between_prompts(empty, ends, shares, weight)
    torch.testing.assert_close(guided[0], classifier_free(empty, ends[1], weight)[0])
    torch.testing.assert_close(guided[1], classifier_free(empty, ends[2], weight)[1])


def test_the_perpendicular_part_is_perpendicular_and_the_rest_parallel():
    x, direction = images(4), images(4)
    part = perpendicular(x, direction)
    assert (part * direction).sum((1, 2, 3)).abs().max() < 1e-4
    rest = (x - part).flatten(1)
    cosine = torch.nn.functional.cosine_similarity(rest, direction.flatten(1))
    torch.testing.assert_close(cosine.abs(), torch.ones(4))
    assert torch.equal(perpendicular(x, torch.zeros_like(x)), x)


def test_perp_neg_against_the_formula():
    empty, prompt, negatives = images(2), images(2), images(2, 2)
    weights = torch.tensor([[-1.0, -0.2], [0.0, -2.0]])
    direction = perp_negative(empty, prompt, negatives, weights)
    for i in range(2):
        towards = (prompt[i] - empty[i]).flatten()
        expected = towards.clone()
        for j in range(2):
            away = (negatives[j, i] - empty[i]).flatten()
            away = away - (away @ towards) / (towards @ towards) * towards
            expected += weights[i, j] * away
        torch.testing.assert_close(direction[i].flatten(), expected)


def test_perp_neg_keeps_what_negative_and_prompt_share():
    """A negative that is the prompt itself takes nothing away."""
    empty, prompt = images(2), images(2)
    direction = perp_negative(empty, prompt, prompt[None], torch.full((2, 1), -3.0))
    torch.testing.assert_close(direction, prompt - empty, atol=1e-5, rtol=1e-5)


def test_fully_rescaled_guidance_has_the_spread_of_the_plain_prediction():
    guided, plain = 40.0 * images(3), images(3)
    spread = rescale(guided, plain, 1.0).std((1, 2, 3))
    torch.testing.assert_close(spread, plain.std((1, 2, 3)))
    half = rescale(guided, plain, 0.5)
    torch.testing.assert_close(half, 0.5 * rescale(guided, plain, 1.0) + 0.5 * guided)
    assert torch.equal(rescale(guided, plain, 0.0), guided)
