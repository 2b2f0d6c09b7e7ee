"""Training: the loop, critic and generator steps, losses, gradient penalty, optimizers, schedule, checkpoints."""
