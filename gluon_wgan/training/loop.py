"""One session of a run: the training loop, and what it writes on the way."""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path
from typing import Any, Callable, NoReturn, Optional, Protocol

import numpy as np
from tqdm import tqdm

from gluon_wgan.config.checks import flag_of
from gluon_wgan.config.train_config import PIXELS, TrainConfig, changed_fields, overridden_fields
from gluon_wgan.data.batches import BatchStream
from gluon_wgan.data.pixels import to_bytes
from gluon_wgan.data.store import Store
from gluon_wgan.errors import UserError, last_line, shell_word
from gluon_wgan.runs import checkpoints, figures
from gluon_wgan.runs.curves import RunCurves
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.runs.environment import describe_environment
from gluon_wgan.runs.metrics_csv import MetricsFile, copy_rows, make_row
from gluon_wgan.runs.step_results import CriticScores, Pending
from gluon_wgan.runs.tensorboard import TensorBoard
from gluon_wgan.training import schedule
from gluon_wgan.training.branching import BranchStart
from gluon_wgan.training.engine import Engine
from gluon_wgan.training.exchange import PartnerLost
from gluon_wgan.training.resuming import latest_environment, machine_changes
from gluon_wgan.training.signals import Interrupted, InterruptWatch
from gluon_wgan.training.time_estimate import TimeEstimate
from gluon_wgan.utils import atomic_files, seeding
from gluon_wgan.utils.progress_bars import redraw_seconds

log = logging.getLogger("gluon_wgan")


class Diverged(Exception):
    """A loss is no longer a finite number; the message names the iteration and the saved state."""


class Page(Protocol):
    """The page of a run."""

    path: Path

    def write_if_possible(self) -> None:
        """Write the page, or warn once."""


PageFactory = Callable[[RunDirectory, RunCurves], Page]


