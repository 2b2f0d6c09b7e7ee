"""Crops that the literature calls by the name of a data set.

CelebA's aligned images are all 178 pixels wide and 218 high, so each crop is one box.
"""

from __future__ import annotations

from gluon_wgan.errors import UserError

Box = tuple[int, int, int, int]

NAMED_CROPS: dict[str, Box] = {
    # 108 x 108 in the centre: Taehoon Kim's DCGAN-tensorflow (--input_height 108 --crop), and most GAN papers since.
    "celeba": (35, 55, 143, 163),
    # 128 x 128 around (89, 121): dataset_tool.py of Progressive GAN and StyleGAN.
    "celeba-128": (25, 57, 153, 185),
    # 138 x 138 from (30, 40): data/crop_celebA.lua of DCGAN's authors (dcgan.torch).
    "celeba-138": (30, 40, 168, 178),
    # 140 x 140 in the centre: NCSN and later score models; tensorpack's DCGAN.
    "celeba-140": (19, 39, 159, 179),
    # 148 x 148 in the centre: variational autoencoders, from Larsen et al. to PyTorch-VAE.
    "celeba-148": (15, 35, 163, 183),
    # 160 x 160 in the centre: compare_gan ("Are GANs Created Equal?").
    "celeba-160": (9, 29, 169, 189),
    # 178 x 178 in the centre, the whole width: StarGAN.
    "celeba-178": (0, 20, 178, 198),
}


def parse_crop(text: str) -> Box:
    """Return the box (left, top, right, bottom) that a name or ``LEFT,TOP,RIGHT,BOTTOM`` means, in pixels.

    Raises UserError if it is neither.
    """
    if text in NAMED_CROPS:
        return NAMED_CROPS[text]
    try:
        left, top, right, bottom = (int(part) for part in text.split(","))
    except ValueError:
        raise UserError(
            f"--crop {text} is neither LEFT,TOP,RIGHT,BOTTOM in pixels nor one of {', '.join(NAMED_CROPS)}."
        ) from None
    return left, top, right, bottom
