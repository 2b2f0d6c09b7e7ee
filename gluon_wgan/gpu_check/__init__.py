"""``gpu-check``: whether a GPU, its driver and its libraries compute what this package needs, part by part."""