class Session:
    """One session of a run: from its beginning, or from its newest checkpoint, to its end.

    Parameters
    ----------
    config, run, store
        What to train, where to, on which pixels.
    engine
        Trains; nothing here knows how.
    resumed
        Whether the run directory holds earlier work.
    watch
        Says when to stop early.
    start
        Where a branch begins that has no checkpoint of its own yet.
    page
        Makes the page of the run, which is written at every sample; None writes none.
    """

    def __init__(
        self,
        config: TrainConfig,
        run: RunDirectory,
        store: Store,
        engine: Engine,
        resumed: bool,
        watch: InterruptWatch,
        progress: bool,
        start: Optional[BranchStart] = None,
        page: Optional[PageFactory] = None,
    ) -> None:
        self.config, self.run, self.watch = config, run, engine.exchange.shared(watch)
        self.engine = engine
        self.writes = engine.exchange.rank == 0  # all else is the same for all workers
        self._pending: Optional[Pending[CriticScores]] = None
        self._estimate = TimeEstimate(engine.program)
        self.state = checkpoints.Progress(0, 0, [], 0, 0.0, {"epoch": 0, "position": 0}, store.content_sha256)
        newest = checkpoints.newest_whole_checkpoint(run.checkpoints) if resumed else None
        if newest is not None:
            self.state = engine.restore(newest)
            self._refuse_other_pixels(store)
        elif start is not None:
            self.state = start.progress
        if self.writes:
            checkpoints.remove_leftovers(run.checkpoints)
        self.batches = BatchStream(
            store,
            batch_size=config.batch_size,
            seed=config.seed,
            keep_last=not config.drop_last,
            state=self.state.data,
            rank=engine.exchange.rank,
            world_size=engine.exchange.workers,
            devices=engine.exchange.devices // engine.exchange.workers,
            flip=config.flip,
        )
        if start is not None:
            copy_rows(start.metrics_file, run.metrics_file, self.state.gen_iter)
        self.metrics = MetricsFile(run.metrics_file, self.state.gen_iter)
        self.curves = RunCurves(run.metrics_file, config.curve_filter)
        self.page = None if page is None else page(run, self.curves)
        self.tensorboard = TensorBoard(run.tensorboard, self.state.gen_iter) if config.tensorboard else None
        sampling = seeding.make_rng(config.seed, seeding.SAMPLING)
        self.fixed_latents = seeding.draw_latents(sampling, figures.GRID, config.nz, config.latent)
        self._begins = newest is None
        self._announce(store, newest, {} if start is None else {"branch": start.lineage})
        self.bar = tqdm(
            total=self._critic_steps_in_all(),
            initial=self.state.critic_steps,
            unit="critic step",
            disable=not (progress and self.writes),
            dynamic_ncols=True,
            smoothing=0.05,
            mininterval=redraw_seconds(),
        )
        engine.exchange.agree({"the checkpoint": [self.state.gen_iter, self.state.critic_steps, self.state.data]})

    def loop(self) -> None:
        """Train until the configured end: critic steps, a generator step, and again."""
        if self._begins:
            self.draw()
            if self.state.gen_iter > 0:  # so that a branch needs the other run no longer
                self.save()
        while not self.finished():
            started = time.perf_counter()
            self.train_critic(started)
            self.state.data = self.batches.state()
            loss_g = self.engine.generator_step().read()
            self.refuse_non_finite(loss_g, "loss_g")
            self.record_iteration(loss_g, started)
            if self.state.gen_iter % self.config.sample_every == 0:
                self.draw()
            if self.state.gen_iter % self.config.checkpoint_every == 0:
                self.save()
            if self.watch.signum is not None and not self.finished():
                self.interrupt()
        self.draw()
        self.save()
        self.bar.close()
        if not self.writes:
            return
        log.info("Finished %d generator iterations. Look at:", self.state.gen_iter)
        files = [self._grid_file("fake"), self.run.samples / "real.png", self.run.curves_file]
        for path in files + ([] if self.page is None else [self.page.path]):
            log.info("  %s", path)

    def train_critic(self, started: float) -> None:
        """Take the critic steps that this generator iteration still lacks."""
        wanted = schedule.critic_steps(self.state.gen_iter, self.config)
        taken = len(self.state.scores)
        while taken < wanted and not (taken and self._data_ended()) and self.watch.signum is None:
            self.state.data = self.batches.state()
            real = next(self.batches)
            result = self.engine.critic_step(real, self.batches.taken)
            self.state.images += self.batches.taken
            taken += 1
            # Reading a step's scores only after the next step is under way keeps the device busy.
            self.record_pending()
            self._pending = result
        self.record_pending()
        if self.watch.signum is not None:
            self.state.seconds += time.perf_counter() - started
            self.interrupt()

    def record_pending(self) -> None:
        """Record the critic step whose scores have not been read yet, if there is one."""
        pending, self._pending = self._pending, None
        if pending is not None:
            self.record_critic_step(pending)

    def record_critic_step(self, result: Pending[CriticScores]) -> None:
        """Record a completed critic step."""
        scores = result.read()
        self.state.scores.append(scores)
        self.state.critic_steps += 1
        self.refuse_non_finite(scores.loss_d + scores.penalty, "loss_d")
        self.bar.update()
        if self.writes:
            self._estimate.count_step(lambda: self._critic_steps_in_all() - self.state.critic_steps)
        self.bar.set_description(f"iteration {self.state.gen_iter}", refresh=False)

    def record_iteration(self, loss_g: float, started: float) -> None:
        """Write the metrics row of the generator iteration that has just ended."""
        self.state.gen_iter += 1
        row = make_row(
            self.state.gen_iter,
            (self._batches_taken() - 1) // self.batches.batches_per_epoch,
            self.state.scores,
            loss_g,
            self.state.seconds + time.perf_counter() - started,
            self.state.images,
            self.config.objective != "dcgan",
        )
        self.metrics.append(row)
        if self.tensorboard is not None:
            self.tensorboard.append(row)
        self.state.scores, self.state.images, self.state.seconds = [], 0, 0.0
        self.bar.set_postfix_str(
            f"loss_d {row.loss_d:.4f}, loss_g {row.loss_g:.4f}, {row.images_per_second:.0f} images/s",
            refresh=False,
        )

    def draw(self) -> None:
        """Draw the fixed latents' images and the curves so far, and the page that shows both."""
        if not self.writes:
            return
        self._draw_grid("fake", self.engine.sample(self.fixed_latents))
        averaged = self.engine.sample_average(self.fixed_latents)
        if averaged is not None:
            self._draw_grid("ema", averaged)
        if self.state.gen_iter > 0:
            figures.save_curves(self.run.curves_file, self.curves.update())
        if self.page is not None:
            self.page.write_if_possible()

    def _draw_grid(self, name: str, images: np.ndarray) -> None:
        """Write a grid of images in [-1, 1], (n, C, H, W), as a file and for TensorBoard."""
        samples = to_bytes(images, self.config.sample_rounding)
        figures.save_grid(self._grid_file(name), samples)
        if self.tensorboard is not None:
            self.tensorboard.add_grid(name, samples, self.state.gen_iter)

    def save(self) -> Path:
        """Save a checkpoint of this very moment."""
        self.refuse_non_finite_weights()
        self.metrics.sync()
        self.state.data = self.batches.state()
        name = checkpoints.checkpoint_name(self.state)
        path = self.write(name)
        if self.writes:
            checkpoints.prune_checkpoints(self.run.checkpoints, self.config.keep_checkpoints, path)
        return path

    def write(self, name: str) -> Path:
        """Write a checkpoint, or let worker 0 write it; return where it is."""
        return self.engine.save(self.run.checkpoints, name, self.state) if self.writes else self.run.checkpoints / name

    def save_after_loss(self, lost: PartnerLost) -> NoReturn:
        """Save the beginning of the step that was lost with another process, exactly, and say how to go on."""
        if not self.writes:
            raise PartnerLost(f"{lost} Worker 0, if it still runs, saves; continue all from its run directory.")
        self.record_pending()
        self.metrics.sync()
        path = self.write(checkpoints.checkpoint_name(self.state))
        raise PartnerLost(
            f"{lost} The state at generator iteration {self.state.gen_iter} is saved in {path}. Start all workers "
            f"again with: python {self.engine.program} --resume {shell_word(self.run.path)}"
        )

    def interrupt(self) -> None:
        """Save, draw what the generator makes now, and stop as the signal asks."""
        assert self.watch.signum is not None
        path = self.save()
        try:
            self.draw()
        except OSError as error:
            log.warning("The samples of iteration %d could not be drawn: %s", self.state.gen_iter, last_line(error))
        if self.writes:
            saved = (
                f" and saved {path}. Continue with: python {self.engine.program} --resume {shell_word(self.run.path)}"
            )
        else:
            saved = "; worker 0 saves the run and says how to continue."
        raise Interrupted(f"Stopped at generator iteration {self.state.gen_iter}{saved}", self.watch.signum)

    def refuse_non_finite_weights(self) -> None:
        """Stop the run, with its state saved, when a weight is NaN or infinite, which a loss need not show."""
        names = self.engine.non_finite()
        if names:
            number = f"{len(names)}, the first is {names[0]}"
            raise self._diverged(f"Weights are not finite at generator iteration {self.state.gen_iter} ({number})")

    def refuse_non_finite(self, loss: float, name: str) -> None:
        """Stop the run, with its state saved, when a loss is NaN or infinite."""
        if math.isfinite(loss):
            return
        last = ", ".join(f"{scores.loss_d:.6g}" for scores in self.state.scores[-5:])
        raise self._diverged(
            f"{name} is {loss} at generator iteration {self.state.gen_iter}, critic step "
            f"{len(self.state.scores)} (last loss_d of this iteration: {last or 'none'})"
        )

    def _diverged(self, what: str) -> Diverged:
        """Save the state, and return the exception that says what is not finite and how to continue."""
        self.state.data = self.batches.state()
        path = self.write(f"nonfinite_{self.state.gen_iter:06d}")
        if not self.writes:  # this worker's folder is a temporary one
            return Diverged(f"{what}; worker 0 saves the state and says how to continue.")
        return Diverged(f"{what}; the state is saved in {path}: {self._advice()}")

    def _advice(self) -> str:
        """Return what to do after a loss that is not finite."""
        config, flags = self.config, f"--lr-d {self.config.lr_d / 2:g} --lr-g {self.config.lr_g / 2:g}"
        words = "lower learning rates" + (" (or a smaller --clip)" if config.objective == "wgan" else "")
        if not self.engine.can_branch or not checkpoints.list_checkpoints(self.run.checkpoints):
            return f"start a new run with {words}, such as {flags}."
        command = f"python {self.engine.program} --branch {shell_word(self.run.path)} {flags}"
        return f"branch from the newest whole checkpoint with {words}: {command}"

    def finished(self) -> bool:
        """Whether the configured end is reached."""
        if self.config.gen_iters is not None:
            return self.state.gen_iter >= self.config.gen_iters
        assert self.config.epochs is not None  # TrainConfig has seen to it
        return self._batches_taken() >= self.config.epochs * self.batches.batches_per_epoch

    def close(self) -> None:
        """Let go of files, threads and the terminal."""
        self.bar.close()
        self.batches.close()
        self.metrics.close()
        if self.tensorboard is not None:
            self.tensorboard.close()

    def _data_ended(self) -> bool:
        """Whether this iteration's critic steps end here for want of data."""
        at_epoch_end = self._batches_taken() % self.batches.batches_per_epoch == 0
        return (self.config.stop_at_epoch_end and at_epoch_end) or (self.config.gen_iters is None and self.finished())

    def _batches_taken(self) -> int:
        state = self.batches.state()
        return state["epoch"] * self.batches.batches_per_epoch + state["position"]

    def _critic_steps_in_all(self) -> int:
        if self.config.gen_iters is not None:
            return schedule.critic_steps_until(self.config.gen_iters, self.config)
        assert self.config.epochs is not None
        return self.config.epochs * self.batches.batches_per_epoch

    def _grid_file(self, name: str) -> Path:
        return self.run.samples / f"{name}_{self.state.gen_iter:06d}.png"

    def _refuse_other_pixels(self, store: Store) -> None:
        if store.content_sha256 != self.state.store_sha256:
            changed = changed_fields(self.run.config(), self.config, [PIXELS])
            reason = f"{', '.join(map(flag_of, changed))} changed" if changed else "the images or a library changed"
            raise UserError(
                f"This run was trained on other pixels ({reason}): put the data back as it was, or start a new run."
            )

    def _announce(self, store: Store, newest: Optional[Path], lineage: dict[str, Any]) -> None:
        environment = {**describe_environment(self.engine.devices), **self.engine.about, **lineage}
        config = self.config
        if newest is None:
            atomic_files.write_json(self.run.environment_file, environment)
            figures.save_grid(self.run.samples / "real.png", np.asarray(store.images[: figures.GRID]))
        else:
            changes = machine_changes(latest_environment(self.run), environment)
            if changes:  # accepted, or the run would have been refused
                environment["accepted_changes"] = changes
                log.warning("On another device than before (%s).", "; ".join(changes))
            atomic_files.write_json(self.run.path / f"environment_{newest.name}.json", environment)
            log.info("Continuing from %s.", newest)
        for branch in lineage.values():
            log.info("Branched from %s at generator iteration %d.", branch["checkpoint"], branch["gen_iter"])
            log.info("Carried over: %s.", ", ".join(branch["carried_over"]))
            if branch["begun_anew"]:
                log.info("Begun anew: %s.", ", ".join(branch["begun_anew"]))
        changed = overridden_fields(config)
        beside = ", ".join(f"{flag_of(name)} {getattr(config, name)}" for name in changed)
        log.info("Preset %s%s.", config.preset, f" with {beside}" if beside else "")
        log.info(
            "%d images of %dx%d, batches of %d, on %s with %s %s.",
            len(store),
            config.image_size,
            config.image_size,
            config.batch_size,
            ", ".join(self.engine.devices),
            environment["threads"],
            "thread" if environment["threads"] == "1" else "threads",
        )
        if self.writes:
            log.info("Run directory: %s", self.run.path)
