"""What may be done to training pictures, as users write it: ``shift(2),rotate(10),flip``."""

from __future__ import annotations

from dataclasses import dataclass

from fastmlp.spec import SHARE, Argument, Range, parse_specs

NONE = "none"
LARGEST = 10_000  # pixels: more than any picture has along an axis that a network is given
_PIXELS = Range(low=0, high=LARGEST)
# Of a Gaussian narrower than half a pixel next to nothing lies beyond the pixel itself.
_WIDTH = Range(low=0.5, high=LARGEST)
WORDS = {
    "shift": (Argument("the number of pixels", 0.0, _PIXELS),),
    "rotate": (Argument("the number of degrees", 0.0, Range(low=0, high=180)),),
    "scale": (Argument("the share", 0.0, SHARE),),
    "elastic": (Argument("alpha", 0.0, _PIXELS), Argument("sigma", 0.0, _WIDTH)),
    "flip": (),
}


@dataclass(frozen=True)
class Augmentation:
    """How training pictures are changed at random, each one anew in each epoch.

    Attributes
    ----------
    shift
        Most pixels by which a picture is moved along each axis.
    rotate
        Most degrees by which it is turned about its middle.
    scale
        It grows by a factor from 1 − scale to 1 + scale.
    alpha, sigma
        Of the elastic field of Simard et al. 2003: noise uniform in ±1 at every pixel, smoothed by
        a Gaussian of deviation ``sigma`` pixels, times ``alpha`` pixels.
    flip
        Whether it is mirrored, left for right, with probability ½.
    """

    shift: float = 0.0
    rotate: float = 0.0
    scale: float = 0.0
    alpha: float = 0.0
    sigma: float = 0.5
    flip: bool = False


def parse_augmentation(text: str) -> Augmentation | None:
    """Return what ``shift(2),rotate(10),scale(0.1),elastic(34,4),flip`` or a part of it says.

    Returns
    -------
    Augmentation or None
        None for ``none``.

    Raises
    ------
    UsageError
        For another word, a wrong number of numbers, one out of range, or a word that comes twice.
    """
    if text.strip().lower() == NONE:
        return None
    words = parse_specs("augment", text, WORDS)
    one = {name: words[name][0] for name in ("shift", "rotate", "scale") if name in words}
    alpha, sigma = words.get("elastic", (Augmentation.alpha, Augmentation.sigma))
    return Augmentation(**one, alpha=alpha, sigma=sigma, flip="flip" in words)
